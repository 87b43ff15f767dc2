import { describe, expect, it } from 'vitest'
import { guessTokens } from '#shared/generation/token-guess.ts'
import { guessAnswerTokens } from './answer-size.ts'

describe('guessAnswerTokens', () => {
  it.each(['Write a story about a lighthouse.', '写一份关于供应商的报告', 'Explain RAID levels'])(
    'expects much of: %s',
    (text) => expect(guessAnswerTokens(text)).toBeGreaterThan(600),
  )
  it.each(['Is 91 a prime? Yes or no.', '用一句话回答：天为什么是蓝的？'])(
    'expects little of: %s',
    (text) => expect(guessAnswerTokens(text)).toBeLessThan(100),
  )
  it('expects of a translation what there is to translate', () => {
    const text = `把下面的内容翻译成英文：${'这是一个句子。'.repeat(300)}`
    expect(guessAnswerTokens(text)).toBeGreaterThan(guessTokens(text))
  })
})
