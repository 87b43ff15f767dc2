import { describe, expect, it } from 'vitest'
import { numberIn } from './settings.svelte.ts'

describe('numberIn', () => {
  it('takes what lies in the range', () => {
    expect(numberIn(' 8,192 ', 1024, 131_072, true)).toBe(8192)
    expect(numberIn('0', 0, 2)).toBe(0)
    expect(numberIn('0.7', 0, 2)).toBe(0.7)
  })

  it('refuses the rest', () => {
    for (const text of ['', ' ', 'abc', '2.5', '-1', 'Infinity'])
      expect(numberIn(text, 0, 2)).toBeUndefined()
    expect(numberIn('4096.5', 1024, 131_072, true)).toBeUndefined()
  })
})
