/**
 * The wire format of protocol buffers, as far as the Block Exchange Protocol needs it. Written here and not taken from
 * a library: reading hands out views into the message instead of copies, every length is checked against what is there,
 * and there are no generated files (docs/decisions/0009-sync.md).
 */

/** A message that is no valid protocol buffer, or breaks a rule of the protocol. The connection ends. */
export class ProtocolViolation extends Error {
  override readonly name = 'ProtocolViolation'
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Reads one message. Every method throws ProtocolViolation where the bytes end early or do not fit. */
export class ProtoReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #at: number
  #end: number

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#at = 0
    this.#end = bytes.length
  }

  /** Field number and wire type as one number, as they stand there: `field << 3 | type`. 0 at the end. */
  tag(): number {
    if (this.#at >= this.#end) return 0
    const tag = this.#varint32()
    if (tag >>> 3 === 0) throw new ProtocolViolation('field 0')
    return tag
  }

  /** The low 32 bits, as the format asks of numbers that were written longer. */
  int32(): number {
    return this.#varint32() | 0
  }

  uint32(): number {
    return this.#varint32() >>> 0
  }

  bool(): boolean {
    return this.uint64() !== 0n
  }

  uint64(): bigint {
    const bytes = this.#bytes
    let low = 0
    let high = 0
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.#at >= this.#end) throw new ProtocolViolation('ends within a number')
      const byte = bytes[this.#at++]!
      const part = byte & 0x7f
      if (shift < 28) low |= part << shift
      else if (shift === 28) {
        low |= part << 28
        high |= part >>> 4
      } else if (shift < 63) high |= part << (shift - 32)
      else high |= (part & 1) << 31
      if (byte < 0x80)
        return high === 0 ? BigInt(low >>> 0) : (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0)
    }
    throw new ProtocolViolation('a number of more than 10 bytes')
  }

  /** A signed 64-bit number that must be safe in JavaScript. */
  safeInteger(): number {
    const bytes = this.#bytes
    // Nearly all of them: up to 28 bits.
    let value = 0
    for (let shift = 0; shift < 28 && this.#at + shift / 7 < this.#end; shift += 7) {
      const byte = bytes[this.#at + shift / 7]!
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) {
        this.#at += shift / 7 + 1
        return value
      }
    }
    const number = Number(BigInt.asIntN(64, this.uint64()))
    if (!Number.isSafeInteger(number)) throw new ProtocolViolation('a number out of range')
    return number
  }

  /** A view into the message: valid as long as that is. */
  bytes(): Uint8Array {
    const length = this.#varint32() >>> 0
    const start = this.#at
    if (length > this.#end - start) throw new ProtocolViolation('ends within a field')
    this.#at = start + length
    return this.#bytes.subarray(start, start + length)
  }

  /** Bytes of their own, for what is kept: a view would keep the whole message. */
  copy(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.bytes())
  }

  string(): string {
    try {
      return utf8.decode(this.bytes())
    } catch (error) {
      if (error instanceof ProtocolViolation) throw error
      throw new ProtocolViolation('text that is not UTF-8')
    }
  }

  /** Reads a message within this one with the same reader. */
  message<T>(read: (reader: ProtoReader) => T): T {
    const length = this.#varint32() >>> 0
    const end = this.#at + length
    if (end > this.#end) throw new ProtocolViolation('ends within a field')
    const outer = this.#end
    this.#end = end
    const value = read(this)
    this.#at = end
    this.#end = outer
    return value
  }

  /** Passes over a field nobody asked for. */
  skip(tag: number): void {
    const type = tag & 7
    if (type === 0) this.uint64()
    else if (type === 1) this.#pass(8)
    else if (type === 2) this.#pass(this.#varint32() >>> 0)
    else if (type === 5) this.#pass(4)
    else throw new ProtocolViolation(`wire type ${type}`)
  }

  #pass(length: number): void {
    if (length > this.#end - this.#at) throw new ProtocolViolation('ends within a field')
    this.#at += length
  }

  #varint32(): number {
    const first = this.#at < this.#end ? this.#view.getUint8(this.#at) : 0x80
    if (first < 0x80) {
      this.#at++
      return first
    }
    return Number(BigInt.asUintN(32, this.uint64()))
  }
}

