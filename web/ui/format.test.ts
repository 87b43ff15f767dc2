import { describe, expect, it } from 'vitest'
import { decodeRate, formatBytes, formatDuration, formatShort } from './format.ts'

describe('format', () => {
  it('writes bytes with a decimal unit', () => {
    expect(formatBytes(0)).toBe('0 B')
    expect(formatBytes(999)).toBe('999 B')
    expect(formatBytes(73_600_000)).toBe('73.6 MB')
    expect(formatBytes(491_400_064)).toBe('491 MB')
    expect(formatBytes(999_999_999)).toBe('1.0 GB')
  })
  it('shortens counts for meters', () => {
    expect(formatShort(950)).toBe('950')
    expect(formatShort(8192)).toBe('8.2k')
    expect(formatShort(128_000)).toBe('128k')
    expect(formatShort(1_500_000)).toBe('1.5M')
  })
  it('leaves the first token out of the rate, and says nothing where nothing was measured', () => {
    expect(decodeRate({ completionTokens: 21, decodeMs: 1000 })).toBe('20.0 tok/s')
    expect(decodeRate({ completionTokens: 1, decodeMs: 0 })).toBe('')
  })
  it('writes durations by size', () => {
    expect(formatDuration(120)).toBe('120 ms')
    expect(formatDuration(4200)).toBe('4.2 s')
    expect(formatDuration(200_000)).toBe('3 min 20 s')
    expect(formatDuration(7_500_000)).toBe('2 h 5 min')
  })
})
