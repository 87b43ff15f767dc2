import { describe, expect, it } from 'vitest'
import { movedAddresses, planDial, roadOf, typedAddress } from './addresses.ts'

const hash = 'uEiAsGPzpiPGQzSlVHRXrUCT5EkTV7YFrV4VZ3hpEKTd_zg'
const rtc = (host: string) => `/ip4/${host}/udp/7452/webrtc-direct/certhash/${hash}`
const ws = (host: string) => `/ip4/${host}/tcp/7452/ws`
const order = (addresses: string[], more: object = {}) =>
  planDial({ addresses, ...more }, 1_000_000).map(({ address }) => address)

describe('planDial', () => {
  it('gives WebRTC a head start and leaves out what a browser cannot dial', () => {
    const plan = planDial(
      { addresses: [ws('10.0.0.2'), '/ip4/10.0.0.2/tcp/7453', rtc('10.0.0.2'), rtc('10.1.0.2')] },
      0,
    )
    expect(plan.map(({ address }) => address)).toEqual([
      rtc('10.0.0.2'),
      rtc('10.1.0.2'),
      ws('10.0.0.2'),
    ])
    expect(plan.map(({ delayMs }) => delayMs)).toEqual([0, 150, 800])
  })

  it('begins at once where there is only one kind', () => {
    expect(planDial({ addresses: [ws('10.0.0.2')] }, 0)).toEqual([
      { address: ws('10.0.0.2'), delayMs: 0 },
    ])
    expect(planDial({ addresses: ['/ip4/10.0.0.2/tcp/7453'] }, 0)).toEqual([])
  })

  it('lets WebSocket go first for a while after WebRTC failed', () => {
    const both = [rtc('10.0.0.2'), ws('10.0.0.2')]
    expect(order(both, { webrtcFailedAt: 999_000 })).toEqual([ws('10.0.0.2'), rtc('10.0.0.2')])
    expect(order(both, { webrtcFailedAt: 1_000_000 - 11 * 60_000 })).toEqual(both)
  })

  it('begins each kind with what worked last, and dials nothing twice', () => {
    const id = '/p2p/12D3KooWGzxzKZYveHXtpG6AsrUJBcWxHBFS2HsEoGTxrMLvKXtf'
    const known = [rtc('10.0.0.2') + id, ws('10.0.0.2') + id, ws('10.1.0.2') + id]
    expect(order(known, { lastAddress: ws('10.1.0.2') })).toEqual([
      rtc('10.0.0.2') + id,
      ws('10.1.0.2') + id,
      ws('10.0.0.2') + id,
    ])
  })
})

describe('typedAddress', () => {
  it.each([
    ['192.168.1.5:7452', '/ip4/192.168.1.5/tcp/7452/ws'],
    [' 192.168.1.5 ', '/ip4/192.168.1.5/tcp/7452/ws'],
    ['ws://192.168.1.5:80/', '/ip4/192.168.1.5/tcp/80/ws'],
    ['silo.local', '/dns/silo.local/tcp/7452/ws'],
    ['desk:9000', '/dns/desk/tcp/9000/ws'],
    ['[fe80::1]:7452', '/ip6/fe80::1/tcp/7452/ws'],
    [ws('10.0.0.9'), ws('10.0.0.9')],
  ])('reads %s', (text, address) => {
    expect(typedAddress(text, 7452)).toBe(address)
    expect(roadOf(address)).toBe('websocket')
  })

  it.each([
    '',
    'a b',
    'http://x/y',
    '10.0.0.2:0',
    '10.0.0.2:70000',
    '/ip4/10.0.0.2/tcp/7453',
    '[zz]:1',
  ])('refuses %s', (text) => {
    expect(() => typedAddress(text, 7452)).toThrow(/not valid/)
  })
})

describe('movedAddresses', () => {
  it('puts the host that was seen into the addresses that are known', () => {
    expect(movedAddresses([rtc('10.0.0.2'), ws('10.0.0.2')], ['/ip4/10.0.0.77/tcp/7453'])).toEqual([
      rtc('10.0.0.77'),
      ws('10.0.0.77'),
      rtc('10.0.0.2'),
      ws('10.0.0.2'),
    ])
  })

  it('takes what a browser can dial as it is, and never mixes IPv4 and IPv6', () => {
    expect(movedAddresses([ws('10.0.0.2')], [ws('10.0.0.3'), '/ip6/fd00::5/tcp/7453'])).toEqual([
      ws('10.0.0.3'),
      ws('10.0.0.2'),
    ])
    expect(movedAddresses([ws('10.0.0.2')], [])).toEqual([ws('10.0.0.2')])
  })
})
