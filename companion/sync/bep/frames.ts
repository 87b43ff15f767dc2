import type { BepChannel } from './channel.ts'
import { helloLength, helloPrefixBytes, readHello, type Hello } from './hello.ts'
import { lz4Compress, lz4Decompress } from './lz4.ts'
import { messageLimits, readHeader } from './messages.ts'
import { ProtocolViolation, ProtoWriter } from './proto.ts'

export interface Frame {
  readonly type: number
  readonly body: Uint8Array
}

/** What the protocol allows of any message; messages we have no use for are passed over up to this. */
const maxMessageBytes = 500_000_000
const maxHeaderBytes = 256
/** Larger messages lie in a buffer of their own, which whoever gets the data may give to another thread. */
const ownBufferBytes = 16 * 1024
/** Smaller messages are not worth compressing. */
const minCompressed = 1024

/** Cuts what comes from a channel into messages. Nothing larger than its type may be is ever held. */
export class FrameReader {
  readonly #incoming: AsyncIterator<Uint8Array>
  #chunk: Uint8Array = new Uint8Array(0)
  #at = 0
  /** Bytes that came. */
  received = 0
  /** When the last of them came, `performance.now()`. */
  lastAt = performance.now()

  constructor(channel: BepChannel) {
    this.#incoming = channel.incoming
  }

  /** @throws ProtocolViolation; Error where the connection ends before */
  async hello(): Promise<Hello> {
    const prefix = await this.#read(helloPrefixBytes)
    return readHello(await this.#read(helloLength(prefix)))
  }

  /** Waits for the first message; false where the other side ended before one. */
  async begun(): Promise<boolean> {
    return this.#at < this.#chunk.length || (await this.#more())
  }

  /** The next message; undefined where the other side ended between two. @throws ProtocolViolation */
  async next(): Promise<Frame | undefined> {
    for (;;) {
      if (this.#at === this.#chunk.length && !(await this.#more())) return undefined
      const headerLength = uint16(await this.#read(2))
      if (headerLength > maxHeaderBytes) throw new ProtocolViolation('a header that is too long')
      const header = readHeader(await this.#read(headerLength))
      const length = uint32(await this.#read(4))
      const limit = messageLimits[header.type]
      if (limit === undefined) {
        await this.#pass(length)
        continue
      }
      if (length > limit) throw new ProtocolViolation('a message larger than allowed')
      const body = await this.#read(length)
      return { type: header.type, body: header.compressed ? lz4Decompress(body, limit) : body }
    }
  }

  async #read(length: number): Promise<Uint8Array> {
    const there = this.#chunk.length - this.#at
    if (there >= length && length < ownBufferBytes) {
      const bytes = this.#chunk.subarray(this.#at, this.#at + length)
      this.#at += length
      return bytes
    }
    const bytes = Buffer.allocUnsafeSlow(length)
    let filled = 0
    while (filled < length) {
      if (this.#at === this.#chunk.length && !(await this.#more()))
        throw new Error('the connection ended within a message')
      const part = this.#chunk.subarray(this.#at, this.#at + length - filled)
      bytes.set(part, filled)
      filled += part.length
      this.#at += part.length
    }
    return bytes
  }

  async #pass(length: number): Promise<void> {
    if (length > maxMessageBytes) throw new ProtocolViolation('a message larger than allowed')
    for (let left = length; left > 0;) {
      if (this.#at === this.#chunk.length && !(await this.#more()))
        throw new Error('the connection ended within a message')
      const part = Math.min(left, this.#chunk.length - this.#at)
      this.#at += part
      left -= part
    }
  }

  async #more(): Promise<boolean> {
    for (;;) {
      const { done, value } = await this.#incoming.next()
      if (done) return false
      if (value.length === 0) continue
      this.#chunk = value
      this.#at = 0
      this.received += value.length
      this.lastAt = performance.now()
      return true
    }
  }
}

function uint16(bytes: Uint8Array): number {
  return (bytes[0]! << 8) | bytes[1]!
}

function uint32(bytes: Uint8Array): number {
  return ((bytes[0]! << 24) | (bytes[1]! << 16) | (bytes[2]! << 8) | bytes[3]!) >>> 0
}

/** A message with what goes before it. `parts` are sent one after the other; `compress` where that helps. */
export function frame(type: number, parts: readonly Uint8Array[], compress = false): Uint8Array[] {
  let body = parts
  const single = parts.length === 1 ? parts[0]! : undefined
  const compressed = compress && single && single.length >= minCompressed ? lz4Compress(single) : undefined // prettier-ignore
  if (compressed) body = [compressed]
  let length = 0
  for (const part of body) length += part.length
  const header = new ProtoWriter(8)
    .int(1, type)
    .int(2, compressed ? 1 : 0)
    .finish()
  const prefix = Buffer.allocUnsafe(6 + header.length)
  prefix.writeUInt16BE(header.length, 0)
  prefix.set(header, 2)
  prefix.writeUInt32BE(length, 2 + header.length)
  return [prefix, ...body]
}
