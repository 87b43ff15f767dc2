import { SiloError } from '#shared/errors/silo-error.ts'
import { typedAddress as readAddress } from '#shared/protocol/typed-address.ts'
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

/** What a person types to find a companion, as far as a browser can dial it. @throws SiloError bad_request */
export function typedAddress(text: string, defaultPort: number): string {
  const address = readAddress(text, defaultPort)
  if (roadOf(address)) return address
  throw new SiloError('bad_request', { params: { detail: 'address' }, field: 'address' })
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
