import * as v from 'valibot'
import { SiloError } from '#shared/errors/silo-error.ts'
import type { ByteStream } from '#shared/fetch-stream/byte-stream.ts'

const maxMessageBytes = 8 * 1024

/** The companion's end of a pairing stream: a four-byte length and that many bytes of JSON (shared/protocol/pairing.ts). */
export class JsonMessages {
  readonly #stream: ByteStream
  readonly #chunks: AsyncIterator<Uint8Array>
  #buffer = Buffer.alloc(0)

  constructor(stream: ByteStream) {
    this.#stream = stream
    this.#chunks = stream[Symbol.asyncIterator]()
  }

  async send(message: unknown): Promise<void> {
    const body = Buffer.from(JSON.stringify(message))
    const length = Buffer.alloc(4)
    length.writeUInt32BE(body.length)
    await this.#stream.send(Buffer.concat([length, body]))
  }

  /** @throws SiloError protocol_violation, timeout; any error when the stream ends before */
  async next<S extends v.GenericSchema>(schema: S, limitMs: number): Promise<v.InferOutput<S>> {
    const { promise, reject } = Promise.withResolvers<never>()
    const timer = setTimeout(
      () => reject(new SiloError('timeout', { params: { seconds: limitMs / 1000 } })),
      limitMs,
    )
    try {
      const parsed = v.safeParse(schema, await Promise.race([this.#read(), promise]))
      if (!parsed.success) throw new SiloError('protocol_violation')
      return parsed.output
    } finally {
      clearTimeout(timer)
    }
  }

  /** Resolves when the other side is gone, or sends what nobody asked for. */
  async over(): Promise<void> {
    await this.#chunks.next().catch(() => {})
  }

  async #read(): Promise<unknown> {
    await this.#fill(4)
    const length = this.#buffer.readUInt32BE(0)
    if (length > maxMessageBytes) throw new SiloError('protocol_violation')
    await this.#fill(4 + length)
    const text = this.#buffer.toString('utf8', 4, 4 + length)
    this.#buffer = this.#buffer.subarray(4 + length)
    try {
      return JSON.parse(text)
    } catch (cause) {
      throw new SiloError('protocol_violation', { cause })
    }
  }

  async #fill(length: number): Promise<void> {
    while (this.#buffer.length < length) {
      const { done, value } = await this.#chunks.next()
      if (done) throw new Error('the device ended the pairing')
      this.#buffer = Buffer.concat([this.#buffer, value])
    }
  }
}
