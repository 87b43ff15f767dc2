import { SiloError } from '#shared/errors/silo-error.ts'

/**
 * A frame of `/silo/fetch/1`: one byte of type, four of payload length (big endian), the payload.
 * HEAD: JSON of a request or response head. DATA: bytes of a body. ACK: how many bytes of the other side's body
 * have been taken since the last one, u32. END: the body is complete. ABORT: a wire error as JSON. PING: nothing,
 * so that an idle stream is not taken for a dead one.
 */
export const frameType = { head: 1, data: 2, ack: 3, end: 4, abort: 5, ping: 6 } as const
export type FrameType = (typeof frameType)[keyof typeof frameType]

export interface Frame {
  readonly type: FrameType
  readonly payload: Uint8Array
}

const headerBytes = 5
/** Bytes a payload may have. */
export const maxPayload: Readonly<Record<FrameType, number>> = {
  [frameType.head]: 64 * 1024,
  [frameType.data]: 64 * 1024,
  [frameType.ack]: 4,
  [frameType.end]: 0,
  [frameType.abort]: 16 * 1024,
  [frameType.ping]: 0,
}

const empty = new Uint8Array(0)

export function encodeFrame(type: FrameType, payload: Uint8Array = empty): Uint8Array {
  if (payload.length > maxPayload[type]) throw new SiloError('protocol_violation')
  const frame = new Uint8Array(headerBytes + payload.length)
  const view = new DataView(frame.buffer)
  view.setUint8(0, type)
  view.setUint32(1, payload.length)
  frame.set(payload, headerBytes)
  return frame
}

export function encodeJson(type: FrameType, value: unknown): Uint8Array {
  return encodeFrame(type, new TextEncoder().encode(JSON.stringify(value)))
}

export function encodeAck(bytes: number): Uint8Array {
  const payload = new Uint8Array(4)
  new DataView(payload.buffer).setUint32(0, bytes)
  return encodeFrame(frameType.ack, payload)
}

/** @throws SiloError protocol_violation */
export function decodeJson(payload: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload))
  } catch (cause) {
    throw new SiloError('protocol_violation', { cause })
  }
}

/**
 * Cuts a stream of bytes into frames, however the bytes were split on their way. Ends with the bytes.
 * @throws SiloError protocol_violation on an unknown type, a payload over its limit, or half a frame at the end
 */
export async function* readFrames(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Frame> {
  const waiting = new ByteQueue()
  for await (const chunk of bytes) {
    waiting.push(chunk)
    for (let header = waiting.peek(headerBytes); header; header = waiting.peek(headerBytes)) {
      const type = header[0] as FrameType
      const limit = maxPayload[type]
      const length = new DataView(header.buffer, header.byteOffset).getUint32(1)
      if (limit === undefined || length > limit || (type === frameType.ack && length !== 4))
        throw new SiloError('protocol_violation')
      if (waiting.length < headerBytes + length) break
      waiting.take(headerBytes)
      yield { type, payload: waiting.take(length) }
    }
  }
  if (waiting.length > 0) throw new SiloError('protocol_violation')
}

/** Bytes in the order they came; taken without copying where one chunk holds them all. */
class ByteQueue {
  readonly #chunks: Uint8Array[] = []
  length = 0

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return
    this.#chunks.push(chunk)
    this.length += chunk.length
  }

  /** The first `count` bytes, left where they are; undefined while there are fewer. */
  peek(count: number): Uint8Array | undefined {
    if (this.length < count) return undefined
    const [first] = this.#chunks
    if (first && first.length >= count) return first.subarray(0, count)
    const bytes = this.take(count)
    this.#chunks.unshift(bytes)
    this.length += count
    return bytes
  }

  /** Removes the first `count` bytes, of which there are as many. */
  take(count: number): Uint8Array {
    this.length -= count
    const [first] = this.#chunks
    if (first && first.length > count) {
      this.#chunks[0] = first.subarray(count)
      return first.subarray(0, count)
    }
    if (first?.length === count) return this.#chunks.shift() ?? empty
    const bytes = new Uint8Array(count)
    for (let filled = 0; filled < count;) {
      const chunk = this.#chunks[0] ?? empty
      const part = chunk.subarray(0, count - filled)
      bytes.set(part, filled)
      filled += part.length
      if (part.length === chunk.length) this.#chunks.shift()
      else this.#chunks[0] = chunk.subarray(part.length)
    }
    return bytes
  }
}
