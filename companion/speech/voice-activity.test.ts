import { describe, expect, it } from 'vitest'
import { mayHoldSpeech } from './voice-activity.ts'

const seconds = (count: number, sample: (at: number) => number) =>
  Float32Array.from({ length: count * 16_000 }, (_, index) => sample(index / 16_000))
/** Noise that is the same in every run. */
function noise(): () => number {
  let state = 1
  return () => (state = (state * 16_807) % 2_147_483_647) / 1_073_741_823.5 - 1
}

/** Quarter seconds of a low tone with pauses between. */
const voice = (at: number) => (at % 0.5 < 0.25 ? 0.2 * Math.sin(2 * Math.PI * 180 * at) : 0)

describe('voice activity', () => {
  it('is not in silence, hum or steady noise', () => {
    const random = noise()
    expect(mayHoldSpeech(seconds(2, () => 0))).toBe(false)
    expect(mayHoldSpeech(seconds(2, () => 0.001 * random()))).toBe(false)
    expect(mayHoldSpeech(seconds(2, () => 0.3 * random()))).toBe(false)
    expect(mayHoldSpeech(seconds(2, (at) => 0.2 * Math.sin(2 * Math.PI * 50 * at)))).toBe(false)
    expect(mayHoldSpeech(new Float32Array(0))).toBe(false)
  })

  it('is in what rises above the noise around it', () => {
    const random = noise()
    expect(mayHoldSpeech(seconds(2, (at) => voice(at)))).toBe(true)
    expect(mayHoldSpeech(seconds(2, (at) => voice(at) + 0.05 * random()))).toBe(true)
  })
})
