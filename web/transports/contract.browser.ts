import { serveFetchStream } from '#shared/fetch-stream/serve-fetch-stream.ts'
import type { ByteStream } from '#shared/fetch-stream/byte-stream.ts'
import { describeTransport, type Handler } from '#tests/contracts/transport.ts'
import { roadOf } from './addresses.ts'
import { libp2pTransport } from './libp2p-transport.ts'
import { linkNode } from './node.ts'

/** The browser's own transports against a companion's node; the handlers are answered here, at the end of a bridge. */
interface Bridge {
  readonly id: string
  readonly addresses: readonly string[]
  readonly url: string
}

const bridge = (await (await fetch('/test-link')).json()) as Bridge

for (const kind of ['webrtc', 'websocket'] as const)
  describeTransport({
    name: `libp2p over ${kind} in the browser`,
    kind,
    async connect(handler) {
      const close = answerWith(handler)
      const address = bridge.addresses.find((each) => roadOf(each) === kind)!
      const connection = await (await linkNode()).dial(address, AbortSignal.timeout(20_000))
      return { transport: libp2pTransport(connection), close }
    },
  })

/** Keeps one socket waiting for the next request, until closed. */
function answerWith(handler: Handler): () => Promise<void> {
  let over = false
  const sockets = new Set<WebSocket>()
  const wait = (): void => {
    const socket = new WebSocket(bridge.url)
    socket.binaryType = 'arraybuffer'
    sockets.add(socket)
    socket.addEventListener(
      'message',
      () => {
        if (!over) wait()
        void serveFetchStream(overSocket(socket), handler)
          .catch(() => {})
          .finally(() => sockets.delete(socket))
      },
      { once: true },
    )
  }
  wait()
  return async () => {
    over = true
    for (const socket of sockets) socket.close()
    // A socket that still waited must be gone at the other end before the next test's requests come.
    await Promise.all(
      [...sockets].map(
        (socket) =>
          socket.readyState === WebSocket.CLOSED ||
          new Promise((resolve) => socket.addEventListener('close', resolve, { once: true })),
      ),
    )
  }
}

function overSocket(socket: WebSocket): ByteStream {
  const chunks = new ReadableStream<Uint8Array>({
    start(controller) {
      let ended = false
      socket.addEventListener('message', ({ data }: MessageEvent<ArrayBuffer | string>) => {
        if (typeof data !== 'string') return controller.enqueue(new Uint8Array(data))
        ended = true
        controller.close()
      })
      socket.addEventListener('close', () => {
        if (!ended) controller.error(new Error('the stream was reset'))
      })
    },
  })
  return {
    async send(bytes) {
      if (socket.readyState !== WebSocket.OPEN) throw new Error('the stream was reset')
      socket.send(bytes as Uint8Array<ArrayBuffer>)
      while (socket.bufferedAmount > 256 * 1024) await new Promise((resolve) => setTimeout(resolve))
    },
    async closeWrite() {
      if (socket.readyState === WebSocket.OPEN) socket.send('end')
    },
    abort: () => socket.close(),
    async *[Symbol.asyncIterator]() {
      const reader = chunks.getReader()
      for (;;) {
        const { done, value } = await reader.read()
        if (done) return
        yield value
      }
    },
  }
}
