import { describe, expect, it } from 'vitest'
import { Detokenizer } from './text-stream.ts'

/** One token per byte. */
const bytes = {
  detokenize: (tokens: Uint32Array): string => Buffer.from(tokens).toString('utf8'),
}

describe('detokenizer', () => {
  it('holds back unfinished characters', () => {
    const detokenizer = new Detokenizer(bytes)
    const pieces = [...Buffer.from('é北🙂x')].map((byte) => detokenizer.push(byte))
    expect(pieces).toEqual(['', 'é', '', '', '北', '', '', '', '🙂', 'x'])
  })

  it('drops a character that never ends', () => {
    const detokenizer = new Detokenizer(bytes)
    expect(detokenizer.push(0xe5)).toBe('')
    expect(detokenizer.flush()).toBe('')
  })
})
