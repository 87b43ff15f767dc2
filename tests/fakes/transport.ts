import type { Transport } from '#shared/contracts/transport.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { fetchOverStream } from '#shared/fetch-stream/fetch-over-stream.ts'
import { serveFetchStream } from '#shared/fetch-stream/serve-fetch-stream.ts'
import { streamPair } from './byte-stream.ts'

/** A transport in memory: a stream pair a request, the real framing in between. */
export function createFakeTransport(handler: (request: Request) => Promise<Response>): Transport {
  const closed = Promise.withResolvers<void>()
  let isOver = false
  return {
    specVersion: 1,
    kind: 'loopback',
    closed: closed.promise,
    async request(request, signal) {
      signal.throwIfAborted()
      if (isOver) throw new SiloError('companion_unreachable')
      return fetchOverStream(
        async () => {
          const [client, server] = streamPair()
          void serveFetchStream(server, handler).catch(() => {})
          return client
        },
        request,
        signal,
      )
    },
    async [Symbol.asyncDispose]() {
      isOver = true
      closed.resolve()
    },
  }
}
