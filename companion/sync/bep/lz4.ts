import { ProtocolViolation } from './proto.ts'

/**
 * LZ4 blocks as the Block Exchange Protocol uses them: the length of the content (u32, big endian), then one block
 * without a frame. What comes from a peer is checked at every step: an offset or a length that points outside is an
 * error, never a read or write there.
 */

/** Bytes one compressed byte may become, as the format has it; a larger claim is a lie. */
const maxRatio = 255

/** @throws ProtocolViolation where the content would be larger than `limit` or the block is damaged */
export function lz4Decompress(source: Uint8Array, limit: number): Uint8Array {
  if (source.length < 4) throw new ProtocolViolation('a compressed message without a length')
  const size = ((source[0]! << 24) | (source[1]! << 16) | (source[2]! << 8) | source[3]!) >>> 0
  if (size > limit) throw new ProtocolViolation('a compressed message larger than allowed')
  if (size > source.length * maxRatio) throw new ProtocolViolation('a compressed message that lies')
  const target = Buffer.allocUnsafe(size)
  const end = source.length
  let at = 4
  let to = 0
  const longer = (length: number): number => {
    for (;;) {
      if (at >= end) throw damaged()
      const byte = source[at++]!
      length += byte
      if (length > size) throw damaged()
      if (byte !== 255) return length
    }
  }
  while (at < end) {
    const token = source[at++]!
    let literals = token >> 4
    if (literals === 15) literals = longer(15)
    if (literals > 0) {
      if (literals > end - at || literals > size - to) throw damaged()
      if (literals > 32) target.set(source.subarray(at, at + literals), to)
      else for (let i = 0; i < literals; i++) target[to + i] = source[at + i]!
      at += literals
      to += literals
    }
    if (at === end) break
    if (at + 2 > end) throw damaged()
    const offset = source[at]! | (source[at + 1]! << 8)
    at += 2
    if (offset === 0 || offset > to) throw damaged()
    let length = token & 15
    if (length === 15) length = longer(15)
    length += 4
    if (length > size - to) throw damaged()
    if (offset >= length && length > 32) target.copyWithin(to, to - offset, to - offset + length)
    else for (let i = 0; i < length; i++) target[to + i] = target[to - offset + i]!
    to += length
  }
  if (to !== size) throw damaged()
  return target
}

function damaged(): ProtocolViolation {
  return new ProtocolViolation('a damaged compressed message')
}

const minMatch = 4
/** A block ends with at least five literals, and no match begins in its last twelve bytes. */
const lastLiterals = 5
const matchLimit = 12
const hashBits = 14
const table = new Int32Array(1 << hashBits)

/** The message compressed, with its length before it; undefined where that saves less than one part in 32. */
export function lz4Compress(source: Uint8Array): Buffer | undefined {
  const size = source.length
  if (size < 2 * matchLimit) return undefined
  const limit = 4 + size - Math.ceil(size / 32)
  const target = Buffer.allocUnsafe(limit)
  target.writeUInt32BE(size, 0)
  table.fill(-1)
  const view = new DataView(source.buffer, source.byteOffset, size)
  let to = 4
  let anchor = 0
  let at = 0
  const writeLength = (length: number): void => {
    for (; length >= 255; length -= 255) target[to++] = 255
    target[to++] = length
  }
  const lastMatch = size - matchLimit
  while (at < lastMatch) {
    const word = view.getUint32(at, true)
    const hash = Math.imul(word, 0x9e3779b1) >>> (32 - hashBits)
    const from = table[hash]!
    table[hash] = at
    if (from < 0 || at - from > 0xffff || view.getUint32(from, true) !== word) {
      // The longer nothing is found, the larger the steps.
      at += 1 + ((at - anchor) >> 6)
      continue
    }
    let length = minMatch
    const most = size - lastLiterals - at
    while (length < most && source[from + length] === source[at + length]) length++
    const literals = at - anchor
    if (to + literals + Math.ceil(literals / 255) + Math.ceil(length / 255) + 4 > limit) return undefined // prettier-ignore
    target[to++] = (Math.min(literals, 15) << 4) | Math.min(length - minMatch, 15)
    if (literals >= 15) writeLength(literals - 15)
    target.set(source.subarray(anchor, at), to)
    to += literals
    target[to++] = (at - from) & 0xff
    target[to++] = (at - from) >> 8
    if (length - minMatch >= 15) writeLength(length - minMatch - 15)
    at += length
    anchor = at
  }
  const literals = size - anchor
  if (to + literals + Math.ceil(literals / 255) + 2 > limit) return undefined
  target[to++] = Math.min(literals, 15) << 4
  if (literals >= 15) writeLength(literals - 15)
  target.set(source.subarray(anchor), to)
  return target.subarray(0, to + literals)
}
