import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** What is said in tests/fixtures/speech. */
export const spoken = {
  en: 'Please write a short summary of the quarterly report and send it to the team on Monday.',
  zh: '请帮我写一份会议总结，明天下午发给大家。',
} as const
export type Spoken = keyof typeof spoken

export function speechPath(language: Spoken): string {
  return fileURLToPath(new URL(`./fixtures/speech/${language}.wav`, import.meta.url))
}

/** Samples of a fixture: 16 kHz, mono, after a header of 44 bytes. */
export function speechSamples(language: Spoken): Float32Array {
  const file = readFileSync(speechPath(language))
  const samples = new Float32Array((file.length - 44) / 2)
  for (let i = 0; i < samples.length; i++) samples[i] = file.readInt16LE(44 + 2 * i) / 0x8000
  return samples
}

/** How much of what was said was understood, 0…1: words of English, characters of Chinese, in order. */
export function understood(said: string, heard: string): number {
  const [wanted, got] = [wordsOf(said), wordsOf(heard)]
  let row = Array.from({ length: got.length + 1 }, () => 0)
  for (const part of wanted) {
    const next = [0]
    for (const [index, other] of got.entries())
      next.push(part === other ? row[index]! + 1 : Math.max(row[index + 1]!, next[index]!))
    row = next
  }
  return row.at(-1)! / Math.max(wanted.length, got.length, 1)
}

function wordsOf(text: string): string[] {
  return text.toLowerCase().match(/[a-z0-9]+|[\u4e00-\u9fff]/g) ?? []
}

/** A WAV file of 16 kHz mono 16-bit samples. */
export function wavOf(samples: Float32Array): Buffer<ArrayBuffer> {
  const file = Buffer.alloc(44 + samples.length * 2)
  file.write('RIFF', 0, 'latin1')
  file.writeUInt32LE(36 + samples.length * 2, 4)
  file.write('WAVEfmt ', 8, 'latin1')
  for (const [index, value] of [16, 0x1_0001, 16_000, 32_000, 0x10_0002].entries())
    file.writeUInt32LE(value, 16 + index * 4)
  file.write('data', 36, 'latin1')
  file.writeUInt32LE(samples.length * 2, 40)
  for (const [index, sample] of samples.entries())
    file.writeInt16LE(Math.round(sample * 0x7fff), 44 + index * 2)
  return file
}

/** Noise that is the same in every run, `level` at its loudest. */
export function noise(seconds: number, level: number): Float32Array {
  let state = 1
  return Float32Array.from({ length: seconds * 16_000 }, () => {
    state = (state * 16_807) % 2_147_483_647
    return level * (state / 1_073_741_823.5 - 1)
  })
}
