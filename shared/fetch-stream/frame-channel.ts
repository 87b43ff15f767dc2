import * as v from 'valibot'
import { fromWire, SiloError, toWire, wireErrorSchema } from '#shared/errors/silo-error.ts'
import type { ByteStream } from './byte-stream.ts'
import {
  decodeJson,
  encodeAck,
  encodeFrame,
  encodeJson,
  frameType,
  readFrames,
  type Frame,
} from './frames.ts'

const noMore = { done: true, value: undefined } as const
/** Bytes of a body that may be on their way without having been taken. Both sides know it. */
export const windowBytes = 1024 * 1024
/** Bytes of a body in one frame. WebRTC carries 16 KiB a message; the muxer splits what is larger. */
const chunkBytes = 64 * 1024 - 16
/** An idle stream says this often that it lives, ms. */
const pingMs = 25_000
/** After this long without a frame the other side is taken for gone, ms. */
const silenceMs = 90_000
/** A body that nobody takes for this long is given up, ms. */
const stallMs = 300_000

/**
 * One request and its answer on a stream, seen from one end: a head and a body out, a head and a body in. Reads all
 * the time, because the window bounds what can come; acknowledges a body as its reader takes it, because WebRTC has no
 * back-pressure of its own.
 */
export class FrameChannel {
  readonly #stream: ByteStream
  readonly #head = Promise.withResolvers<unknown>()
  readonly #end = Promise.withResolvers<void>()
  readonly #failed = new AbortController()
  /** Body bytes that came and wait for their reader. */
  readonly #incoming: Uint8Array[] = []
  #waiting = 0
  #taken = 0
  #bodyEnded = false
  #headSeen = false
  #finished = false
  readonly #answers: boolean
  #sent = 0
  #wakeReader: (() => void) | undefined
  #wakeWriter: (() => void) | undefined
  #lastFrameAt = Date.now()
  readonly #timer: ReturnType<typeof setInterval>

  /** `answers`: this is the end that answers, which closes first. */
  constructor(stream: ByteStream, { answers }: { readonly answers: boolean }) {
    this.#stream = stream
    this.#answers = answers
    this.#head.promise.catch(() => {})
    this.#timer = setInterval(() => this.#beat(), pingMs)
    ;(this.#timer as { unref?: () => void }).unref?.()
    void this.#read()
  }

  /** The head of the other side, not yet parsed. Rejects when the stream fails first. */
  get head(): Promise<unknown> {
    return this.#head.promise
  }

  /** Aborted when the channel failed; its reason is why. */
  get failed(): AbortSignal {
    return this.#failed.signal
  }

  /** Resolves when nothing more will come. */
  get ended(): Promise<void> {
    return this.#end.promise
  }

  async sendHead(head: unknown): Promise<void> {
    await this.#send(encodeJson(frameType.head, head))
  }

  /** Sends a body in pieces as the window allows, and its end. Cancels the source when the channel fails. */
  async sendBody(body: ReadableStream<Uint8Array> | null | undefined): Promise<void> {
    const reader = body?.getReader()
    const stop = (): void => void reader?.cancel(this.#failed.signal.reason).catch(() => {})
    this.#failed.signal.addEventListener('abort', stop, { once: true })
    try {
      for (;;) {
        const { done, value } = reader ? await reader.read() : noMore
        this.#failed.signal.throwIfAborted()
        if (done) break
        for (let at = 0; at < value.length; at += chunkBytes) {
          const part = value.subarray(at, at + chunkBytes)
          await this.#room(part.length)
          this.#sent += part.length
          await this.#send(encodeFrame(frameType.data, part))
        }
      }
      await this.#send(encodeFrame(frameType.end))
    } finally {
      this.#failed.signal.removeEventListener('abort', stop)
    }
  }

  /** The other side's body. Cancelling it calls `cancelled`. */
  body(cancelled: (reason: unknown) => void): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          for (;;) {
            const chunk = this.#incoming.shift()
            if (chunk) {
              this.#waiting -= chunk.length
              this.#take(chunk.length)
              controller.enqueue(chunk)
              return
            }
            if (this.#bodyEnded) {
              controller.close()
              return
            }
            this.#failed.signal.throwIfAborted()
            await new Promise<void>((resolve) => (this.#wakeReader = resolve))
          }
        },
        cancel: cancelled,
      },
      // Nothing is taken ahead of the reader: what is taken is acknowledged.
      { highWaterMark: 0 },
    )
  }