const encoder = new TextEncoder()

/** Writes one message into a buffer that grows. Fields with the value of their type's zero are left out. */
export class ProtoWriter {
  #buffer: Buffer
  #at = 0

  constructor(capacity = 256) {
    this.#buffer = Buffer.allocUnsafe(capacity)
  }

  get length(): number {
    return this.#at
  }

  /** What was written; the writer is not to be used after that. */
  finish(): Buffer {
    return this.#buffer.subarray(0, this.#at)
  }

  int(field: number, value: number): this {
    if (value === 0) return this
    this.#room(16)
    this.#varint(field << 3)
    if (value > 0) this.#varint(value)
    else this.#varint64(BigInt.asUintN(64, BigInt(value)))
    return this
  }

  uint64(field: number, value: bigint): this {
    if (value === 0n) return this
    this.#room(16)
    this.#varint(field << 3)
    this.#varint64(BigInt.asUintN(64, value))
    return this
  }

  bool(field: number, value: boolean): this {
    return this.int(field, value ? 1 : 0)
  }

  bytes(field: number, value: Uint8Array | undefined): this {
    if (!value || value.length === 0) return this
    this.bytesHeader(field, value.length)
    this.#room(value.length)
    this.#buffer.set(value, this.#at)
    this.#at += value.length
    return this
  }

  /** The tag and the length of a field whose bytes are sent after this without being copied. */
  bytesHeader(field: number, length: number): this {
    this.#room(16)
    this.#varint((field << 3) | 2)
    this.#varint(length)
    return this
  }

  string(field: number, value: string): this {
    if (value === '') return this
    if (value.length < 40) {
      // Short and mostly ASCII: written where it goes, with a length of one byte.
      this.#room(16 + value.length * 3)
      this.#varint((field << 3) | 2)
      const start = this.#at + 1
      const { written } = encoder.encodeInto(value, this.#buffer.subarray(start))
      this.#buffer[this.#at] = written
      this.#at = start + written
      return this
    }
    return this.bytes(field, encoder.encode(value))
  }

  /** A message within this one; written even if it is empty. */
  message(field: number, write: (writer: ProtoWriter) => void): this {
    this.#room(16)
    this.#varint((field << 3) | 2)
    // Its length is known afterwards: one byte is kept free, and what is longer is moved.
    const start = ++this.#at
    write(this)
    const length = this.#at - start
    if (length < 0x80) {
      this.#buffer[start - 1] = length
      return this
    }
    const extra = varintLength(length) - 1
    this.#room(extra)
    this.#buffer.copyWithin(start + extra, start, this.#at)
    this.#at = start - 1
    this.#varint(length)
    this.#at += length
    return this
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#at + bytes))
    larger.set(this.#buffer.subarray(0, this.#at))
    this.#buffer = larger
  }

  #varint(value: number): void {
    while (value >= 0x80) {
      this.#buffer[this.#at++] = (value % 0x80) | 0x80
      value = Math.floor(value / 0x80)
    }
    this.#buffer[this.#at++] = value
  }

  #varint64(value: bigint): void {
    let low = Number(value & 0xffffffffn)
    let high = Number(value >> 32n)
    while (high > 0 || low >= 0x80) {
      this.#buffer[this.#at++] = (low & 0x7f) | 0x80
      low = ((low >>> 7) | (high << 25)) >>> 0
      high >>>= 7
    }
    this.#buffer[this.#at++] = low
  }
}

function varintLength(value: number): number {
  let length = 1
  for (; value >= 0x80; value = Math.floor(value / 0x80)) length++
  return length
}
