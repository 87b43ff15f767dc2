import type { TransportKind } from '#shared/domain/device.ts'

export interface AddressText {
  /** `192.168.1.5:7452`; the address as it is where its parts are not known. */
  readonly place: string
  readonly road?: TransportKind
}

/** What a person needs of a multiaddr: where, and by which road. For showing only. */
export function addressText(address: string): AddressText {
  const [, family, host = '', transport, port, next] = address.split('/')
  if (!family || !['ip4', 'ip6', 'dns', 'dns4', 'dns6'].includes(family) || !port)
    return { place: address }
  const place = family === 'ip6' ? `[${host}]:${port}` : `${host}:${port}`
  if (transport === 'udp') return next === 'webrtc-direct' ? { place, road: 'webrtc' } : { place }
  return { place, road: next === 'ws' || next === 'wss' || next === 'tls' ? 'websocket' : 'tcp' }
}

/** Whether a link leads to the machine it was made on, and so to no other. */
export function isLoopbackLink(link: string): boolean {
  try {
    return /^(localhost|127(\.\d+){3}|\[::1\])$/.test(new URL(link).hostname)
  } catch {
    return false
  }
}

/**
 * The multiaddr of what a person typed: a multiaddr, `host`, or `host:port`. Undefined where it is neither.
 * Companions listen to each other on `defaultPort` unless told otherwise.
 */
export function typedAddress(text: string, defaultPort: number): string | undefined {
  const typed = text.trim()
  if (typed.startsWith('/')) return /^\/[a-z0-9-]+\/\S+$/.test(typed) ? typed : undefined
  const [, six, four, port] = /^(?:\[([0-9a-fA-F:]+)\]|([A-Za-z0-9.-]+))(?::(\d{1,5}))?$/.exec(typed) ?? [] // prettier-ignore
  const host = six ?? four
  const number = port === undefined ? defaultPort : Number(port)
  if (!host || number < 1 || number > 65_535) return undefined
  const family = six ? 'ip6' : /^\d+(\.\d+){3}$/.test(host) ? 'ip4' : 'dns'
  return `/${family}/${host}/tcp/${number}`
}
