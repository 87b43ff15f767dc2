import type { TransportKind } from '#shared/domain/device.ts'

export interface LinkAddressParts {
  readonly id: string
  readonly port: number
  readonly certhash: string
  /** IPv4 addresses of this machine, best first; loopback is added where there is no other. */
  readonly hosts: readonly string[]
  /** Names that the network resolves to this machine, e.g. `silo-ab12cd.local`. */
  readonly names: readonly string[]
}

/** Where this companion can be dialled, best first: WebRTC and WebSocket for browsers, TCP for companions. */
export function linkAddresses({ id, port, certhash, hosts, names }: LinkAddressParts): string[] {
  const all = hosts.length > 0 ? hosts : ['127.0.0.1']
  return [
    ...all.map((host) => `/ip4/${host}/udp/${port}/webrtc-direct/certhash/${certhash}`),
    ...all.map((host) => `/ip4/${host}/tcp/${port}/ws`),
    ...names.map((name) => `/dns4/${name}/tcp/${port}/ws`),
    ...all.map((host) => `/ip4/${host}/tcp/${port + 1}`),
  ].map((address) => `${address}/p2p/${id}`)
}

/** The road a connection came by. */
export function roadOf(address: string): Exclude<TransportKind, 'loopback'> {
  if (/\/webrtc/.test(address)) return 'webrtc'
  return /\/wss?(\/|$)/.test(address) ? 'websocket' : 'tcp'
}
