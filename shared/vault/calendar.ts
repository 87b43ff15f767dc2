export type Unit = 'day' | 'week' | 'month' | 'quarter' | 'year'

/** Ms since 1970: from, inclusive; until, exclusive. */
export interface Span {
  readonly since?: number
  readonly until?: number
}

/** When the unit that holds `date` began, local time; `shift` units later. Weeks begin on Monday. */
export function startOf(unit: Unit, date: Date, shift = 0): Date {
  const [year, month] = [date.getFullYear(), date.getMonth()]
  if (unit === 'year') return new Date(year + shift, 0)
  if (unit === 'quarter') return new Date(year, month - (month % 3) + shift * 3)
  if (unit === 'month') return new Date(year, month + shift)
  const back = unit === 'week' ? (date.getDay() + 6) % 7 : 0
  return new Date(year, month, date.getDate() - back + shift * (unit === 'week' ? 7 : 1))
}

/** The whole unit that holds `date`. */
export function rangeOf(unit: Unit, date: Date): { since: number; until: number } {
  return { since: startOf(unit, date).getTime(), until: startOf(unit, date, 1).getTime() }
}

/** 1 to 99, in digits or Chinese numerals; NaN for anything else. */
export function chineseNumber(word: string): number {
  if (/^\d+$/.test(word)) return Number(word)
  const [tens, ones] = word.includes('十') ? word.split('十') : [undefined, word]
  if (tens === undefined) return word.length === 1 ? digit(ones) : Number.NaN
  return (tens === '' ? 1 : digit(tens)) * 10 + digit(ones)
}

function digit(character = ''): number {
  if (character === '') return 0
  if (character === '两') return 2
  return '一二三四五六七八九'.indexOf(character) + 1 || Number.NaN
}
