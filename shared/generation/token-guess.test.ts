import { describe, expect, it } from 'vitest'
import { guessTokens } from './token-guess.ts'

// Counted with the tokenizer of Qwen2.5.
const counted: readonly (readonly [text: string, tokens: number])[] = [
  ['What is the capital of France?', 7],
  ['The quick brown fox jumps over the lazy dog.', 10],
  ['法国的首都是哪里？', 6],
  ['请把下面的会议纪要总结成三点，并列出负责人和截止日期。', 17],
  ['const total = items.reduce((sum, item) => sum + item.price, 0)', 19],
]

describe('guessTokens', () => {
  it.each(counted)('is of the right size for %s', (text, tokens) => {
    expect(guessTokens(text)).toBeGreaterThanOrEqual(tokens)
    expect(guessTokens(text)).toBeLessThanOrEqual(tokens * 2)
  })
  it('is nothing for nothing, and grows with the text', () => {
    expect(guessTokens('')).toBe(0)
    expect(guessTokens('字'.repeat(3000))).toBeGreaterThan(2000)
  })
})
