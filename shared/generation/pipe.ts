/** Values pushed from callbacks, read as an async iterable by one reader. */
export class Pipe<T> implements AsyncIterable<T> {
  readonly #values: T[] = []
  #closed = false
  #failure: { readonly cause: unknown } | undefined
  #wake: (() => void) | undefined

  /** Ignored once the pipe is closed. */
  push(value: T): void {
    if (this.#closed) return
    this.#values.push(value)
    this.#wake?.()
  }

  close(): void {
    this.#closed = true
    this.#wake?.()
  }

  /** The reader gets what was pushed before, then this. */
  fail(cause: unknown): void {
    if (!this.#closed) this.#failure = { cause }
    this.close()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      while (this.#values.length > 0) yield this.#values.shift()!
      if (this.#failure) throw this.#failure.cause
      if (this.#closed) return
      await new Promise<void>((resolve) => (this.#wake = resolve))
      this.#wake = undefined
    }
  }
}
