import { chineseNumber, rangeOf, startOf, type Span, type Unit } from './calendar.ts'

/** Words of a query that name a time. */
export interface TimeExpression {
  /** UTF-16 offsets into the query. */
  readonly start: number
  readonly end: number
  readonly span: Span
  /** Said from today ("last week"), not by the calendar ("in March"): such words stand in no document. */
  readonly relative: boolean
}

type Reader = (match: RegExpMatchArray, now: Date) => { span: Span; relative: boolean } | undefined

const monthNames = 'january|february|march|april|may|june|july|august|september|october|november|december'.split('|') // prettier-ignore
const month = '(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)' // prettier-ignore
const weekday = '(sunday|monday|tuesday|wednesday|thursday|friday|saturday)'
const weekdays = 'sunday|monday|tuesday|wednesday|thursday|friday|saturday'.split('|')
const count = '(\\d{1,3}|one|two|three|four|five|six|seven|eight|nine|ten|twelve|a couple of|a few)'
const unit = '(day|week|month|quarter|year)'
const year = '((?:19|20)\\d\\d)'
const zhCount = '(\\d{1,3}|[一二两三四五六七八九十]{1,3}|几|半)'
const zhUnit = '(天|日|周|个?星期|个?礼拜|个?月|个?季度|年)'
const zhMonth = '(\\d{1,2}|[一二三四五六七八九十]{1,2})月份?'
const zhDay = '(\\d{1,2}|[一二三四五六七八九十]{1,3})[日号]'

