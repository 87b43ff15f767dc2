import { SiloError } from '#shared/errors/silo-error.ts'
import type { Candidate } from './address-race.ts'

/** The road by which a browser can dial an address; undefined for those it cannot, e.g. bare TCP. */
export function roadOf(address: string): 'webrtc' | 'websocket' | undefined {
  if (/\/webrtc-direct(\/|$)/.test(address)) return 'webrtc'
  return /\/wss?(\/|$)/.test(address) ? 'websocket' : undefined
}

/** How long one kind of road may try alone before the other one joins, ms. */
const headStartMs = 800
/** Between two addresses of one kind, ms: most that will not answer never say so. */
const staggerMs = 150
/** For this long a failure of WebRTC lets WebSocket go first, ms. */
const failureCountsMs = 10 * 60_000
const mostAddresses = 10

/** In which order and when addresses are dialled: WebRTC first, unless it failed lately; what worked last leads its kind. */
export function planDial(
  companion: {
    readonly addresses: readonly string[]
    readonly lastAddress?: string | undefined
    readonly webrtcFailedAt?: number | undefined
  },
  now: number,
): Candidate[] {
  const { lastAddress, webrtcFailedAt = -Infinity } = companion
  const known = lastAddress === undefined ? companion.addresses : [lastAddress, ...companion.addresses] // prettier-ignore
  const unique = [...new Map(known.map((address) => [withoutId(address), address])).values()]
  const groups = [
    unique.filter((address) => roadOf(address) === 'webrtc'),
    unique.filter((address) => roadOf(address) === 'websocket'),
  ]
  if (now - webrtcFailedAt < failureCountsMs) groups.reverse()
  return groups
    .filter((group) => group.length > 0)
    .flatMap((group, rank) =>
      group.map((address, index) => ({ address, delayMs: rank * headStartMs + index * staggerMs })),
    )
    .slice(0, mostAddresses)
}

/**
 * What a person types to find a companion: `192.168.1.5:7452`, a host name, an IPv6 address in brackets, or a
 * multiaddr. WebRTC needs a certificate hash that nobody types, so these are WebSocket addresses.
 * @throws SiloError bad_request
 */
export function typedAddress(text: string, defaultPort: number): string {
  const typed = text.trim().replace(/^wss?:\/\//i, '').replace(/\/+$/, '') // prettier-ignore
  if (typed.startsWith('/') && roadOf(typed)) return typed
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9-]+(?:\.[a-z0-9-]+)*))(?::(\d{1,5}))?$/i.exec(typed)
  const port = Number(match?.[3] ?? defaultPort)
  if (!match || port < 1 || port > 65_535)
    throw new SiloError('bad_request', { params: { detail: 'address' }, field: 'address' })
  const [, six, name = ''] = match
  const host = six ? `ip6/${six}` : /^\d+(\.\d+){3}$/.test(name) ? `ip4/${name}` : `dns/${name}`
  return `/${host}/tcp/${port}/ws`
}

function withoutId(address: string): string {
  return address.replace(/\/p2p\/[^/]+$/, '')
}

/**
 * Where a browser can dial a companion that another one has `seen`: what it saw, and, since companions see each other by
 * TCP only, the known addresses with the hosts it saw. A certificate stays the same when a companion moves.
 */
export function movedAddresses(known: readonly string[], seen: readonly string[]): string[] {
  const hosts = seen.flatMap((address) => /^\/(ip[46])\/([^/]+)\//.exec(address)?.slice(1, 3).join('/') ?? []) // prettier-ignore
  const moved = known.flatMap((address) => {
    const kind = /^\/(ip[46])\//.exec(address)?.[1]
    return hosts
      .filter((host) => kind && host.startsWith(kind))
      .map((host) => address.replace(/^\/ip[46]\/[^/]+/, `/${host}`))
  })
  const dialled = seen.filter((address) => roadOf(address))
  return [...new Set([...dialled, ...moved, ...known])]
}
