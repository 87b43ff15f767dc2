import { describe, expect, it } from 'vitest'
import { kindOf, splitPassage } from './documents.svelte.ts'

describe('splitPassage', () => {
  it('cuts a slice that begins inside the document', () => {
    expect(splitPassage({ text: '前文。命中的段落。后文。', start: 100 }, 103, 109)).toEqual({
      before: '前文。',
      passage: '命中的段落。',
      after: '后文。',
    })
  })

  it('stays inside the slice when the offsets do not fit', () => {
    expect(splitPassage({ text: 'abc', start: 10 }, 0, 99)).toEqual({
      before: '',
      passage: 'abc',
      after: '',
    })
    expect(splitPassage({ text: 'abc', start: 0 }, 2, 1)).toEqual({
      before: 'ab',
      passage: '',
      after: 'c',
    })
  })
})

describe('kindOf', () => {
  it('takes the extension, else the media type', () => {
    expect(kindOf('application/pdf', '/a/报告.PDF')).toBe('pdf')
    expect(kindOf('text/x-python', '/a/script')).toBe('python')
    expect(kindOf('text/plain', '/a.b/README')).toBe('plain')
  })
})
