import type { Transport } from '#shared/contracts/transport.ts'
import { SiloError, toSiloError } from '#shared/errors/silo-error.ts'
import { errorOf } from './api.ts'
import type { Choice, KnownCompanion } from './companion-book.svelte.ts'
import { readEvents } from './sse.ts'
import type { ConnectionState } from './stream.svelte.ts'

/** Where a road may lead: the companion that serves this page, or a paired one. */
export type Target = { readonly kind: 'here' } | { readonly kind: 'paired'; readonly companion: KnownCompanion } // prettier-ignore

export interface RoadParts {
  /** Plain HTTP at the page's own origin. */
  here(): Transport
  /** A standing connection, authorised. @throws SiloError device_not_paired, companion_unreachable, … */
  connect(companion: KnownCompanion, signal: AbortSignal): Promise<Transport>
  /** Called after a paired companion could not be reached some times: others may know where it is now. */
  search(companion: KnownCompanion, signal: AbortSignal): Promise<void>
  readonly book: { load(): Promise<void>; readonly list: readonly KnownCompanion[]; readonly choice: Choice | undefined } // prettier-ignore
  /** Whether a companion is expected at the page's own origin even while nothing answers there. */
  expectedHere(): boolean
  /** A message of the event stream. True for the first one of a stream, by which it counts as open. */
  receive(data: string): boolean
  /** A road stands. `missed`: changes, or answers to requests, may have been lost since the last one. */
  up(missed: boolean): void
  show(state: ConnectionState, target: Target | undefined, transport: Transport | undefined): void
  /** The companion at the own origin does not know this browser. */
  signedOut(): void
}

/** How an attempt ended. `held`: the road stood. `none`: no companion is there. `closed`: it wants a sign-in. */
type Ending = 'held' | 'away' | 'none' | 'closed' | 'revoked' | 'interrupted'

class Interruption extends Error {}

const firstRetryMs = 250
const lastRetryMs = 15_000
const helloLimitMs = 10_000
const dialLimitMs = 20_000
/** A request waits this long for a road that is being built. */
const waitForRoadMs = 8000
/** The companion sends something every 15 s; after this long in silence it is asked, ms. */
const silenceMs = 25_000
const probeLimitMs = 3000
/** After a sleep or a change of network a new connection is likelier than a slow answer, ms. */
const wakeLimitMs = 1500
/** A dial that began longer ago than this, ms, may have been overtaken by sleep or another network. */
const staleDialMs = 3000
/** A road that stood at least this long was a sound one, ms. */
const steadyMs = 2000
/** Failures in a row until others are asked where a companion is. */
const failuresUntilSearch = 2

/**
 * Keeps one road to one companion: builds it, holds its event stream, notices that it died, and builds it again, never
 * two at once. What the person sees of it is said by `show`.
 */
export class RoadKeeper {
  readonly #parts: RoadParts
  #running = false
  /** Something else than a companion answers at the page's own origin. */
  #absent = false
  #transport: Transport | undefined
  /** The attempt under way: aborted to give it up. */
  #attempt: AbortController | undefined
  #current: Target | undefined
  #attemptedAt = 0
  /** While a road is being built: resolves when there is one, or nothing more to try. */
  #building: PromiseWithResolvers<void> | undefined
  #wakeUp: (() => void) | undefined
  #retryMs = firstRetryMs
  #failures = 0
  #heardAt = 0
  #probing = false
  #missed = false
  #revoked = false
  #left = false

  constructor(parts: RoadParts) {
    this.#parts = parts
  }

