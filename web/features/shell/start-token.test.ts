import { describe, expect, it } from 'vitest'
import { startTokenIn } from './start-token.ts'

describe('startTokenIn', () => {
  it('takes a link, a line of the terminal, or the token alone', () => {
    expect(startTokenIn('http://127.0.0.1:7450/?token=abcDEF_123-4')).toBe('abcDEF_123-4')
    expect(startTokenIn('  Open http://localhost:7450/c/x?a=1&token=abcdef12 \n')).toBe('abcdef12')
    expect(startTokenIn('abcdef12')).toBe('abcdef12')
  })
  it('finds none in other text', () => {
    expect(startTokenIn('')).toBeUndefined()
    expect(startTokenIn('http://127.0.0.1:7450/')).toBeUndefined()
    expect(startTokenIn('npm start')).toBeUndefined()
  })
})
