import { describe, expect, it } from 'vitest'
import type { RecognizedLine } from '#shared/contracts/text-recognizer.ts'
import { agreed } from './agreement.ts'
import { settle, valueOf, type Figure } from './arithmetic.ts'

/** A figure whose right edge is at `x`. */
const figure = (x: number, y: number, ...readings: string[]): Figure => ({
  region: { x: x - 60, y, width: 60, height: 20 },
  readings,
})

describe('figures', () => {
  it('are read as numbers in the ways they are written', () => {
    const written = { '1,234.50': 1234.5, '1.234,50': 1234.5, '¥ 96.80': 96.8, '19%': 19, '12': 12, '-3.5': -3.5, '18,75': 18.75, '1,234': 1234, "2'000.00": 2000 } // prettier-ignore
    for (const [text, value] of Object.entries(written)) expect(valueOf(text), text).toBe(value)
    for (const text of ['', 'FM-7', '12.3.4', '1,23,4', 'O.5'])
      expect(valueOf(text), text).toBeUndefined()
  })

  it('that two read differently are settled by a product', () => {
    const row = [figure(100, 0, '24'), figure(200, 0, '18.75', '13.75'), figure(300, 0, '450.00')]
    expect(settle(row)[1]).toEqual({ reading: '18.75', certain: true })
    const other = [figure(100, 0, '24'), figure(200, 0, '13.75', '18.75'), figure(300, 0, '450.00')]
    expect(settle(other)[1]).toEqual({ reading: '18.75', certain: true })
  })

  it('are settled by the sum of a column, also several at once', () => {
    const column = [
      figure(300, 0, '8,283.00', '8,233.00'),
      figure(300, 40, '450.00'),
      figure(300, 80, '196.60', '795.60'),
      figure(300, 160, '9,528.60'),
    ]
    expect(settle(column).map(({ reading }) => reading)).toEqual(['8,283.00', '450.00', '795.60', '9,528.60']) // prettier-ignore
    expect(settle(column)[2]!.certain).toBe(true)
  })

  it('stay in doubt where nothing adds up', () => {
    const [first] = settle([figure(100, 0, '17', '71'), figure(400, 200, '5')])
    expect(first).toEqual({ reading: '17', certain: false })
    // 2 × 3 = 6, but 3 + 3 = 6 as well.
    const both = settle([figure(100, 0, '2', '3'), figure(200, 0, '3', '2'), figure(300, 0, '6')])
    expect(both.map(({ certain }) => certain)).toEqual([false, true, true])
  })

  it('in great number are settled in reasonable time', () => {
    const many = Array.from({ length: 40 }, (_, row) => [
      figure(100, row * 30, `${row + 2}`),
      figure(200, row * 30, `${row + 5}.00`, `${row + 6}.00`),
      figure(300, row * 30, `${(row + 2) * (row + 6)}.00`),
    ]).flat()
    const settled = settle(many)
    for (let row = 0; row < 40; row++)
      expect(settled[row * 3 + 1]).toEqual({ reading: `${row + 6}.00`, certain: true })
  })
})

const line = (text: string, x: number, y: number, certainty = 0.95): RecognizedLine => ({
  text,
  region: { x, y, width: 12 * text.length, height: 24 },
  certainty,
})
const both = (a: string, b: string, x: number, y: number) => ({ first: line(a, x, y), second: line(b, x, y, 0.9) }) // prettier-ignore
describe('two readings of a page', () => {
  it('become one: spaces of the second, Chinese of the first, figures that add up', () => {
    const lines = agreed([
      both('Acc0untDE02', 'Account DE02', 0, 0),
      {
        first: line('开票日期：2026年3月18日', 0, 40),
        second: line('开 票 日 期 2026 年 3 月 13 日', 0, 40),
      },
      both('6', '6', 100, 80),
      both('1,330.50', '1,380.50', 200, 80),
      both('8,283.00', '8,283.00', 340, 80),
    ])
    expect(lines.map(({ text }) => text)).toEqual(['Account DE02', '开票日期：2026年3月18日', '6', '1,380.50', '8,283.00']) // prettier-ignore
    expect(lines[3]!.certainty).toBeGreaterThan(0.5)
    // Nothing says whether it is the 18th or the 13th.
    expect(lines[1]!.certainty).toBeLessThan(0.5)
  })

  it('keep the first where the second sees something else altogether', () => {
    const [only] = agreed([both('Pressure gauge', 'Pr# ~~ |l', 0, 0)])
    expect(only!.text).toBe('Pressure gauge')
  })
})
