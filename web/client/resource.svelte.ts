import { type SiloError, toSiloError } from '#shared/errors/silo-error.ts'

export type ResourceState<T> =
  | { readonly status: 'loading' }
  | { readonly status: 'ready'; readonly value: T }
  | { readonly status: 'error'; readonly error: SiloError }

/**
 * A value read from the companion. While it is read again the old value stays on the screen; a failed
 * re-read keeps it too and says so in `staleError`. The newest read wins; older ones are aborted.
 */
export class Resource<T> {
  readonly #read: (signal: AbortSignal) => Promise<T>
  #state = $state.raw<ResourceState<T>>({ status: 'loading' })
  #staleError = $state.raw<SiloError>()
  #running: AbortController | undefined

  constructor(read: (signal: AbortSignal) => Promise<T>) {
    this.#read = read
  }

  get state(): ResourceState<T> {
    return this.#state
  }

  /** The value, if there is one. */
  get value(): T | undefined {
    return this.#state.status === 'ready' ? this.#state.value : undefined
  }

  /** Why the last re-read failed while `value` is an older answer. */
  get staleError(): SiloError | undefined {
    return this.#staleError
  }

  /** Reads (again). Never throws: the outcome is the state. */
  async load(): Promise<void> {
    this.#running?.abort()
    const run = new AbortController()
    this.#running = run
    try {
      const value = await this.#read(run.signal)
      if (this.#running !== run) return
      this.#state = { status: 'ready', value }
      this.#staleError = undefined
    } catch (cause) {
      if (this.#running !== run) return
      const error = toSiloError(cause, 'page')
      if (this.#state.status === 'ready') this.#staleError = error
      else this.#state = { status: 'error', error }
    }
  }

  /** Puts in a value the companion has just answered with, e.g. after a change. */
  set(value: T): void {
    this.#running?.abort()
    this.#running = undefined
    this.#state = { status: 'ready', value }
    this.#staleError = undefined
  }

  /** Forgets the value and shows loading, e.g. because another record is asked for. */
  reset(): void {
    this.#running?.abort()
    this.#running = undefined
    this.#state = { status: 'loading' }
    this.#staleError = undefined
  }

  /** Ends a read under way. */
  dispose(): void {
    this.#running?.abort()
    this.#running = undefined
  }
}
