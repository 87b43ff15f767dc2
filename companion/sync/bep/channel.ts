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
    incoming: chunksOf(socket),
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

/** Bytes that may wait here before the socket is held up. */
const maxWaiting = 1024 * 1024

/** What comes, chunk by chunk as it is: the iterator of a stream would put chunks that wait together in a new one. */
function chunksOf(socket: Duplex): AsyncIterator<Uint8Array> {
  let waiting: Uint8Array[] = []
  let next = 0
  let bytes = 0
  let ended = false
  let failure: Error | undefined
  let wake: (() => void) | undefined
  const told = (): void => {
    wake?.()
    wake = undefined
  }
  socket.on('data', (chunk: Uint8Array) => {
    waiting.push(chunk)
    if ((bytes += chunk.length) > maxWaiting) socket.pause()
    told()
  })
  socket.on('error', (error) => {
    failure ??= error
    told()
  })
  const end = (): void => {
    ended = true
    told()
  }
  socket.on('end', end)
  socket.on('close', end)
  return {
    async next() {
      for (;;) {
        const value = waiting[next]
        if (value) {
          if (++next === waiting.length) {
            waiting = []
            next = 0
          }
          bytes -= value.length
          if (bytes < maxWaiting / 2 && socket.isPaused()) socket.resume()
          return { done: false, value }
        }
        if (failure) throw failure
        if (ended) return { done: true, value: undefined }
        await new Promise<void>((resolve) => (wake = resolve))
      }
    },
  }
}
