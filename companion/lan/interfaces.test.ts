import type { NetworkInterfaceInfo } from 'node:os'
import { describe, expect, it } from 'vitest'
import {
  AddressWatch,
  isLanAddress,
  lanAddresses,
  netmaskOf,
  sameNetwork,
  type LanAddress,
} from './interfaces.ts'

function info(address: string, rest: Partial<NetworkInterfaceInfo> = {}): NetworkInterfaceInfo {
  const v4 = { family: 'IPv4', netmask: '255.255.255.0', mac: '', internal: false, cidr: null }
  return { ...v4, address, ...rest } as NetworkInterfaceInfo
}
const addressesOf = (interfaces: NodeJS.Dict<NetworkInterfaceInfo[]>): string[] =>
  lanAddresses(interfaces).map(({ address }) => address)

describe('the addresses other devices may use', () => {
  it('puts private networks first and leaves loopback, IPv6, containers and tunnels out', () => {
    expect(
      addressesOf({
        lo: [info('127.0.0.1', { internal: true })],
        docker0: [info('172.17.0.1')],
        'br-1a2b3c4d5e6f': [info('172.18.0.1')],
        'vEthernet (WSL)': [info('172.28.0.1')],
        utun3: [info('10.8.0.2')],
        wan0: [info('93.184.216.9')],
        bnep0: [info('169.254.7.7')],
        eth0: [info('192.168.1.5'), info('fd00::2', { family: 'IPv6', scopeid: 0 })],
        wlan0: [info('10.42.0.1')],
        usb0: [info('192.168.42.100')],
      }),
    ).toEqual(['192.168.1.5', '10.42.0.1', '192.168.42.100', '93.184.216.9'])
  })

  it('takes what there is where nothing better is', () => {
    expect(addressesOf({ bnep0: [info('169.254.7.7')], docker0: [info('172.17.0.1')] })).toEqual([
      '172.17.0.1',
      '169.254.7.7',
    ])
    expect(addressesOf({ lo: [info('127.0.0.1', { internal: true })] })).toEqual([])
    // Internet sharing of macOS and a hotspot of Windows.
    expect(addressesOf({ bridge100: [info('192.168.2.1')], utun0: [info('10.1.1.1')] })).toEqual(['192.168.2.1']) // prettier-ignore
    expect(addressesOf({ 'Local Area Connection* 10': [info('192.168.137.1')] })).toEqual(['192.168.137.1']) // prettier-ignore
  })

  it('knows private addresses from others, at the edges too', () => {
    for (const inside of [
      '10.255.255.255',
      '172.16.0.0',
      '172.31.255.255',
      '192.168.0.1',
      '100.127.1.1',
      '::ffff:10.1.2.3',
      '127.0.0.1',
    ])
      // prettier-ignore
      expect(isLanAddress(inside), inside).toBe(true)
    for (const outside of [
      '9.255.255.255',
      '192.0.3.1',
      '198.20.0.1',
      '172.15.0.1',
      '172.32.0.0',
      '192.169.0.1',
      '100.128.0.1',
      '8.8.8.8',
      '1.2.3',
      '10.0.0.256',
      '',
      'fd00::2',
      'silo.local',
    ])
      // prettier-ignore
      expect(isLanAddress(outside), outside).toBe(false)
    expect(netmaskOf(12)).toBe('255.240.0.0')
    expect(netmaskOf(0)).toBe('0.0.0.0')
    expect(netmaskOf(32)).toBe('255.255.255.255')
    expect(sameNetwork('192.168.1.5', '192.168.1.77', '255.255.255.0')).toBe(true)
    expect(sameNetwork('192.168.1.5', '192.168.2.77', '255.255.255.0')).toBe(false)
  })
})

function entry(address: string): LanAddress {
  return { address, netmask: '255.255.255.0', interfaceName: 'eth0' }
}

describe('the watch', () => {
  it('tells each change once, and nobody after the end', () => {
    let now = [entry('10.0.0.1')]
    const watch = new AddressWatch({ intervalMs: 3_600_000, read: () => now })
    const seen: string[][] = []
    const stop = watch.onAddressesChanged((list) => seen.push(list.map(({ address }) => address)))
    watch.check()
    now = [entry('10.0.0.1')]
    watch.check()
    expect(seen).toEqual([])
    now = [entry('10.0.0.2'), entry('10.0.0.1')]
    watch.check()
    watch.check()
    expect(seen).toEqual([['10.0.0.2', '10.0.0.1']])
    expect(watch.addresses).toEqual(now)
    stop()
    now = []
    watch.check()
    expect(seen).toHaveLength(1)
    watch[Symbol.dispose]()
  })

  it('looks by itself', async () => {
    let now: LanAddress[] = []
    using watch = new AddressWatch({ intervalMs: 10, read: () => now })
    const changed = new Promise<readonly LanAddress[]>((resolve) => watch.onAddressesChanged(resolve)) // prettier-ignore
    now = [{ address: '10.0.0.9', netmask: '255.0.0.0', interfaceName: 'usb0' }]
    expect(await changed).toEqual(now)
  })
})
