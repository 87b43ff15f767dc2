/** Random numbers that are the same in every run: 0 … 1. */
export function seeded(seed: number): () => number {
  let state = (seed * 2_654_435_761) % 2_147_483_647 || 1
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647
}

const ways: ((bytes: Buffer, random: () => number) => Buffer)[] = [
  // Bits turned over.
  (bytes, random) => {
    const copy = Buffer.from(bytes)
    for (let count = 1 + random() * 20; count > 0; count--) copy[at(copy, random)]! ^= 1 << (random() * 8) // prettier-ignore
    return copy
  },
  // The end cut off.
  (bytes, random) => Buffer.from(bytes.subarray(0, at(bytes, random))),
  // A piece taken out.
  (bytes, random) => {
    const from = at(bytes, random)
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(from + Math.floor(random() * 400))]) // prettier-ignore
  },
  // A piece doubled.
  (bytes, random) => {
    const from = at(bytes, random)
    const piece = bytes.subarray(from, from + 1 + Math.floor(random() * 2000))
    return Buffer.concat([bytes.subarray(0, from), piece, piece, bytes.subarray(from)])
  },
  // Zeros, or ones, over a piece.
  (bytes, random) => {
    const copy = Buffer.from(bytes)
    const from = at(copy, random)
    return copy.fill(random() < 0.5 ? 0 : 255, from, Math.min(copy.length, from + 200))
  },
  // Numbers made huge.
  (bytes, random) =>
    Buffer.from(
      bytes.toString('latin1').replace(/\d+/g, (digits) => (random() < 0.02 ? '4294967295' : digits)), // prettier-ignore
      'latin1',
    ),
  // Four bytes as a length that is not true.
  (bytes, random) => {
    const copy = Buffer.from(bytes)
    if (copy.length > 8) copy.writeUInt32LE(Math.floor(random() * 0xffff_ffff), Math.floor(random() * (copy.length - 4))) // prettier-ignore
    return copy
  },
  // Noise in between.
  (bytes, random) => {
    const from = at(bytes, random)
    const noise = Buffer.from(Array.from({ length: 1 + random() * 300 }, () => random() * 256))
    return Buffer.concat([bytes.subarray(0, from), noise, bytes.subarray(from)])
  },
]

function at(bytes: Buffer, random: () => number): number {
  return Math.floor(random() * bytes.length)
}

/** One to three changes; the same for the same seed. */
export function mutated(bytes: Uint8Array, seed: number): Uint8Array {
  const random = seeded(seed)
  let result = Buffer.from(bytes)
  for (let count = 1 + Math.floor(random() * 3); count > 0 && result.length > 0; count--)
    result = Buffer.from(ways[Math.floor(random() * ways.length)]!(result, random))
  return new Uint8Array(result)
}
