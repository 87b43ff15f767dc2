import { describe, expect, it } from 'vitest'
import { fill } from './fill.ts'

describe('fill', () => {
  it('fills holes and keeps the ones nothing is known for', () => {
    expect(fill('{a} of {b}', { a: 1, b: 2 })).toBe('1 of 2')
    expect(fill('{a} and {c}', { a: 'x' })).toBe('x and {c}')
  })
  it('chooses the word by number', () => {
    expect(fill('{n|file|files}', { n: 1 })).toBe('1 file')
    expect(fill('{n|file|files}', { n: 0 })).toBe('0 files')
  })
  it('takes the value as it is, even where it looks like a replacement pattern', () => {
    expect(fill('[{a}]', { a: '$&' })).toBe('[$&]')
    expect(fill('[{a}]', { a: '{b}', b: 2 })).toBe('[{b}]')
  })
})
