import * as v from 'valibot'
import { SiloError } from '#shared/errors/silo-error.ts'
import type { ByteStream } from '#shared/fetch-stream/byte-stream.ts'
import { pairReplySchema, type PairHello, type PairReply } from '#shared/protocol/pairing.ts'

const maxMessageBytes = 8 * 1024

/** The client's end of a pairing stream: JSON messages with a length before each (shared/protocol/pairing.ts). */
export class PairMessages {
  readonly #stream: ByteStream
  readonly #signal: AbortSignal
  readonly #chunks: AsyncIterator<Uint8Array>
  #buffer: Uint8Array = new Uint8Array(0)

  constructor(stream: ByteStream, signal: AbortSignal) {
    this.#stream = stream
    this.#signal = signal
    this.#chunks = stream[Symbol.asyncIterator]()
  }

  async send(message: PairHello | { type: 'reveal'; nonce: string }): Promise<void> {
    const body = new TextEncoder().encode(JSON.stringify(message))
    const frame = new Uint8Array(4 + body.length)
    new DataView(frame.buffer).setUint32(0, body.length)
    frame.set(body, 4)
    await this.#stream.send(frame)
  }

  /** The next message. @throws SiloError timeout, protocol_violation; any error when the stream ends before */
  async next(limitMs: number): Promise<PairReply> {
    const { promise, reject } = Promise.withResolvers<never>()
    const timer = setTimeout(
      () => reject(new SiloError('timeout', { params: { seconds: limitMs / 1000 } })),
      limitMs,
    )
    const cancel = (): void => reject(this.#signal.reason)
    this.#signal.addEventListener('abort', cancel, { once: true })
    try {
      this.#signal.throwIfAborted()
      return await Promise.race([this.#read(), promise])
    } catch (error) {
      this.#stream.abort(error as Error)
      throw error
    } finally {
      clearTimeout(timer)
      this.#signal.removeEventListener('abort', cancel)
    }
  }

  async #read(): Promise<PairReply> {
    await this.#fill(4)
    const length = new DataView(this.#buffer.buffer, this.#buffer.byteOffset).getUint32(0)
    if (length > maxMessageBytes) throw new SiloError('protocol_violation')
    await this.#fill(4 + length)
    const text = new TextDecoder().decode(this.#buffer.subarray(4, 4 + length))
    this.#buffer = this.#buffer.slice(4 + length)
    const parsed = v.safeParse(pairReplySchema, parseJson(text))
    if (!parsed.success)
      throw new SiloError('protocol_violation', { cause: parsed.issues[0]?.message })
    return parsed.output
  }

  async #fill(length: number): Promise<void> {
    while (this.#buffer.length < length) {
      const { done, value } = await this.#chunks.next()
      if (done) throw new Error('the companion ended the pairing')
      const joined = new Uint8Array(this.#buffer.length + value.length)
      joined.set(this.#buffer)
      joined.set(value, this.#buffer.length)
      this.#buffer = joined
    }
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
