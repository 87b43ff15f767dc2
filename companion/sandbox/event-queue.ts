/** Events from callbacks, in order, for one reader. What is put in must be bounded by who puts it in. */
export class EventQueue<T> implements AsyncIterable<T> {
  readonly #events: T[] = []
  #ended = false
  #wake: () => void = () => {}

  push(event: T): void {
    if (this.#ended) return
    this.#events.push(event)
    this.#wake()
  }

  end(): void {
    this.#ended = true
    this.#wake()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      const event = this.#events.shift()
      if (event !== undefined) yield event
      else if (this.#ended) return
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
    }
  }
}
