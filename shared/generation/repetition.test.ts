import { describe, expect, it } from 'vitest'
import { RepetitionWatch } from './repetition.ts'

/** After how many characters of `text`, given in pieces of `size`, it was taken for a repetition. */
function noticedAfter(text: string, size = 7): number | undefined {
  const watch = new RepetitionWatch()
  for (let at = 0; at < text.length; at += size)
    if (watch.push(text.slice(at, at + size))) return at + size
  return undefined
}

const sentence =
  "I'm designed to assist with any programming or programming-related tasks. I'm curious. "

describe('an answer that repeats itself', () => {
  for (const [name, unit] of [
    ['a word', 'the '],
    ['a sentence', sentence],
    ['a Chinese sentence', '我是一个运行在用户电脑上的助手，可以帮助您。'],
    ['a paragraph', `${sentence}${sentence.toUpperCase()}${sentence.slice(9)}\n\n`],
    ['an emoji and a word', 'ha 😀 '],
  ] as const)
    it(`is noticed: ${name}`, () => {
      const before = 'First there is an answer that says something. '
      const after = noticedAfter(before + unit.repeat(2000 / unit.length + 8))
      expect(after).toBeGreaterThan(before.length + 500)
      expect(after).toBeLessThan(before.length + Math.max(500, unit.length * 8) + 200)
    })

  it('is noticed in code that has no end, and after code that has', () => {
    const line = '<div class="square"></div>\n'
    const endless = noticedAfter(`\`\`\`html\n${line.repeat(400)}`)
    expect(endless).toBeGreaterThan(4000)
    expect(endless).toBeLessThan(4500)
    const board = `\`\`\`html\n${line.repeat(64)}\`\`\`\n`
    for (const size of [1, 2, 7])
      expect(noticedAfter(board + sentence.repeat(20), size)).toBeLessThan(board.length + 900)
  })

  it('is noticed where the model goes on after a text longer than what is looked at', () => {
    const long = Array.from({ length: 900 }, (_, n) => `line ${n}`).join('\n')
    expect(noticedAfter(long)).toBeUndefined()
    expect(noticedAfter(long + sentence.repeat(12))).toBeGreaterThan(long.length)
  })

  for (const [name, text] of [
    ['a refrain', `${sentence.repeat(3)}and so on. `.repeat(2)],
    ['a numbered list', Array.from({ length: 200 }, (_, n) => `${n}. An item like the others`).join('\n')], // prettier-ignore
    ['a matrix', '0, 0, 1, '.repeat(300)],
    ['a rule of a table', '|---'.repeat(300)],
    ['seven times the same', sentence.repeat(7)],
    ['a short word, a few times', 'ha '.repeat(100)],
    [
      'a board in code',
      `Here it is:\n\`\`\`html\n${'<div class="square"></div>\n'.repeat(64)}\`\`\`\nDone.`,
    ],
  ] as const)
    it(`is not seen in ${name}`, () => {
      expect(noticedAfter(text)).toBeUndefined()
    })
})
