import { SiloError } from '#shared/errors/silo-error.ts'

/** What is used of a connection that was made. */
interface Closing {
  readonly closed: Promise<void>
}

interface RedialInit<T extends Closing> {
  /** Makes a connection; undefined where there is nothing to try now. */
  attempt(signal: AbortSignal): Promise<T | undefined>
  /** False while another connection stands, or none is wanted. */
  wanted(): boolean
  onConnection(connection: T): void
  onChange(): void
  readonly minMs?: number
  readonly maxMs?: number
}

/** A connection that stood so long was a good one: the next try comes soon. */
const goodMs = 30_000

/** Makes a connection again and again, less often the longer it does not work, until it is stopped. */
export class Redial<T extends Closing> implements AsyncDisposable {
  readonly #init: RedialInit<T>
  readonly #stop = new AbortController()
  readonly #loop: Promise<void>
  #wake = Promise.withResolvers<void>()
  #trying = false
  #error: string | undefined

  constructor(init: RedialInit<T>) {
    this.#init = init
    this.#loop = this.#run()
  }

  get trying(): boolean {
    return this.#trying
  }

  /** Why the last try failed: a code of the registry. */
  get error(): string | undefined {
    return this.#error
  }

  /** Tries at once: something has changed. */
  hurry(): void {
    this.#wake.resolve()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new SiloError('shutting_down'))
    this.#wake.resolve()
    await this.#loop
  }

  async #run(): Promise<void> {
    const { minMs = 1000, maxMs = 60_000 } = this.#init
    const { signal } = this.#stop
    let delay = minMs
    while (!signal.aborted) {
      this.#wake = Promise.withResolvers()
      if (this.#init.wanted()) {
        const since = performance.now()
        const connection = await this.#attempt(signal)
        if (connection) {
          this.#init.onConnection(connection)
          await connection.closed
        }
        delay = performance.now() - since > goodMs ? minMs : Math.min(delay * 2, maxMs)
      } else delay = minMs
      if (signal.aborted) return
      // Two devices that dial each other should not meet again and again at the same moment.
      const wait = delay * (0.6 + Math.random() * 0.8)
      const timer = setTimeout(() => this.#wake.resolve(), wait)
      await this.#wake.promise
      clearTimeout(timer)
    }
  }

  async #attempt(signal: AbortSignal): Promise<T | undefined> {
    this.#set(true, this.#error)
    try {
      const connection = await this.#init.attempt(signal)
      this.#set(false, connection ? undefined : this.#error)
      return connection
    } catch (error) {
      this.#set(false, error instanceof SiloError ? error.code : 'sync_peer_closed')
      return undefined
    }
  }

  #set(trying: boolean, error: string | undefined): void {
    if (this.#trying === trying && this.#error === error) return
    this.#trying = trying
    this.#error = error
    this.#init.onChange()
  }
}
