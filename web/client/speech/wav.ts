import { speechSampleRate } from '#shared/protocol/speech.ts'

/** A WAV file of 16 kHz mono 16-bit samples that came in parts. */
export function wavFile(parts: readonly Int16Array<ArrayBuffer>[]): Blob {
  const size = parts.reduce((sum, part) => sum + part.byteLength, 0)
  const head = new DataView(new ArrayBuffer(44))
  const text = (at: number, value: string): void => {
    for (let i = 0; i < value.length; i++) head.setUint8(at + i, value.charCodeAt(i))
  }
  text(0, 'RIFF')
  head.setUint32(4, 36 + size, true)
  text(8, 'WAVEfmt ')
  head.setUint32(16, 16, true)
  head.setUint16(20, 1, true)
  head.setUint16(22, 1, true)
  head.setUint32(24, speechSampleRate, true)
  head.setUint32(28, speechSampleRate * 2, true)
  head.setUint16(32, 2, true)
  head.setUint16(34, 16, true)
  text(36, 'data')
  head.setUint32(40, size, true)
  // Every machine that browsers run on stores the low byte first, as the file wants it.
  return new Blob([head.buffer, ...parts], { type: 'audio/wav' })
}
