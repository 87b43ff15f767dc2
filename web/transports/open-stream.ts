import type { Connection } from '@libp2p/interface'
import type { ByteStream } from '#shared/fetch-stream/byte-stream.ts'
import { byteStream } from '#shared/fetch-stream/message-stream.ts'

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
