import type { Connection } from '@libp2p/interface'
import type { Transport } from '#shared/contracts/transport.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { fetchOverStream } from '#shared/fetch-stream/fetch-over-stream.ts'
import { endConnection } from '#shared/fetch-stream/message-stream.ts'
import { fetchProtocol } from '#shared/protocol/pairing.ts'
import { roadOf } from './addresses.ts'
import { openStream } from './open-stream.ts'

/** How long opening one stream may take, ms. */
const openLimitMs = 10_000

/** The road over a libp2p connection, WebRTC-direct or WebSocket: one stream a request. Owns the connection. */
export function libp2pTransport(connection: Connection): Transport {
  const closed = Promise.withResolvers<void>()
  if (connection.status === 'open')
    connection.addEventListener('close', () => closed.resolve(), { once: true })
  else closed.resolve()
  const open = (signal: AbortSignal) =>
    openStream(
      connection,
      fetchProtocol,
      AbortSignal.any([signal, AbortSignal.timeout(openLimitMs)]),
    )
  return {
    specVersion: 1,
    kind: roadOf(connection.remoteAddr.toString()) ?? 'websocket',
    closed: closed.promise,
    async request(request, signal) {
      signal.throwIfAborted()
      try {
        return await fetchOverStream(open, request, signal)
      } catch (cause) {
        if (signal.aborted) throw signal.reason
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
