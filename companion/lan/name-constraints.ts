import { lanNetworks, netmaskOf } from './interfaces.ts'

/** DNS names under which the authority may sign: these and what is below them. */
export const permittedDomains = ['local', 'localhost'] as const

/**
 * The extension of RFC 5280 §4.2.1.10, as DER: `.local`, localhost and private IPv4 networks are permitted. IPv6
 * addresses are refused with it, since an address has to be in one of the networks named.
 */
export function nameConstraints(): Uint8Array<ArrayBuffer> {
  const names = permittedDomains.map((domain) => der(0x82, Buffer.from(domain, 'ascii')))
  const networks = lanNetworks.map(([network, bits]) =>
    der(0x87, Buffer.from([...octets(network), ...octets(netmaskOf(bits))])),
  )
  const subtrees = [...names, ...networks].map((name) => der(0x30, name))
  return new Uint8Array(der(0x30, der(0xa0, Buffer.concat(subtrees))))
}

function der(tag: number, content: Uint8Array): Buffer {
  const length = content.length < 128 ? [content.length] : [0x81, content.length]
  return Buffer.concat([Buffer.from([tag, ...length]), content])
}

function octets(address: string): number[] {
  return address.split('.').map(Number)
}
