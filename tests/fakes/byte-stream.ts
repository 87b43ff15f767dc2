import type { ByteStream } from '#shared/fetch-stream/byte-stream.ts'

export interface FakeStream extends ByteStream {
  /** Everything that was sent from this end. */
  readonly sent: Uint8Array[]
}

/**
 * Two ends of a stream in memory. `cut` says how the bytes are split on their way: sizes used in turn. What one end
 * sends waits until the other reads it, without limit, as on WebRTC.
 */
export function streamPair(cut: readonly number[] = []): [FakeStream, FakeStream] {
  const ends = [new End(cut), new End(cut)] as const
  ends[0].peer = ends[1]
  ends[1].peer = ends[0]
  return [ends[0], ends[1]]
}

class End implements FakeStream {
  readonly sent: Uint8Array[] = []
  peer!: End
  readonly #cut: readonly number[]
  readonly #incoming: Uint8Array[] = []
  #over = false
  #error: Error | undefined
  #closed = false
  #wake: (() => void) | undefined
  #cuts = 0

  constructor(cut: readonly number[]) {
    this.#cut = cut
  }

  async send(bytes: Uint8Array): Promise<void> {
    await Promise.resolve()
    if (this.#error) throw this.#error
    if (this.#closed) throw new Error('the writing side is closed')
    this.sent.push(bytes)
    for (let at = 0; at < bytes.length;) {
      const size = this.#cut.length ? this.#cut[this.#cuts++ % this.#cut.length]! : bytes.length
      this.peer.#take(bytes.slice(at, at + size))
      at += size
    }
  }

  async closeWrite(): Promise<void> {
    await Promise.resolve()
    if (this.#closed) return
    this.#closed = true
    this.peer.#over = true
    this.peer.#wake?.()
  }

  abort(error: Error): void {
    if (this.#error) return
    this.#error = error
    this.#wake?.()
    if (!this.peer.#error) this.peer.#reset()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      if (this.#error) throw this.#error
      const chunk = this.#incoming.shift()
      if (chunk) yield chunk
      else if (this.#over) return
      else await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  #take(bytes: Uint8Array): void {
    if (this.#error) return
    this.#incoming.push(bytes)
    this.#wake?.()
  }

  #reset(): void {
    this.#error = new Error('the stream was reset')
    this.#wake?.()
  }
}
