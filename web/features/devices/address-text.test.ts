import { describe, expect, it } from 'vitest'
import { addressText, isLoopbackLink, typedAddress } from './address-text.ts'

describe('addressText', () => {
  it('names the place and the road', () => {
    expect(addressText('/ip4/192.168.1.5/udp/7452/webrtc-direct/certhash/uEi')).toEqual({
      place: '192.168.1.5:7452',
      road: 'webrtc',
    })
    expect(addressText('/ip6/fd00::5/tcp/7452/ws/p2p/12D3')).toEqual({
      place: '[fd00::5]:7452',
      road: 'websocket',
    })
    expect(addressText('/dns4/silo.local/tcp/7453')).toEqual({
      place: 'silo.local:7453',
      road: 'tcp',
    })
  })
  it('leaves what it does not know as it is', () => {
    expect(addressText('/unix/tmp')).toEqual({ place: '/unix/tmp' })
  })
})

describe('isLoopbackLink', () => {
  it('tells a link for this machine from one for others', () => {
    for (const host of ['127.0.0.1:7450', 'localhost:7450', '[::1]:7450'])
      expect(isLoopbackLink(`http://${host}/pair#v=1`), host).toBe(true)
    for (const host of ['192.168.1.5:7451', 'localhost.example.org', 'silo.local:7451'])
      expect(isLoopbackLink(`https://${host}/pair#v=1`), host).toBe(false)
  })
})

describe('typedAddress', () => {
  it('takes a host, a host with a port, or a multiaddr', () => {
    expect(typedAddress(' 192.168.1.5 ', 7453)).toBe('/ip4/192.168.1.5/tcp/7453')
    expect(typedAddress('nas.lan:9000', 7453)).toBe('/dns/nas.lan/tcp/9000')
    expect(typedAddress('[fd00::5]:9000', 7453)).toBe('/ip6/fd00::5/tcp/9000')
    expect(typedAddress('/ip4/10.0.0.1/tcp/1', 7453)).toBe('/ip4/10.0.0.1/tcp/1')
  })
  it('refuses anything else', () => {
    for (const text of ['', 'two words', 'host:99999', 'http://x', '/ip4', 'host:0'])
      expect(typedAddress(text, 7453), text).toBeUndefined()
  })
})