  /** Tells the other side why, and resets the stream. */
  async abort(error: SiloError): Promise<void> {
    if (this.#failed.signal.aborted) return
    await Promise.race([
      this.#send(encodeJson(frameType.abort, toWire(error))).catch(() => {}),
      new Promise((resolve) => setTimeout(resolve, 1000)),
    ])
    await this.#stream.closeWrite().catch(() => {})
    this.fail(error)
  }

  /** Resets the stream at once. */
  fail(error: Error): void {
    this.#stop(error)
    this.#stream.abort(error)
  }

  /** Ends this side in order; nothing may be sent after it. */
  async finish(): Promise<void> {
    this.#finished = true
    clearInterval(this.#timer)
    await this.#stream.closeWrite()
  }

  async #read(): Promise<void> {
    try {
      for await (const frame of readFrames(this.#stream)) {
        this.#lastFrameAt = Date.now()
        this.#receive(frame)
      }
      // Who asked closes last: earlier it is gone, however quietly. Over WebRTC a reset may look like a close.
      const tooEarly = this.#answers && !this.#finished
      if (!this.#bodyEnded || tooEarly) throw new SiloError('companion_unreachable')
    } catch (error) {
      const known = error instanceof SiloError
      this.fail(known ? error : new SiloError('companion_unreachable', { cause: error }))
    } finally {
      clearInterval(this.#timer)
      this.#end.resolve()
      this.#wakeReader?.()
    }
  }

  #receive({ type, payload }: Frame): void {
    if (type === frameType.ping) return
    if (type === frameType.abort) {
      const parsed = v.safeParse(wireErrorSchema, decodeJson(payload))
      throw parsed.success ? fromWire(parsed.output) : new SiloError('protocol_violation')
    }
    if (type === frameType.ack) {
      this.#sent -= new DataView(payload.buffer, payload.byteOffset).getUint32(0)
      if (this.#sent < 0) throw new SiloError('protocol_violation')
      this.#wakeWriter?.()
      return
    }
    if (type === frameType.head) {
      if (this.#headSeen) throw new SiloError('protocol_violation')
      this.#headSeen = true
      this.#head.resolve(decodeJson(payload))
      return
    }
    if (!this.#headSeen || this.#bodyEnded) throw new SiloError('protocol_violation')
    if (type === frameType.end) this.#bodyEnded = true
    else {
      this.#waiting += payload.length
      // What is taken but not yet acknowledged is still within the sender's window.
      if (this.#waiting > windowBytes) throw new SiloError('protocol_violation')
      // A copy: a small piece must not keep the whole message it came in.
      this.#incoming.push(payload.length * 4 < payload.buffer.byteLength ? payload.slice() : payload) // prettier-ignore
    }
    this.#wakeReader?.()
  }

  #take(bytes: number): void {
    this.#taken += bytes
    if (this.#taken < windowBytes / 8 || this.#bodyEnded) return
    const taken = this.#taken
    this.#taken = 0
    void this.#send(encodeAck(taken)).catch(() => {})
  }

  /** Resolves when `bytes` more fit into the window. */
  async #room(bytes: number): Promise<void> {
    while (this.#sent + bytes > windowBytes) {
      this.#failed.signal.throwIfAborted()
      await new Promise<void>((resolve) => {
        const timer = setTimeout(() => {
          this.fail(new SiloError('timeout', { params: { seconds: stallMs / 1000 } }))
        }, stallMs)
        this.#wakeWriter = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    this.#failed.signal.throwIfAborted()
  }

  async #send(frame: Uint8Array): Promise<void> {
    this.#failed.signal.throwIfAborted()
    await this.#stream.send(frame)
  }

  #beat(): void {
    if (Date.now() - this.#lastFrameAt > silenceMs)
      return this.fail(new SiloError('companion_unreachable'))
    void this.#send(encodeFrame(frameType.ping)).catch(() => {})
  }

  #stop(error: Error): void {
    if (this.#failed.signal.aborted) return
    clearInterval(this.#timer)
    this.#failed.abort(error)
    this.#head.reject(error)
    this.#wakeReader?.()
    this.#wakeWriter?.()
  }
}
