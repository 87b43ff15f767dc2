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

/** What is used of a libp2p connection to end it. */
export interface EndableConnection {
  readonly streams: readonly { abort(error: Error): void }[]
  close(options: { signal: AbortSignal }): Promise<void>
  abort(error: Error): void
}

const closeMs = 1000

/**
 * Ends a connection and all that goes on in it, so that the other side notices at once. `abort` alone does not: over
 * WebSocket it closes with a code that no implementation takes, and the socket stays open.
 */
export function endConnection(connection: EndableConnection, error: Error): void {
  for (const stream of connection.streams) stream.abort(error)
  connection.close({ signal: AbortSignal.timeout(closeMs) }).catch(() => connection.abort(error))
}
