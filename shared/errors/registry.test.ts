import { describe, expect, it } from 'vitest'
import { errorRegistry, isErrorCode, type ErrorEntry } from './registry.ts'
import { SiloError, errorText, fromWire, toSiloError, toWire } from './silo-error.ts'

const entries: [string, ErrorEntry][] = Object.entries(errorRegistry)
const holes = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!).sort() // prettier-ignore

describe('error registry', () => {
  it.each(entries)('%s speaks both languages with the same holes', (_code, entry) => {
    expect(entry.en.trim()).not.toBe('')
    expect(entry.zh).toMatch(/\p{Script=Han}/u)
    expect(entry.en).not.toMatch(/\p{Script=Han}/u)
    expect(holes(entry.zh)).toEqual(holes(entry.en))
    expect(entry.httpStatus).toBeGreaterThanOrEqual(400)
    expect(entry.httpStatus).toBeLessThan(600)
  })

  it('survives the way over the wire', () => {
    const error = new SiloError('context_overflow', { params: { needed: 9, limit: 5 }, field: 'a' })
    const back = fromWire(toWire(error))
    expect(back).toMatchObject({ code: 'context_overflow', params: { needed: 9 }, field: 'a' })
    expect(errorText(back, 'en')).toBe('This needs 9 tokens, but the model’s context holds 5.')
    expect(errorText(back, 'zh')).toContain('9')
  })

  it('hides what is unknown, and never carries a cause over the wire', () => {
    const known = toSiloError(new Error('/home/secret'), 'id-1')
    expect(known.code).toBe('internal')
    expect(JSON.stringify(toWire(known))).not.toContain('secret')
    expect(fromWire({ code: 'from_the_future', retryable: false, message: '' }).code).toBe('bad_response') // prettier-ignore
    expect(isErrorCode('toString')).toBe(false)
  })
})
