import { BlockList, isIP } from 'node:net'

/** Where an address lies: on this computer, in this house, or outside. */
export type Place = 'self' | 'house' | 'outside'

const self = new BlockList()
self.addSubnet('127.0.0.0', 8, 'ipv4')
self.addAddress('0.0.0.0', 'ipv4')
self.addAddress('::1', 'ipv6')
self.addAddress('::', 'ipv6')

const house = new BlockList()
for (const [net, bits] of [
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['169.254.0.0', 16],
  // Shared by carriers and by networks laid over the Internet; no public machine has such an address.
  ['100.64.0.0', 10],
  ['224.0.0.0', 24],
  ['239.0.0.0', 8],
  ['255.255.255.255', 32],
] as const)
  house.addSubnet(net, bits, 'ipv4')
for (const [net, bits] of [
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 13],
] as const)
  house.addSubnet(net, bits, 'ipv6')

/** Nobody's, for tests and documents, or forms that carry another address within: never a web site's. */
const special = new BlockList()
for (const [net, bits] of [
  ['0.0.0.0', 8],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const)
  special.addSubnet(net, bits, 'ipv4')
for (const [net, bits] of [
  ['::', 96],
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
  ['fec0::', 10],
  ['ff00::', 8],
] as const)
  special.addSubnet(net, bits, 'ipv6')

/** The place of an IP address, with or without a zone or brackets. What is no address is outside. */
export function placeOf(address: string): Place {
  const [ip, family] = plain(address)
  if (!family) return 'outside'
  if (self.check(ip, family)) return 'self'
  return house.check(ip, family) ? 'house' : 'outside'
}

/** Can this be the address of a public web site? */
export function isPublic(address: string): boolean {
  const [ip, family] = plain(address)
  return family !== undefined && placeOf(ip) === 'outside' && !special.check(ip, family)
}

/** A host as it stands in an address of the web, as this machine's resolver is given it. */
export function bareHost(host: string): string {
  return host.toLowerCase().replace(/^\[|\]$/g, '').replace(/\.$/, '') // prettier-ignore
}

/** Does the name mean this computer, without anybody being asked? */
export function isOwnName(host: string): boolean {
  return /^(.+\.)?localhost$/.test(bareHost(host))
}

function plain(address: string): [ip: string, family: 'ipv4' | 'ipv6' | undefined] {
  const bare = bareHost(address).replace(/%.*$/, '')
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(bare)?.[1]
  if (mapped) return [mapped, 'ipv4']
  // The same in hexadecimal.
  const hex = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(bare)
  if (hex) {
    const [high, low] = [Number.parseInt(hex[1]!, 16), Number.parseInt(hex[2]!, 16)]
    return [`${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`, 'ipv4']
  }
  const version = isIP(bare)
  return [bare, version === 4 ? 'ipv4' : version === 6 ? 'ipv6' : undefined]
}
