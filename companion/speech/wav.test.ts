import { describe, expect, it } from 'vitest'
import { SiloError } from '#shared/errors/silo-error.ts'
import { maxSpeechSeconds } from '#shared/protocol/speech.ts'
import { parseWav } from './wav.ts'

interface Header {
  format?: number
  channels?: number
  rate?: number
  bits?: number
  /** What the file says its samples take, where that is not true. */
  dataSize?: number
  /** Chunks between format and samples. */
  between?: Buffer
}

function wav(samples: readonly number[], header: Header = {}): Buffer {
  const data = Buffer.from(Int16Array.from(samples).buffer)
  const format = Buffer.alloc(24)
  format.write('fmt ', 0, 'latin1')
  format.writeUInt32LE(16, 4)
  format.writeUInt16LE(header.format ?? 1, 8)
  format.writeUInt16LE(header.channels ?? 1, 10)
  format.writeUInt32LE(header.rate ?? 16_000, 12)
  format.writeUInt16LE(header.bits ?? 16, 22)
  const head = Buffer.alloc(8)
  head.write('data', 0, 'latin1')
  head.writeUInt32LE(header.dataSize ?? data.length, 4)
  const body = [format, header.between ?? Buffer.alloc(0), head, data]
  return Buffer.concat([Buffer.from('RIFF\0\0\0\0WAVE', 'latin1'), ...body])
}

function codeOf(file: Uint8Array): string {
  try {
    parseWav(file)
    return 'accepted'
  } catch (error) {
    return error instanceof SiloError ? error.code : String(error)
  }
}

describe('a WAV file', () => {
  it('gives its samples between −1 and 1', () => {
    expect([...parseWav(wav([0, 16_384, -32_768, 32_767]))]).toEqual([0, 0.5, -1, 32_767 / 32_768])
    expect(parseWav(wav([]))).toHaveLength(0)
  })

  it('may hold chunks that nobody needs, of odd length too', () => {
    const note = Buffer.from('LIST\x03\0\0\0abc\0', 'latin1')
    expect([...parseWav(wav([16_384], { between: note }))]).toEqual([0.5])
  })

  it('is refused in another format', () => {
    for (const header of [{ rate: 44_100 }, { channels: 2 }, { bits: 8 }, { format: 3 }])
      expect(codeOf(wav([1, 2], header))).toBe('bad_request')
  })

  it('is refused where it is cut off, empty or something else', () => {
    const whole = wav([1, 2, 3])
    for (let length = 0; length < whole.length; length++)
      expect(codeOf(whole.subarray(0, length)), `${length} bytes`).toBe('bad_request')
    expect(codeOf(wav([1], { dataSize: 0xff_ff_ff_ff }))).toBe('bad_request')
    expect(codeOf(wav([1, 2], { dataSize: 3 }))).toBe('bad_request')
    expect(codeOf(Buffer.from('<html>not found</html> and some more text'))).toBe('bad_request')
  })

  it('is refused beyond ten minutes', () => {
    const long = Buffer.alloc(44 + (maxSpeechSeconds * 16_000 + 1) * 2)
    const size = (maxSpeechSeconds * 16_000 + 1) * 2
    wav([], { dataSize: size }).copy(long)
    expect(codeOf(long)).toBe('body_too_large')
  })
})
