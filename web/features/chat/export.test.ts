import { describe, expect, it } from 'vitest'
import { fileName } from './export.ts'

describe('fileName', () => {
  it('prefers the encoded name', () => {
    const header = `attachment; filename="x.md"; filename*=UTF-8''%E7%B2%AE%E4%BB%93.md`
    expect(fileName(header)).toBe('粮仓.md')
  })
  it('takes the plain name, or none', () => {
    expect(fileName('attachment; filename="a b.json"')).toBe('a b.json')
    expect(fileName('attachment')).toBeUndefined()
    expect(fileName(`attachment; filename*=UTF-8''%E7%`)).toBeUndefined()
  })
})