/** Tried in this order at every place of a query; the first that fits a place has it. */
const readers: readonly (readonly [RegExp, Reader])[] = [
  [/(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})/y, (m) => calendar(+m[1]!, +m[2]!, +m[3]!)],
  [/(\d{4})[-/.](\d{1,2})(?!\d)/y, (m) => calendar(+m[1]!, +m[2]!)],
  // English
  [/(?:the )?day before yesterday/iy, (_, now) => ago('day', 2, now)],
  [/yesterday/iy, (_, now) => ago('day', 1, now)],
  [/today/iy, (_, now) => ago('day', 0, now)],
  [new RegExp(`(?:the )?week before last`, 'iy'), (_, now) => ago('week', 2, now)],
  [
    new RegExp(
      `(?:(?:in|over|during|within|from) )?(?:the )?(?:last|past|previous) ${count} ${unit}s?`,
      'iy',
    ),
    (m, now) => recent(unitOf(m[2]!), english(m[1]!), now),
  ],
  [
    new RegExp(`(?:(?:in|from|during) )?(this|last|past|previous) ${unit}(?=\\b)`, 'iy'),
    (m, now) => ago(unitOf(m[2]!), m[1]!.toLowerCase() === 'this' ? 0 : 1, now),
  ],
  [new RegExp(`${count} ${unit}s? ago`, 'iy'), (m, now) => ago(unitOf(m[2]!), english(m[1]!), now)],
  [
    new RegExp(`(?:(?:on|from) )?(last|this) ${weekday}`, 'iy'),
    (m, now) => dayOfWeek(weekdays.indexOf(m[2]!.toLowerCase()), now),
  ],
  [
    new RegExp(`(?:on|from) ${weekday}`, 'iy'),
    (m, now) => dayOfWeek(weekdays.indexOf(m[1]!.toLowerCase()), now),
  ],
  [
    new RegExp(
      `(?:(?:on|from|of|dated) )?(\\d{1,2})(?:st|nd|rd|th)?(?: of)? ${month},? ${year}`,
      'iy',
    ),
    (m) => calendar(+m[3]!, monthOf(m[2]!), +m[1]!),
  ],
  [
    new RegExp(`(?:(?:on|from|of|dated) )?${month} (\\d{1,2})(?:st|nd|rd|th)?,? ${year}`, 'iy'),
    (m) => calendar(+m[3]!, monthOf(m[1]!), +m[2]!),
  ],
  [
    new RegExp(`between ${month} and ${month}(?: ${year})?`, 'iy'),
    (m, now) => between(monthIn(monthOf(m[1]!), m[3], now), monthIn(monthOf(m[2]!), m[3], now)),
  ],
  [
    new RegExp(`from ${month} (?:to|until|till|through) ${month}(?: ${year})?`, 'iy'),
    (m, now) => between(monthIn(monthOf(m[1]!), m[3], now), monthIn(monthOf(m[2]!), m[3], now)),
  ],
  [
    new RegExp(`(since|after|before|until) ${month}(?: ${year})?`, 'iy'),
    (m, now) => open(m[1]!, monthIn(monthOf(m[2]!), m[3], now)),
  ],
  [
    new RegExp(`(since|after|before|until) ${year}(?![-/.]?\\d)`, 'iy'),
    (m) => open(m[1]!, calendar(+m[2]!)),
  ],
  [
    new RegExp(`(?:(?:in|from|of|during) )?(?:last|this) ${month}`, 'iy'),
    (m, now) => monthIn(monthOf(m[1]!), undefined, now),
  ],
  [
    new RegExp(`(?:(?:in|from|of|during|for) )?${month},? ${year}`, 'iy'),
    (m) => calendar(+m[2]!, monthOf(m[1]!)),
  ],
  [
    new RegExp(`(?:in|from|during) ${month}(?=\\b)`, 'iy'),
    (m, now) => monthIn(monthOf(m[1]!), undefined, now),
  ],
  [
    new RegExp(`(?:(?:in|from|of|during|for) )?q([1-4])(?:[ /-]?${year})?`, 'iy'),
    (m, now) => quarter(+m[1]!, m[2], now),
  ],
  [
    new RegExp(`(?:in|from|of|during|for|dated) ${year}(?![-/.]?\\d)`, 'iy'),
    (m) => calendar(+m[1]!),
  ],
  // Chinese
  [/大前天/y, (_, now) => ago('day', 3, now)],
  [/前天/y, (_, now) => ago('day', 2, now)],
  [/昨[天日]/y, (_, now) => ago('day', 1, now)],
  [/今[天日]/y, (_, now) => ago('day', 0, now)],
  [
    /(上上|上|本|这)个?(?:周|星期|礼拜)([一二三四五六日天])/y,
    (m, now) => zhWeekday(m[1]!, m[2]!, now),
  ],
  [/(上上|上|本|这)个?(?:周|星期|礼拜)/y, (m, now) => ago('week', backBy(m[1]!), now)],
  [/(上上|上|本|这)个?月/y, (m, now) => ago('month', backBy(m[1]!), now)],
  [/(上上|上|本|这)个?季度/y, (m, now) => ago('quarter', backBy(m[1]!), now)],
  [
    new RegExp(`(今|去|前)年${zhMonth}(?:${zhDay})?`, 'y'),
    (m, now) => calendar(now.getFullYear() - '今去前'.indexOf(m[1]!), chineseNumber(m[2]!), m[3] ? chineseNumber(m[3]) : undefined), // prettier-ignore
  ],
  [/(今|去|前)年/y, (m, now) => ago('year', '今去前'.indexOf(m[1]!), now)],
  [
    new RegExp(`(?:最近|过去|近)(?:的)?${zhCount}${zhUnit}(?:以?内|里|来)?`, 'y'),
    (m, now) => recent(zhUnitOf(m[2]!), zhCountOf(m[1]!), now),
  ],
  [
    new RegExp(`${zhCount}${zhUnit}(?:以?前|之前)`, 'y'),
    (m, now) => ago(zhUnitOf(m[2]!), zhCountOf(m[1]!), now),
  ],
  [
    /(\d{4})年(?:的)?(?:第)?([一二三四1-4])季度/y,
    (m, now) => quarter(chineseNumber(m[2]!), m[1], now),
  ],
  [/第?([一二三四1-4])季度/y, (m, now) => quarter(chineseNumber(m[1]!), undefined, now)],
  [
    new RegExp(`(\\d{4})年${zhMonth}${zhDay}`, 'y'),
    (m) => calendar(+m[1]!, chineseNumber(m[2]!), chineseNumber(m[3]!)),
  ],
  [
    new RegExp(`(\\d{4})年${zhMonth}(以来|之后|以后|起|以前|之前)?`, 'y'),
    (m) => zhOpen(m[3], calendar(+m[1]!, chineseNumber(m[2]!))),
  ],
  [/(\d{4})年?(?:到|至|[-–~])(\d{4})年/y, (m) => between(calendar(+m[1]!), calendar(+m[2]!))],
  [/(\d{4})年(以来|之后|以后|起|以前|之前)?/y, (m) => zhOpen(m[2], calendar(+m[1]!))],
  [
    new RegExp(`${zhMonth}(?:到|至|[-–~])${zhMonth}`, 'y'),
    (m, now) => between(monthIn(chineseNumber(m[1]!), undefined, now), monthIn(chineseNumber(m[2]!), undefined, now)), // prettier-ignore
  ],
  [
    new RegExp(`${zhMonth}${zhDay}`, 'y'),
    (m, now) => dayIn(chineseNumber(m[1]!), chineseNumber(m[2]!), now),
  ],
  [
    new RegExp(`(?<![个\\d一二两三四五六七八九十])${zhMonth}(以来|之后|以后|起|以前|之前)?`, 'y'),
    (m, now) => zhOpen(m[2], monthIn(chineseNumber(m[1]!), undefined, now)),
  ],
]

/** All times that a query names, in its order, none within another. `now` decides what "last week" is. */
export function timeExpressions(query: string, now: Date): TimeExpression[] {
  const found: TimeExpression[] = []
  for (let at = 0; at < query.length; at++) {
    // English words begin where no word goes on; Chinese has no such place.
    if (/[a-z0-9]/i.test(query[at]!) && at > 0 && /[a-z0-9]/i.test(query[at - 1]!)) continue
    for (const [pattern, read] of readers) {
      pattern.lastIndex = at
      const match = pattern.exec(query)
      if (!match || /[a-z]$/i.test(match[0]) && /[a-z]/i.test(query[at + match[0].length] ?? '')) continue // prettier-ignore
      const value = read(match, now)
      if (!value) continue
      found.push({ start: at, end: at + match[0].length, ...value })
      at += match[0].length - 1
      break
    }
  }
  return found
}

