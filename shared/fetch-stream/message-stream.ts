import type { ByteStream } from './byte-stream.ts'

/** What is used of a libp2p stream. Named here because neither end may import the other, nor shared a library. */
export interface MessageStream extends AsyncIterable<Uint8Array | { subarray(): Uint8Array }> {
  readonly status: string
  /** False when the buffer is full: wait for `onDrain`. */
  send(bytes: Uint8Array): boolean
  onDrain(): Promise<unknown>
  close(): Promise<void>
  abort(error: Error): void
}

/** A libp2p stream as `/silo/fetch/1` and pairing use it. */
export function byteStream(stream: MessageStream): ByteStream {
  const chunks = stream[Symbol.asyncIterator]()
  // libp2p listens from the first read on; an end that came before would never be heard of.
  const first = chunks.next()
  first.catch(() => {})
  return {
    async send(bytes) {
      if (!stream.send(bytes)) await stream.onDrain()
    },
    closeWrite: () => stream.close(),
    abort: (error) => stream.abort(error),
    async *[Symbol.asyncIterator]() {
      for (let next = first; ; next = chunks.next()) {
        const { done, value } = await next
        if (done) break
        yield value.subarray()
      }
      if (stream.status === 'aborted' || stream.status === 'reset')
        throw new Error('the stream was reset')
    },
  }
}
