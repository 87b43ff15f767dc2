import { describe, expect, it } from 'vitest'
import { countsText, remainingText, stageText } from './progress-text.ts'

describe('remainingText', () => {
  it('says nothing while the time is unknown', () => {
    expect(remainingText(undefined)).toBe('')
    expect(remainingText(Number.POSITIVE_INFINITY)).toBe('')
  })

  it('rounds to steps a person reads', () => {
    expect(remainingText(0)).toBe('a moment left')
    expect(remainingText(7)).toBe('5 s left')
    expect(remainingText(43)).toBe('45 s left')
    expect(remainingText(59)).toBe('1 min left')
    expect(remainingText(150)).toBe('3 min left')
    expect(remainingText(3600 * 2 + 61)).toBe('2 h 1 min left')
  })
})

describe('stageText and countsText', () => {
  it('translates what it knows and shows the rest as it came', () => {
    expect(stageText('embedding')).toBe('Indexing passages')
    expect(stageText('')).toBe('Starting')
    expect(stageText('defragmenting')).toBe('defragmenting')
  })

  it('leaves zeros out', () => {
    expect(countsText({ added: 12, changed: 0, failed: 1 })).toBe('12 new · 1 not read')
    expect(countsText(undefined)).toBe('')
  })
})