type Value = { span: Span; relative: boolean }

function ago(of: Unit, back: number, now: Date): Value {
  return { span: rangeOf(of, startOf(of, now, -back)), relative: true }
}

/** From so many units ago to the end of today. */
function recent(of: Unit, units: number, now: Date): Value {
  const since = startOf('day', now)
  const days = { day: 1, week: 7, month: 0, quarter: 0, year: 0 }[of]
  if (days > 0) since.setDate(since.getDate() - days * units)
  else since.setMonth(since.getMonth() - Math.round(units * (of === 'year' ? 12 : of === 'quarter' ? 3 : 1))) // prettier-ignore
  return { span: { since: since.getTime(), until: rangeOf('day', now).until }, relative: true }
}

function calendar(inYear: number, inMonth?: number, day?: number): Value | undefined {
  if (inYear < 1970 || inYear > 2100) return undefined
  if (inMonth === undefined) return { span: rangeOf('year', new Date(inYear, 0)), relative: false }
  if (inMonth < 1 || inMonth > 12) return undefined
  if (day === undefined)
    return { span: rangeOf('month', new Date(inYear, inMonth - 1)), relative: false }
  const date = new Date(inYear, inMonth - 1, day)
  if (date.getDate() !== day) return undefined
  return { span: rangeOf('day', date), relative: false }
}

/** The month of the year named, else the last one that has begun. */
function monthIn(inMonth: number, inYear: string | undefined, now: Date): Value | undefined {
  if (inYear) return calendar(+inYear, inMonth)
  return calendar(now.getFullYear() - (inMonth - 1 > now.getMonth() ? 1 : 0), inMonth)
}

function dayIn(inMonth: number, day: number, now: Date): Value | undefined {
  const past = new Date(now.getFullYear(), inMonth - 1, day) <= now
  return calendar(now.getFullYear() - (past ? 0 : 1), inMonth, day)
}

function quarter(n: number, inYear: string | undefined, now: Date): Value {
  const first = (n - 1) * 3
  const from = inYear ? +inYear : now.getFullYear() - (first > now.getMonth() ? 1 : 0)
  return { span: rangeOf('quarter', new Date(from, first)), relative: false }
}

/** The last day of that name before today. */
function dayOfWeek(day: number, now: Date): Value {
  const date = startOf('day', now)
  date.setDate(date.getDate() - ((date.getDay() - day + 7) % 7 || 7))
  return { span: rangeOf('day', date), relative: true }
}

function zhWeekday(which: string, day: string, now: Date): Value {
  const monday = startOf('week', now, -backBy(which))
  monday.setDate(monday.getDate() + '一二三四五六日'.indexOf(day === '天' ? '日' : day))
  return { span: rangeOf('day', monday), relative: true }
}

function between(from: Value | undefined, to: Value | undefined): Value | undefined {
  if (!from || !to) return undefined
  const [a, b] = [from.span, to.span]
  // "from November to February" crosses the turn of a year.
  if (a.since! < b.until!) return { span: { since: a.since!, until: b.until! }, relative: false }
  const since = new Date(a.since!)
  since.setFullYear(since.getFullYear() - 1)
  return { span: { since: since.getTime(), until: b.until! }, relative: false }
}

function open(word: string, value: Value | undefined): Value | undefined {
  if (!value) return undefined
  const { since, until } = value.span
  const w = word.toLowerCase()
  const span: Span = w === 'since' ? { since: since! } : w === 'after' ? { since: until! } : w === 'before' ? { until: since! } : { until: until! } // prettier-ignore
  return { span, relative: false }
}

function zhOpen(word: string | undefined, value: Value | undefined): Value | undefined {
  if (!word) return value
  return open(/以来|起/.test(word) ? 'since' : /后/.test(word) ? 'after' : 'before', value)
}

function unitOf(word: string): Unit {
  return word.toLowerCase() as Unit
}

function zhUnitOf(word: string): Unit {
  if (/天|日/.test(word)) return 'day'
  if (/周|星期|礼拜/.test(word)) return 'week'
  return word.includes('季') ? 'quarter' : word.includes('月') ? 'month' : 'year'
}

function backBy(word: string): number {
  return word === '上上' ? 2 : word === '上' ? 1 : 0
}

function english(word: string): number {
  const at = 'one two three four five six seven eight nine ten'.split(' ').indexOf(word.toLowerCase()) // prettier-ignore
  if (at >= 0) return at + 1
  return word === 'twelve' ? 12 : /couple/i.test(word) ? 2 : /few/i.test(word) ? 3 : Number(word)
}

function zhCountOf(word: string): number {
  return word === '几' ? 3 : word === '半' ? 0.5 : chineseNumber(word)
}

function monthOf(word: string): number {
  return monthNames.findIndex((name) => name.startsWith(word.toLowerCase().slice(0, 3))) + 1
}
