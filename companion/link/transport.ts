import type { Connection } from '@libp2p/interface'
import type { Transport } from '#shared/contracts/transport.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { fetchOverStream } from '#shared/fetch-stream/fetch-over-stream.ts'
import { byteStream, endConnection } from '#shared/fetch-stream/message-stream.ts'
import { fetchProtocol } from '#shared/protocol/pairing.ts'
import { roadOf } from './addresses.ts'

const openLimitMs = 10_000
const maxStreams = 1100

/** The road from one companion to another: one stream a request. Owns the connection. */
export function connectionTransport(connection: Connection): Transport {
  const closed = Promise.withResolvers<void>()
  connection.addEventListener('close', () => closed.resolve(), { once: true })
  if (connection.status !== 'open') closed.resolve()
  return {
    specVersion: 1,
    kind: roadOf(connection.remoteAddr.toString()),
    closed: closed.promise,
    async request(request, signal) {
      try {
        return await fetchOverStream(
          async (ended) => {
            const limit = AbortSignal.any([ended, AbortSignal.timeout(openLimitMs)])
            const options = { signal: limit, maxOutboundStreams: maxStreams }
            return byteStream(await connection.newStream(fetchProtocol, options))
          },
          request,
          signal,
        )
      } catch (cause) {
        signal.throwIfAborted()
        throw cause instanceof SiloError ? cause : new SiloError('companion_unreachable', { cause })
      }
    },
    [Symbol.asyncDispose]() {
      endConnection(connection, new Error('the road was given up'))
      closed.resolve()
      return closed.promise
    },
  }
}
