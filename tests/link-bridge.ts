import type { AddressInfo } from 'node:net'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Ed25519PrivateKey } from '@libp2p/interface'
import { WebSocketServer, type WebSocket } from 'ws'
import { linkAddresses } from '#companion/link/addresses.ts'
import { linkCertificate } from '#companion/link/certificate.ts'
import { startLinkNode } from '#companion/link/node.ts'
import { freeLinkPort } from '#companion/link/ports.ts'
import { byteStream, type MessageStream } from '#shared/fetch-stream/message-stream.ts'

/** Where the page finds both ends of the bridge. */
export interface LinkBridge {
  readonly id: string
  readonly addresses: readonly string[]
  /** One WebSocket a request: binary messages are bytes, the text `end` ends a direction, closing resets. */
  readonly url: string
}

/**
 * A companion's node whose requests are answered by the page itself: what comes on a stream of the link goes on, byte for
 * byte, over a WebSocket, and back. So one suite can hold both ends in the browser with the real link between them. Runs as
 * a process of its own, forked by tests/browser.ts, and ends with its parent.
 */
async function startLinkBridge(): Promise<LinkBridge> {
  let stored: string | undefined
  const certificate = await linkCertificate({
    read: () => stored,
    write: (text) => (stored = text),
  })
  const port = (await freeLinkPort([]))!
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  await new Promise((resolve) => server.once('listening', resolve))
  /** Sockets of the page that wait for a request. */
  const idle: WebSocket[] = []
  const waiting: ((socket: WebSocket) => void)[] = []
  server.on('connection', (socket) => {
    socket.on('error', () => {})
    socket.on('close', () => void (idle.includes(socket) && idle.splice(idle.indexOf(socket), 1)))
    const next = waiting.shift()
    if (next) next(socket)
    else idle.push(socket)
  })
  const node = await startLinkNode({
    key: (await generateKeyPair('Ed25519')) as Ed25519PrivateKey,
    certificate,
    port,
    mdns: false,
    onFetch(stream) {
      const free = idle.shift()
      if (free) void bridge(stream, free)
      else waiting.push((socket) => void bridge(stream, socket))
    },
    onPair: (stream) => stream.abort(new Error('not here')),
    onOpen() {},
    onClose() {},
    onPeer() {},
    hosts: () => [],
  })
  const id = node.peerId.toString()
  return {
    id,
    addresses: linkAddresses({ id, port, certhash: certificate.certhash, hosts: [], names: [] }),
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
  }
}

async function bridge(stream: MessageStream, socket: WebSocket): Promise<void> {
  const bytes = byteStream(stream)
  socket.on('close', () => bytes.abort(new Error('the page closed it')))
  // One after the other: sending waits for room, and the end comes last.
  let sending = Promise.resolve()
  socket.on('message', (data: Buffer, isBinary) => {
    sending = sending
      .then(() => (isBinary ? bytes.send(new Uint8Array(data)) : bytes.closeWrite()))
      .catch(() => socket.close())
  })
  socket.send('open')
  try {
    for await (const chunk of bytes) await new Promise((resolve) => socket.send(chunk, resolve))
    socket.send('end')
  } catch {
    socket.close()
  }
}

process.once('disconnect', () => process.exit(0))
process.send?.(await startLinkBridge())
