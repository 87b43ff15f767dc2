import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ByteStream } from '#shared/fetch-stream/byte-stream.ts'

/** The bytes below the Block Exchange Protocol: a TLS socket to Syncthing, a stream over Noise between Silo devices. */
export interface BepChannel {
  /** Ends at the other side's end; throws where the connection broke. Read once. */
  readonly incoming: AsyncIterator<Uint8Array>
  /** Takes the bytes; false where the buffer is full: wait for `drained`. They may not be changed after. */
  write(bytes: Uint8Array): boolean
  /** Resolves when there is room again. Rejects where the connection is gone. */
  drained(): Promise<void>
  /** Sends what is left and closes. Never rejects. */
  end(): Promise<void>
  /** Ends at once. */
  destroy(reason: Error): void
}

const lingerMs = 200

export function socketChannel(socket: Duplex): BepChannel {
  // Errors reach whoever reads; without a listener they would end the process.
  socket.on('error', () => {})
  const closed = new Promise<void>((resolve) => {
    if (socket.closed) resolve()
    else socket.once('close', () => resolve())
  })
  return {
    incoming: socket[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>,
    write: (bytes) => socket.write(bytes),
    async drained() {
      const stop = new AbortController()
      try {
        await Promise.race([once(socket, 'drain', { signal: stop.signal }), closed])
      } finally {
        stop.abort()
      }
      if (socket.destroyed) throw new Error('the connection is closed')
    },
    async end() {
      if (socket.destroyed) return
      const flushed = new Promise<void>((resolve) => socket.end(() => resolve()))
      await Promise.race([flushed, closed])
      // Closed at once, what the other side has not read yet might be lost to it.
      await Promise.race([closed, sleep(lingerMs, undefined, { ref: false })])
    },
    destroy: (reason) => void socket.destroy(reason),
  }
}

/** A stream between Silo devices. */
export function streamChannel(stream: ByteStream): BepChannel {
  let taken: Promise<void> = Promise.resolve()
  return {
    incoming: stream[Symbol.asyncIterator](),
    write(bytes) {
      taken = stream.send(bytes)
      taken.catch(() => {})
      return false
    },
    drained: () => taken,
    end: () => stream.closeWrite().catch(() => {}),
    destroy: (reason) => stream.abort(reason),
  }
}
