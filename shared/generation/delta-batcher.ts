/** Milliseconds that pieces of text are gathered before they go out as one. */
const batchMs = 30

/**
 * Gathers streamed text: the first piece goes out at once, later ones in batches of up to 30 ms. An error
 * of `send` in a timer is thrown by the next call.
 */
export class DeltaBatcher {
  readonly #send: (text: string) => void
  #waiting = ''
  #sentAt = Number.NEGATIVE_INFINITY
  #timer: ReturnType<typeof setTimeout> | undefined
  #failure: { error: unknown } | undefined

  constructor(send: (text: string) => void) {
    this.#send = send
  }

  push(text: string): void {
    this.#throwFailure()
    this.#waiting += text
    if (this.#timer) return
    const rest = batchMs - (performance.now() - this.#sentAt)
    if (rest <= 0) this.flush()
    else
      this.#timer = setTimeout(() => {
        this.#timer = undefined
        try {
          this.flush()
        } catch (error) {
          this.#failure = { error }
        }
      }, rest)
  }

  /** Sends what waits. */
  flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#throwFailure()
    const text = this.#waiting
    if (text === '') return
    this.#waiting = ''
    this.#sentAt = performance.now()
    this.#send(text)
  }

  /** Forgets the timer; what waits is lost unless `flush` was called. */
  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #throwFailure(): void {
    if (this.#failure) throw this.#failure.error
  }
}
