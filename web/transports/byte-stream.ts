import type { Connection, Stream } from '@libp2p/interface'
import type { ByteStream } from '#shared/fetch-stream/byte-stream.ts'

/** Streams open at once on one connection; libp2p's own limit of 64 is below what a busy page needs. */
const maxStreams = 1024

/** Opens a stream of `protocol`. @throws when the connection is over or the protocol is not answered */
export async function openStream(
  connection: Connection,
  protocol: string,
  signal: AbortSignal,
): Promise<ByteStream> {
  const stream = await connection.newStream(protocol, { signal, maxOutboundStreams: maxStreams })
  return byteStream(stream)
}

/** A libp2p stream as contracts know it. */
export function byteStream(stream: Stream): ByteStream {
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