  /** Begins; safe to call often. */
  start(): void {
    if (this.#running) return
    this.#running = true
    this.#building = Promise.withResolvers()
    void this.#run()
  }

  /** Sends a request by the road there is, or is about to be. @throws SiloError companion_unreachable, device_not_paired */
  async request(path: string, init: RequestInit = {}): Promise<Response> {
    this.start()
    const signal = init.signal ?? new AbortController().signal
    if (!this.#transport && this.#building) await this.#waitForRoad(this.#building, signal)
    const transport = this.#transport
    if (!transport) {
      this.#missed = true
      throw new SiloError(this.#revoked ? 'device_not_paired' : 'companion_unreachable')
    }
    const body = init.body as Blob | string | Uint8Array | ReadableStream<Uint8Array> | undefined
    return transport.request(
      {
        method: init.method ?? 'GET',
        path,
        headers: Object.fromEntries(new Headers(init.headers)),
        ...(body === undefined || body === null ? {} : { body }),
      },
      signal,
    )
  }

  /** Tries again at once instead of waiting, because the person asked, or chose another companion. */
  retry(): void {
    this.#retryMs = firstRetryMs
    this.#revoked = false
    this.#wakeUp?.()
  }

  /** The person chose another companion, or forgot one: what stands is given up. */
  rechoose(): void {
    const current = this.#current
    const same = (target: Target): boolean =>
      current !== undefined && idOf(target) === idOf(current)
    if (this.#transport && this.#targets().some(same)) return
    this.#missed = true
    this.#attempt?.abort(new Interruption('another companion was chosen'))
    this.retry()
  }

  /** The page was asleep, or the network is another one: what stood may stand no more. */
  wake(): void {
    if (this.#transport) return void this.#probe(wakeLimitMs)
    if (this.#attempt && Date.now() - this.#attemptedAt > staleDialMs)
      this.#attempt.abort(new Interruption('begun before a change of network'))
    if (this.#revoked) return
    this.#retryMs = firstRetryMs
    this.#wakeUp?.()
  }

  /** The page goes away: the companion is told rather than left to find out. */
  leave(): void {
    this.#left = true
    this.#attempt?.abort(new Error('the page was closed'))
    void this.#transport?.[Symbol.asyncDispose]()
  }

  /** To be called every few seconds: asks a companion that has been silent for too long. */
  tick(): void {
    if (this.#transport && Date.now() - this.#heardAt > silenceMs) void this.#probe(probeLimitMs)
  }

  async #run(): Promise<void> {
    await this.#parts.book.load()
    while (!this.#left) {
      this.#building ??= Promise.withResolvers()
      const ending = await this.#cycle()
      // A road that stood for a while is built again at once; one that fell over at once is not worth a hot loop.
      if (
        ending === 'interrupted' ||
        (ending === 'held' && Date.now() - this.#attemptedAt > steadyMs)
      )
        continue
      this.#settle()
      const again = ending === 'away' || ending === 'closed' || ending === 'held'
      await this.#rest(again ? this.#retryMs : Infinity)
      this.#retryMs = Math.min(this.#retryMs * 2, lastRetryMs)
    }
  }

  #settle(): void {
    this.#building?.resolve()
    this.#building = undefined
  }

  /** Tries each place a companion may be at, until one holds. */
  async #cycle(): Promise<Ending> {
    const endings = new Map<Target, Ending>()
    for (const target of this.#targets()) {
      const ending = await this.#try(target)
      if (ending === 'held' || ending === 'interrupted') return ending
      if (ending === 'none') this.#absent = true
      endings.set(target, ending)
    }
    const [last] = [...endings.keys()].slice(-1)
    const ending = last && endings.get(last)
    if (last?.kind === 'paired') {
      this.#revoked = ending === 'revoked'
      this.#parts.show(this.#revoked ? 'revoked' : 'offline', last, undefined)
      return ending ?? 'away'
    }
    const expected = ending !== undefined && ending !== 'none' && this.#parts.expectedHere()
    if (expected && ending === 'closed') this.#parts.signedOut()
    this.#parts.show(expected ? 'offline' : 'page-only', expected ? last : undefined, undefined)
    return expected ? ending : 'none'
  }

  #targets(): Target[] {
    const { list, choice } = this.#parts.book
    const chosen = list.find(({ id }) => id === choice)
    const paired = chosen ?? (choice === 'here' && !this.#absent ? undefined : list[0])
    // Where no companion is expected at the origin and another one is paired, the origin is not even asked.
    const askHere = !chosen && !this.#absent && (!paired || this.#parts.expectedHere())
    const here: Target[] = askHere ? [{ kind: 'here' }] : []
    return [...here, ...(paired ? [{ kind: 'paired' as const, companion: paired }] : [])]
  }

  async #try(target: Target): Promise<Ending> {
    const attempt = new AbortController()
    this.#attempt = attempt
    this.#current = target
    this.#attemptedAt = Date.now()
    this.#parts.show('connecting', target, undefined)
    let transport: Transport | undefined
    let held = false
    try {
      transport = await this.#build(target, attempt.signal)
      // A change of mind may come while a finished connection is handed over.
      attempt.signal.throwIfAborted()
      void transport.closed.then(() => attempt.abort(new Error('the connection ended')))
      for (let again = false; ; again = true) {
        held = (await this.#follow(transport, target, attempt, again)) || held
        if (!held || attempt.signal.aborted || !(await this.#answers(transport))) break
        await this.#rest(firstRetryMs)
      }
      if (attempt.signal.reason instanceof Interruption) return 'interrupted'
      return held ? 'held' : await this.#failed(target)
    } catch (cause) {
      if (attempt.signal.reason instanceof Interruption) return 'interrupted'
      if (held) return 'held'
      const { code } = toSiloError(cause, 'page')
      if (code === 'device_not_paired') return 'revoked'
      if (code === 'unauthorized') return 'closed'
      if (code === 'bad_response' && target.kind === 'here') return 'none'
      return await this.#failed(target)
    } finally {
      this.#attempt = undefined
      this.#transport = undefined
      if (held) {
        this.#missed = true
        this.#parts.show('connecting', target, undefined)
      }
      await transport?.[Symbol.asyncDispose]()
    }
  }

  async #build(target: Target, signal: AbortSignal): Promise<Transport> {
    if (target.kind === 'here') return this.#parts.here()
    return this.#parts.connect(target.companion, AbortSignal.any([signal, AbortSignal.timeout(dialLimitMs)])) // prettier-ignore
  }

  /** Holds one event stream to its end. True when it was open. @throws SiloError where it was refused */
  async #follow(
    transport: Transport,
    target: Target,
    attempt: AbortController,
    again: boolean,
  ): Promise<boolean> {
    const stream = new AbortController()
    const signal = AbortSignal.any([attempt.signal, stream.signal])
    const tooLong = setTimeout(() => stream.abort(new Error('no word from the companion')), helloLimitMs) // prettier-ignore
    let open = false
    try {
      const headers = { accept: 'text/event-stream' }
      const response = await transport.request({ method: 'GET', path: '/api/events', headers }, signal) // prettier-ignore
      const type = response.headers.get('content-type') ?? ''
      // A proxy whose companion is away says so in HTML.
      if (response.status >= 502 && type.startsWith('text/html'))
        throw new SiloError('companion_unreachable')
      if (!response.ok || !response.body || !type.startsWith('text/event-stream'))
        throw await errorOf(response)
      // From here on the companion has said yes: requests need not wait for the stream's first word.
      this.#transport = transport
      this.#settle()
      this.#heardAt = Date.now()
      for await (const data of readEvents(response.body, () => (this.#heardAt = Date.now()))) {
        if (!this.#parts.receive(data) || open) continue
        open = true
        clearTimeout(tooLong)
        this.#retryMs = firstRetryMs
        this.#failures = 0
        this.#parts.show('online', target, transport)
        this.#parts.up(this.#missed || again)
        this.#missed = false
      }
    } catch (error) {
      if (!open) throw error
    } finally {
      clearTimeout(tooLong)
    }
    return open
  }

  /** The stream broke; perhaps only it, and not the connection. */
  async #answers(transport: Transport, limitMs = probeLimitMs): Promise<boolean> {
    this.#missed = true
    try {
      const response = await transport.request(
        { method: 'GET', path: '/healthz' },
        AbortSignal.timeout(limitMs),
      )
      await response.body?.cancel()
      return true
    } catch {
      return false
    }
  }

  async #probe(limitMs: number): Promise<void> {
    const attempt = this.#attempt
    if (!this.#transport || this.#probing) return
    this.#probing = true
    try {
      if (!(await this.#answers(this.#transport, limitMs))) attempt?.abort(new Error('no answer'))
      else this.#heardAt = Date.now()
    } finally {
      this.#probing = false
    }
  }

  async #failed(target: Target): Promise<Ending> {
    this.#failures++
    if (target.kind === 'paired' && this.#failures % failuresUntilSearch === 0) {
      const limit = AbortSignal.timeout(dialLimitMs)
      await this.#parts.search(target.companion, limit).catch(() => {})
    }
    return 'away'
  }

  async #waitForRoad(road: PromiseWithResolvers<void>, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, waitForRoadMs)
    const give = (): void => reject(signal.reason)
    signal.addEventListener('abort', give, { once: true })
    try {
      await Promise.race([road.promise, promise])
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', give)
    }
  }

  /** Waits, or until somebody wakes it. */
  async #rest(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#wakeUp = resolve
    const timer = ms === Infinity ? undefined : setTimeout(resolve, ms)
    await promise
    clearTimeout(timer)
    this.#wakeUp = undefined
  }
}

function idOf(target: Target): string {
  return target.kind === 'here' ? 'here' : target.companion.id
}
