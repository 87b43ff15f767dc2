import { SiloError } from '#shared/errors/silo-error.ts'

/** An address and when its turn comes, ms after the start, unless those before it have failed already. */
export interface Candidate {
  readonly address: string
  readonly delayMs: number
}

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
 * Tries addresses as planned and resolves with the first that succeeds; the others are aborted. An error that is
 * `final` for one is final for all.
 * @throws the signal's reason, the final error, or companion_unreachable when every address has failed
 */
export async function raceAddresses<T>(
  candidates: readonly Candidate[],
  attempt: (address: string, signal: AbortSignal) => Promise<T>,
  options: {
    readonly signal: AbortSignal
    readonly final: (error: unknown) => boolean
    /** Called with a success that came after another one. */
    readonly discard: (late: T) => void
  },
): Promise<{ value: T; address: string; failed: readonly string[] }> {
  const { signal } = options
  signal.throwIfAborted()
  const over = new AbortController()
  const both = AbortSignal.any([signal, over.signal])
  const failed: string[] = []
  const waiting = [...candidates]
  const { promise, resolve, reject } = Promise.withResolvers<{ value: T; address: string; failed: readonly string[] }>() // prettier-ignore
  let timer: ReturnType<typeof setTimeout> | undefined
  let running = 0
  const startedAt = Date.now()

  const next = (): void => {
    clearTimeout(timer)
    if (both.aborted) return
    const [candidate] = waiting
    if (!candidate) {
      if (running === 0) reject(new SiloError('companion_unreachable'))
      return
    }
    const dueIn = running === 0 ? 0 : candidate.delayMs - (Date.now() - startedAt)
    if (dueIn > 0) {
      timer = setTimeout(next, dueIn)
      return
    }
    waiting.shift()
    running++
    void run(candidate.address)
    next()
  }
  const run = async (address: string): Promise<void> => {
    try {
      const value = await attempt(address, both)
      if (both.aborted) return options.discard(value)
      resolve({ value, address, failed: [...failed] })
      over.abort(new Error('another address was faster'))
    } catch (error) {
      failed.push(address)
      running--
      if (options.final(error)) reject(error)
      else next()
    }
  }
  const give = (): void => reject(signal.reason)
  signal.addEventListener('abort', give, { once: true })
  next()
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', give)
    over.abort(new Error('the race is over'))
  }
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
