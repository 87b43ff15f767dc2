import type { SiloError } from '#shared/errors/silo-error.ts'
import { toSiloError } from '#shared/errors/silo-error.ts'
import type { RunEvent, RunSummary } from '#shared/protocol/run-event.ts'

export interface FollowOptions {
  /** The last `seq` already known; -1 (the default) replays the run from its start. */
  after?: number
  onEvent: (event: RunEvent) => void
  /** Called once when the run is over; without the event when that was already known. */
  onEnd?: (event?: RunEvent) => void
  /** The run cannot be followed: it is unknown, or this browser is signed out. Nothing follows. */
  onError?: (error: SiloError) => void
}

export type ReadEvents = (
  after: number,
  signal: AbortSignal,
) => Promise<{ run: RunSummary; events: RunEvent[] }>

const firstRetryMs = 1000
const lastRetryMs = 15_000

/**
 * Turns the live stream (which starts in the middle, and may break) and the stored log (which lags) into
 * every event of one run, once, in order. A gap in `seq` or a reconnection reads the log again.
 */
export class RunFollower {
  readonly #read: ReadEvents
  readonly #options: FollowOptions
  readonly #ended = new AbortController()
  /** Live events that came ahead of the log, by `seq`. */
  readonly #ahead = new Map<number, RunEvent>()
  #next: number
  #reading = false
  #again = false
  #retryMs = firstRetryMs
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(read: ReadEvents, options: FollowOptions) {
    this.#read = read
    this.#options = options
    this.#next = (options.after ?? -1) + 1
  }

  get stopped(): boolean {
    return this.#ended.signal.aborted
  }

  /** An event of this run from the live stream. */
  push(event: RunEvent): void {
    if (this.stopped || event.seq < this.#next) return
    this.#ahead.set(event.seq, event)
    if (!this.#reading) this.#drain()
    if (!this.stopped && this.#ahead.size > 0) void this.catchUp()
  }

  /** Reads what the log has after the last delivered event. Called at the start and after a reconnection. */
  async catchUp(): Promise<void> {
    if (this.stopped) return
    if (this.#reading) {
      this.#again = true
      return
    }
    clearTimeout(this.#timer)
    this.#reading = true
    try {
      do {
        this.#again = false
        const { run, events } = await this.#read(this.#next - 1, this.#ended.signal)
        for (const event of events) if (event.seq >= this.#next) this.#ahead.set(event.seq, event)
        this.#drain()
        if (!this.stopped && run.outcome !== undefined && this.#next > run.lastSeq) this.#finish()
      } while (this.#again && !this.stopped)
      this.#retryMs = firstRetryMs
      // A live event still ahead of the log: its predecessors are on disk before it was sent, so read again.
      if (!this.stopped && this.#ahead.size > 0) this.#retry()
    } catch (cause) {
      if (!this.stopped) this.#fail(toSiloError(cause, 'page'))
    } finally {
      this.#reading = false
    }
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#ahead.clear()
    this.#ended.abort()
  }

  #drain(): void {
    for (;;) {
      const event = this.#ahead.get(this.#next)
      if (!event || this.stopped) return
      this.#ahead.delete(this.#next)
      this.#next++
      this.#options.onEvent(event)
      if (event.body.type === 'run-ended') this.#finish(event)
    }
  }

  #finish(event?: RunEvent): void {
    if (this.stopped) return
    this.stop()
    this.#options.onEnd?.(event)
  }

  #fail(error: SiloError): void {
    // After a sign-out the run goes on; the person may sign in again in another tab.
    if (!error.retryable && error.code !== 'unauthorized') {
      this.stop()
      this.#options.onError?.(error)
      return
    }
    this.#retry()
  }

  #retry(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.catchUp(), this.#retryMs)
    this.#retryMs = Math.min(this.#retryMs * 2, lastRetryMs)
  }
}
