import { describe, expect, it } from 'vitest'
import { fitNumbers, fitVerdict, languageNames } from './model-facts.ts'

describe('model facts', () => {
  it('says the fit with its numbers', () => {
    const fit = {
      verdict: 'too-big',
      needed: 9_100_000_000,
      available: 8_000_000_000,
      contextTokens: 8192,
    } as const
    expect(fitVerdict(fit)).toBe('too big')
    expect(fitNumbers(fit)).toBe('9.1 GB of 8.0 GB')
  })

  it('names languages and counts the ones left out', () => {
    expect(languageNames(['en', 'zh'])).toBe('English, Chinese')
    expect(languageNames(['en', 'zh', 'fr', 'de', 'es'])).toBe('English, Chinese, French, +2')
    expect(languageNames(['not a tag'])).toBe('not a tag')
  })
})
