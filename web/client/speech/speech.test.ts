import { describe, expect, it } from 'vitest'
import { Resampler } from './resampler.ts'
import { speakable, utterances } from './speakable.ts'
import { wavFile } from './wav.ts'

/** A tone of `hz`, `seconds` long at `rate`. */
const tone = (hz: number, seconds: number, rate: number) =>
  Float32Array.from(
    { length: seconds * rate },
    (_, index) => 0.5 * Math.sin((2 * Math.PI * hz * index) / rate),
  )

function resampled(input: Float32Array, rate: number, block: number): number[] {
  const resampler = new Resampler(rate, 16_000)
  const output: number[] = []
  for (let at = 0; at < input.length; at += block)
    output.push(...resampler.push(input.slice(at, at + block)))
  return output
}
const peak = (samples: readonly number[]) =>
  Math.max(...samples.slice(400, -400).map((value) => Math.abs(value))) / 0x8000

describe('resampling', () => {
  for (const rate of [48_000, 44_100, 16_000]) {
    it(`keeps speech of ${rate} Hz and its length`, () => {
      const output = resampled(tone(440, 1, rate), rate, 2048)
      expect(Math.abs(output.length - 16_000)).toBeLessThan(60)
      expect(peak(output)).toBeCloseTo(0.5, 2)
      let worst = 0
      for (let i = 400; i < output.length - 400; i++)
        worst = Math.max(
          worst,
          Math.abs(output[i]! / 0x8000 - 0.5 * Math.sin((2 * Math.PI * 440 * i) / 16_000)),
        )
      expect(worst).toBeLessThan(0.01)
    })
  }

  it('takes away what 16 kHz cannot hold', () => {
    expect(peak(resampled(tone(11_000, 1, 48_000), 48_000, 2048))).toBeLessThan(0.01)
  })

  it('has no seam between blocks', () => {
    const input = tone(300, 0.5, 44_100)
    const once = resampled(input, 44_100, input.length)
    const often = resampled(input, 44_100, 128)
    expect(often.slice(0, once.length - 50)).toEqual(once.slice(0, once.length - 50))
  })
})

it('writes a WAV file', async () => {
  const file = wavFile([Int16Array.of(1, -2), Int16Array.of(3)])
  const view = new DataView(await file.arrayBuffer())
  expect(file.type).toBe('audio/wav')
  expect(view.byteLength).toBe(50)
  expect([view.getUint32(4, true), view.getUint32(24, true), view.getUint32(40, true)]).toEqual([
    42, 16_000, 6,
  ])
  expect([44, 46, 48].map((at) => view.getInt16(at, true))).toEqual([1, -2, 3])
})

describe('reading aloud', () => {
  it('says words and no marks', () => {
    const markdown = `## The **lease**

The notice period is *seven* months [1], see [the contract](https://example.org/x).

| Item | Price |
| --- | ---: |
| Steel | 520 |

- [x] call \`Anna\`
1. then wait

\`\`\`js
alert(1)
\`\`\`
Done, snake_case stays. $$x^2$$`
    expect(speakable(markdown).split(/\n+/)).toEqual([
      'The lease',
      'The notice period is seven months , see the contract.',
      'Item, Price',
      'Steel, 520',
      'call Anna',
      'then wait',
      'Done, snake_case stays.',
    ])
  })

  it('leaves out a code block that is not closed', () => {
    expect(speakable('Look:\n```js\nconst a = 1\nlet b')).toBe('Look:')
  })

  it('goes sentence by sentence, each in its language', () => {
    expect(utterances('Hello there. 今天天气很好。我们走吧！\n\n---\n42', 'zh')).toEqual([
      { text: 'Hello there.', language: 'en' },
      { text: '今天天气很好。', language: 'zh' },
      { text: '我们走吧！', language: 'zh' },
      { text: '42', language: 'zh' },
    ])
  })

  it('splits what is too long and loses nothing', () => {
    const long = `${'word '.repeat(100)}end`
    const parts = utterances(long, 'en').map(({ text }) => text)
    expect(parts.every((text) => text.length <= 200)).toBe(true)
    expect(parts.join(' ')).toBe(long)
    const chinese = utterances('字'.repeat(300), 'zh')
    expect(chinese.every(({ text }) => text.length <= 70)).toBe(true)
    expect(chinese.map(({ text }) => text).join('')).toHaveLength(300)
  })
})
