import * as v from 'valibot'

/** The pipe to a jail: a header (JSON) and a body, each with its length before it. Nothing that comes from there is believed. */
const headMost = 64 * 1024
const bodyMost = 2 * 1024 * 1024

const text = (most: number) => v.pipe(v.string(), v.maxLength(most))

const headerSchema = v.variant('type', [
  v.object({ type: v.literal('ready') }),
  v.object({ type: v.literal('output'), stream: v.picklist(['stdout', 'stderr']) }),
  v.object({ type: v.literal('file'), name: text(4096), first: v.boolean() }),
  v.object({ type: v.literal('shown'), name: text(4096) }),
  v.object({ type: v.literal('snapshot') }),
  v.object({
    type: v.literal('end'),
    outcome: v.optional(v.picklist(['done', 'error', 'memory-limit', 'file-limit', 'crashed'])),
    exitCode: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(255))),
    error: v.optional(text(4096)),
  }),
])
export interface Frame {
  readonly header: v.InferOutput<typeof headerSchema>
  readonly body: Buffer
}

export function encodeFrame(header: object, body: Uint8Array = new Uint8Array(0)): Buffer {
  const head = Buffer.from(JSON.stringify(header))
  const lengths = Buffer.alloc(8)
  lengths.writeUInt32BE(head.length, 0)
  lengths.writeUInt32BE(body.length, 4)
  return Buffer.concat([lengths, head, body])
}

/** Puts frames together from what a pipe delivers. */
export class FrameReader {
  #chunks: Buffer[] = []
  #length = 0

  /** The next bytes in one piece. */
  #peek(length: number): Buffer {
    if ((this.#chunks[0]?.length ?? 0) < length) this.#chunks = [Buffer.concat(this.#chunks)]
    return (this.#chunks[0] as Buffer).subarray(0, length)
  }

  #drop(length: number): void {
    const [first, ...rest] = this.#chunks as [Buffer, ...Buffer[]]
    this.#chunks = first.length > length ? [first.subarray(length), ...rest] : rest
    this.#length -= length
  }

  /** @throws Error for anything that is no frame */
  *push(chunk: Buffer): Generator<Frame> {
    this.#chunks.push(chunk)
    this.#length += chunk.length
    for (;;) {
      if (this.#length < 8) return
      const lengths = this.#peek(8)
      const head = lengths.readUInt32BE(0)
      const body = lengths.readUInt32BE(4)
      if (head > headMost || body > bodyMost) throw new Error('frame too long')
      if (this.#length < 8 + head + body) return
      const frame = this.#peek(8 + head + body)
      this.#drop(frame.length)
      yield {
        header: v.parse(headerSchema, JSON.parse(frame.toString('utf8', 8, 8 + head))),
        body: frame.subarray(8 + head),
      }
    }
  }
}
