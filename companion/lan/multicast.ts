import createMdns from 'multicast-dns'
import { messageOf, type Message } from './name-records.ts'

interface Sender {
  readonly address: string
  readonly port: number
}

/** A socket that speaks multicast DNS on one interface. Its failures are told, never thrown. */
export interface Multicast {
  onMessage(listener: (message: Message, from: Sender) => void): void
  onReady(listener: () => void): void
  /** The port or the interface cannot be used. */
  onFailure(listener: (error: unknown) => void): void
  /** To everybody on the link, or to one. */
  send(message: Message, to?: Sender): void
  /** Resolves when the message has left, or cannot. */
  sendNow(message: Message): Promise<void>
  close(): Promise<void>
}

/** `address` is the interface's; the port is shared with other responders of this machine. */
export function createMulticast(options: { address: string; port: number }): Multicast {
  let failure: unknown
  const failed: ((error: unknown) => void)[] = []
  const fail = (error: unknown): void => {
    // Said once; what cannot be read (a packet of somebody else) arrives here too and is no failure.
    if (failure !== undefined || !isSystemError(error)) return
    failure = error
    for (const listener of failed) listener(error)
  }
  const mdns = createMdns({
    port: options.port,
    interface: options.address,
    bind: '0.0.0.0',
    reuseAddr: true,
  })
  mdns.on('error', fail)
  mdns.on('warning', fail)
  const send = (message: Message, to: Sender | undefined, done: () => void): void => {
    try {
      const target = to as { address: string; port: number } | undefined
      const sent = (error?: Error | null): void => {
        if (error) fail(error)
        done()
      }
      if (message.type === 'query') mdns.query(message as never, target as never, sent)
      else mdns.respond(message as never, target as never, sent)
    } catch (error) {
      fail(error)
      done()
    }
  }
  return {
    onMessage(listener) {
      mdns.on('packet', (packet, from: Sender) => {
        const message = messageOf(packet)
        if (message) listener(message, from)
      })
    },
    onReady: (listener) => void mdns.once('ready', listener),
    onFailure(listener) {
      failed.push(listener)
      if (failure !== undefined) listener(failure)
    },
    send: (message, to) => send(message, to, () => {}),
    sendNow: (message) => new Promise((resolve) => send(message, undefined, resolve)),
    close: () => new Promise((resolve) => mdns.destroy(() => resolve())),
  }
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error
}
