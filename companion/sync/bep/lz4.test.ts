import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { lz4Compress, lz4Decompress } from './lz4.ts'

const limit = 1 << 24
const random = (size: number): Buffer =>
  Buffer.concat(
    Array.from({ length: Math.ceil(size / 32) }, (_, at) =>
      createHash('sha256').update(`${at}`).digest(),
    ),
  ).subarray(0, size)
const text = (size: number): Buffer =>
  Buffer.from('notes/2026/the contract with B, version two.md\n'.repeat(Math.ceil(size / 47))).subarray(0, size) // prettier-ignore

describe('LZ4 blocks', () => {
  test('what is compressed comes back', () => {
    for (const size of [100, 4096, 70_000, 300_000, 1_000_000])
      for (const source of [text(size), Buffer.concat([random(size), text(size), random(50)])]) {
        const compressed = lz4Compress(source)
        if (!compressed) continue
        expect(compressed.length).toBeLessThan(source.length)
        expect(Buffer.compare(lz4Decompress(compressed, limit), source)).toBe(0)
      }
    expect(lz4Compress(text(4096))!.length).toBeLessThan(200)
  })

  test('what does not shrink is left alone', () => {
    expect(lz4Compress(random(100_000))).toBeUndefined()
    expect(lz4Compress(Buffer.from('short'))).toBeUndefined()
  })

  test('a block that another implementation wrote', () => {
    // By lz4js 0.2.0, with the length before it as Syncthing has it.
    const block = Buffer.from(
      '000000781f61010015df6263646566676868656c6c6f2006002a50656c6c6f20',
      'hex',
    )
    const content = `${'a'.repeat(41)}bcdefgh${'hello '.repeat(12)}`
    expect(Buffer.from(lz4Decompress(block, limit)).toString()).toBe(content)
  })

  test('a length beyond the limit, or that cannot be, is refused before anything is kept free for it', () => {
    expect(() => lz4Decompress(Buffer.from('7fffffff00', 'hex'), limit)).toThrow('larger than')
    expect(() => lz4Decompress(Buffer.from('00ffffff00', 'hex'), limit)).toThrow('lies')
    expect(() => lz4Decompress(Buffer.from('0000', 'hex'), limit)).toThrow('without a length')
  })

  test('every damaged block gives an error or as much as it said, and never more', () => {
    const whole = lz4Compress(Buffer.concat([text(2000), random(500), text(1000)]))!
    for (let at = 4; at < whole.length; at++) {
      for (const value of [0, 0x0f, 0xf0, 0xff, whole[at]! ^ 1]) {
        const damaged = Buffer.from(whole)
        damaged[at] = value
        try {
          expect(lz4Decompress(damaged, limit)).toHaveLength(3500)
        } catch (error) {
          expect((error as Error).name).toBe('ProtocolViolation')
        }
      }
      expect(() => lz4Decompress(whole.subarray(0, at), limit)).toThrow(/damaged|lies/)
    }
  })
})
