import type { Fact } from '#shared/domain/file-change.ts'
import { sellerOf } from './seller-name.ts'
import { spelledAmount } from './spelled-amount.ts'

/** What an invoice says of itself. */
export interface Invoice {
  /** How sure it is that this is an invoice at all, 0 to 1. */
  readonly likeness: number
  /** `2026-10-03`. */
  readonly date?: Fact
  /** With two decimals and no grouping: `1280.00`. */
  readonly amount?: Fact
  /** `CNY`, `EUR`, `USD`, `GBP`, …; empty where it is not said. */
  readonly currency: string
  /** Who wrote it: the seller. */
  readonly company?: Fact
  readonly number?: string
}

const title = /\binvoice\b|\brechnung\b|\bfacture\b|发票|invoice no|tax invoice|bill no/i
const receipt = /\breceipt\b|收据/i
const other = /\b(?:statement|quotation|quote|purchase order|delivery note|reminder|offer)\b|报价单|对账单|送货单|采购订单/i // prettier-ignore

/** Where a picture was read, an amount that nothing else on the page confirms is not sure. */
const unconfirmed = 0.83
const doubtful = 0.6

/**
 * Reads an invoice by the words that stand before its values, in Chinese and English; what several places of the text
 * confirm (a total that is the sum of its parts, or is spelled out) is surer. Nothing is guessed: what is not said is absent.
 * @param certain less where the text was recognised in a picture, 0 to 1
 * @param doubts stretches of the text of which the recognisers were not certain
 */
export function readInvoice(
  text: string,
  certain = 1,
  doubts: readonly { readonly start: number; readonly end: number }[] = [],
): Invoice {
  const lines = linesOf(text).map((line) => (certain < 1 ? lettersAgain(line) : line))
  const number = numberOf(lines)
  const { amount, currency, confirmed } = amountOf(lines)
  const date = dateOf(lines)
  const company = sellerOf(lines)
  const unclear = linesOf(doubts.map(({ start, end }) => text.slice(start, end)).join('\n'))
  const weigh = (fact: Fact | undefined, isIn: (line: string) => boolean, factor = 1): Fact | undefined =>
    fact && { ...fact, confidence: Math.round(fact.confidence * certain * factor * (unclear.some(isIn) ? doubtful : 1) * 100) / 100 } // prettier-ignore
  const head = lines.slice(0, 25).join('\n')
  const titled = title.test(head) ? 0.5 : title.test(lines.join('\n')) ? 0.25 : receipt.test(head) ? 0.2 : 0 // prettier-ignore
  const points = titled + (number ? 0.2 : 0) + (amount ? 0.2 : 0) + (date ? 0.1 : 0) - (other.test(head) && !title.test(head) ? 0.4 : 0) // prettier-ignore
  const facts = {
    date: weigh(date, (line) => isoDate(line) === date?.value),
    // A sum that fits cannot have been misread.
    amount: weigh(amount, (line) => !confirmed && amountsIn(line).some(({ value }) => value.toFixed(2) === amount?.value), certain < 1 && !confirmed ? unconfirmed : 1), // prettier-ignore
    company: weigh(company, (line) => company !== undefined && line.includes(company.value), certain < 1 && (looksMisread(company?.value) || mayHaveAccents.test(company?.value ?? '')) ? unconfirmed : 1), // prettier-ignore
  }
  return {
    likeness: Math.max(0, Math.min(1, points)),
    currency,
    ...(facts.date ? { date: facts.date } : {}),
    ...(facts.amount ? { amount: facts.amount } : {}),
    ...(facts.company ? { company: facts.company } : {}),
    ...(number ? { number } : {}),
  }
}

/** Fonts name some characters by the radical that looks like them, which is another character. */
const radicals = [...'戶⺟⺠⻁⻄⻅⻆⻉⻋⻓⻔⻘⻚⻛⻜⻝⻢⻤⻥⻦⻨⻩⻬⻮⻰']
const characters = [...'户母民虎西见角贝车长门青页风飞食马鬼鱼鸟麦黄齐齿龙']
const radical = new RegExp(radicals.join('|'), 'gu')

/** At the head of a word a nought is a misread O, and a one after it an l. */
function lettersAgain(line: string): string {
  return line.replace(/(?<![\p{L}\d.,])0(1?)(?=[’']\p{Lu}|\p{Ll})/gu, (_, one: string) => (one ? 'Ol' : 'O'))
} // prettier-ignore

/** Characters of a word that is set wide, `发 票`, or upright, one a line, are brought together again. */
function linesOf(text: string): string[] {
  const wide = /(?<!\p{Script=Han})\p{Script=Han}(?: \p{Script=Han})+(?!\p{Script=Han})/gu
  const upright = /(?<=^|\n)\p{Script=Han}(?:\n+\p{Script=Han})+(?=\n|$)/gu
  return text
    .normalize('NFKC')
    .replace(radical, (found) => characters[radicals.indexOf(found)] ?? found)
    .replace(upright, (word) => word.replaceAll('\n', ''))
    .split('\n')
    .map((line) => line.replace(/\s+/g, ' ').replace(wide, (word) => word.replaceAll(' ', '')).trim())
    .filter(Boolean)
} // prettier-ignore

/** Firms of countries whose letters bear accents, which the recognisers do not know. */
const mayHaveAccents =
  /\b(?:gmbh|ag|kg|ohg|e\.?k|ab|oy|s\.?a(?:\.?r\.?l)?|s\.?r\.?l|s\.?l|lda)\b\.?$/i

/** Digits within a word, a full stop within letters, a lone letter: names have them seldom, misread ones often. */
function looksMisread(name = ''): boolean {
  return /\p{L}\d|\d\p{L}|[a-z][A-Z]{2}|[A-Z]\.[A-Z]{1,2}$|[|\\{}[\]<>]|\p{Script=Han}[a-z]|[À-ÿ]/u.test(name)
} // prettier-ignore

/** Less likely than this, it is not taken for an invoice. */
export const invoiceLikeness = 0.6

const numberLabel = /(?:发票号码|发票号|发票编号|票据编号|收据编号|收据号|编号|票号|(?:invoice|receipt|bill) (?:no\.?|number|num\.?|ref(?:erence)?\.?|#)|invoice\s*#|rechnungsnummer|rechnung nr\.?|^no\b\.?|\bno\.?(?=\s*[:：])|\bno\.(?=\s*\d{4}))[\s:：.|#]*((?=[A-Z0-9/-]*\d)[A-Z0-9][A-Z0-9/-]{2,30})/i // prettier-ignore

function numberOf(lines: readonly string[]): string | undefined {
  for (const [index, line] of lines.entries()) {
    const found = numberLabel.exec(line) ?? numberLabel.exec(`${line} ${lines[index + 1] ?? ''}`)
    if (found) return found[1]
  }
  return undefined
}

const months = 'january|february|march|april|may|june|july|august|september|october|november|december'.split('|') // prettier-ignore
const strongDate = /开票日期|发票日期|开票时间|开具日期|开具时间|invoice date|date of (?:issue|invoice)|issue date|date issued|\bissued\b|rechnungsdatum/i // prettier-ignore
const dateLabel = new RegExp(`${strongDate.source}|日期|时间|\\bdated?\\b|\\bdatum\\b`, 'i')
const otherDate = /到期|截止|入住|离店|入职|订单|下单|有效期|交货|送货|付款|服务(?:日期|期间)|\bdue\b|deliver|service|order|arrival|departure|check-?in|check-?out|expir|valid|period|zeitraum|liefer|fällig|zahlbar|期间|paid/i // prettier-ignore

function dateOf(lines: readonly string[]): Fact | undefined {
  let weak: Fact | undefined
  for (const [index, line] of lines.entries()) {
    const isStrong = strongDate.test(line)
    const at = line.search(isStrong ? strongDate : dateLabel)
    if (at < 0) continue
    if (!isStrong && otherDate.test(line)) continue
    const here = isoDate(line.slice(at))
    const next = lines[index + 1] ?? ''
    const value = here ?? isoDate(next)
    if (!value) continue
    // Several dates below several words: which belongs to which is a guess.
    const sure = here || datesIn(next) < 2 || !otherDate.test(line.slice(0, at)) ? 1 : 0.75
    const clear = isAmbiguous(here ? line.slice(at) : next) ? 0.75 : 1
    if (isStrong) return { value, confidence: 0.98 * sure * clear }
    weak ??= { value, confidence: 0.9 * sure * clear }
  }
  if (weak) return weak
  for (const line of lines.slice(0, 30)) {
    if (otherDate.test(line)) continue
    const value = isoDate(line)
    if (value) return { value, confidence: 0.6 }
  }
  return undefined
}

function datesIn(line: string): number {
  return line.match(/(?:19|20)\d\d/g)?.length ?? 0
}

/** `03/04/2026` is the third of April, or the fourth of March. */
function isAmbiguous(text: string): boolean {
  const found = /(?<!\d)(\d{1,2})\/(\d{1,2})\/(?:19|20)\d\d/.exec(text)
  return found !== null && +found[1]! <= 12 && +found[2]! <= 12 && found[1] !== found[2]
}

/** The first date in a text, as `2026-10-03`. Days and months that could be either are read as day first, but for US words. */
export function isoDate(text: string): string | undefined {
  const iso = /((?:19|20)\d\d)\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})(?!\d)/.exec(text)
  if (iso) return day(+iso[1]!, +iso[2]!, +iso[3]!)
  const word = months.map((name) => name.slice(0, 3)).join('|')
  const european = new RegExp(`(\\d{1,2})(?:st|nd|rd|th)?\\.? (${word})[a-z]*\\.?,? ((?:19|20)\\d\\d)`, 'i').exec(text) // prettier-ignore
  if (european) return day(+european[3]!, monthOf(european[2]!), +european[1]!)
  const american = new RegExp(`(${word})[a-z]*\\.? (\\d{1,2})(?:st|nd|rd|th)?,? ((?:19|20)\\d\\d)`, 'i').exec(text) // prettier-ignore
  if (american) return day(+american[3]!, monthOf(american[1]!), +american[2]!)
  const digits = /(?<!\d)(\d{1,2})([./-])(\d{1,2})\2((?:19|20)\d\d)(?!\d)/.exec(text)
  if (!digits) return undefined
  const [a, b, y] = [+digits[1]!, +digits[3]!, +digits[4]!]
  // 10/23/2026 can only be American; a dot is never.
  return b > 12 && digits[2] !== '.' ? day(y, a, b) : day(y, b, a)
}

function monthOf(name: string): number {
  return months.findIndex((month) => month.startsWith(name.toLowerCase().slice(0, 3))) + 1
}

function day(year: number, month: number, date: number): string | undefined {
  const at = new Date(Date.UTC(year, month - 1, date))
  const real = at.getUTCMonth() === month - 1 && at.getUTCDate() === date
  return real ? at.toISOString().slice(0, 10) : undefined
}

const money = /(?:(CNY|RMB|USD|EUR|GBP|CHF|JPY|HKD|[¥￥$€£])\s*)?(-?\d{1,3}(?:[,. '’]\d{3})+(?:[.,]\d{1,2})?|-?\d+(?:[.,]\d{1,2})?)(?:\s*(CNY|RMB|USD|EUR|GBP|CHF|元|€))?/gi // prettier-ignore
/** Surest first. */
const totals = [
  /价税合计|合计人民币|人民币合计|\(小写\)|(?:grand|invoice) total|total (?:amount )?due|amount due|balance due|total (?:payable|to pay)|total \(?incl|gesamtbetrag|rechnungsbetrag|endbetrag|应付(?:总额|金额|合计)|实付|实收/i, // prettier-ignore
  /\btotal\b|合计金额|金额合计|总计|总额|总金额|合\s*计|\bamount\b|金额/i,
]
const parts = /sub-?total|\bnet\b|netto|不含税|税前|excl|before tax|\btax\b|\bvat\b|\bgst\b|mwst|税额|税率|discount|shipping|小计|\bunits?\b|单价|qty|quantity|数量/i // prettier-ignore
const currencies: Record<string, string> = { '¥': 'CNY', '￥': 'CNY', rmb: 'CNY', 元: 'CNY', $: 'USD', '€': 'EUR', '£': 'GBP' } // prettier-ignore

interface Amount {
  readonly amount?: Fact
  readonly currency: string
  /** Something else on the page says the same. */
  readonly confirmed: boolean
}

function amountOf(lines: readonly string[]): Amount {
  const all = lines.flatMap((line) => amountsIn(line).map(({ value }) => value))
  const words = lines.map(spelledAmount).find((value) => value !== undefined)
  for (const [rank, pattern] of totals.entries()) {
    const said = lines.flatMap((line, index) => {
      const at = line.search(pattern)
      if (at < 0 || (rank > 0 && parts.test(line))) return []
      // The head of a column is no word for what stands below it, but a word by itself is.
      const isAlone = line.split(' ').length <= 3 && !line.includes('|')
      const found = amountsIn(line.slice(at)).at(-1) ?? (isAlone ? amountsIn(lines[index + 1] ?? '').at(-1) : undefined) // prettier-ignore
      if (!found || found.value <= 0) return []
      const isSpelled = words !== undefined && Math.abs(words - found.value) < 0.005
      return [{ ...found, isSpelled, confirmed: isSpelled || isSum(found.value, all) }]
    })
    const best = said.find(({ confirmed }) => confirmed) ?? said[0]
    if (!best) continue
    const { value, isSpelled, confirmed } = best
    const contradicted = (words !== undefined && !isSpelled) || (!confirmed && said.some((other) => other.value !== value)) // prettier-ignore
    const confidence = contradicted ? 0.6 : (rank === 0 ? 0.94 : 0.82) + (confirmed ? 0.05 : 0)
    return { amount: { value: value.toFixed(2), confidence }, currency: best.currency || currencyOf(lines), confirmed } // prettier-ignore
  }
  if (words !== undefined) return { amount: { value: words.toFixed(2), confidence: 0.75 }, currency: 'CNY', confirmed: false } // prettier-ignore
  const largest = Math.max(0, ...all.filter((value) => !Number.isInteger(value)))
  if (largest > 0) return { amount: { value: largest.toFixed(2), confidence: isSum(largest, all) ? 0.75 : 0.5 }, currency: currencyOf(lines), confirmed: false } // prettier-ignore
  return { currency: '', confirmed: false }
}

function amountsIn(text: string): { value: number; currency: string }[] {
  return [...text.matchAll(money)].flatMap(([whole, before, digits, after], _, matches) => {
    const value = numberIn(digits!)
    const symbol = (before ?? after ?? '').toLowerCase()
    const marked = symbol !== '' || /[.,]\d{2}$/.test(digits!)
    // A year or a percentage is no amount, where there is anything better.
    if (!marked && (matches.length > 1 || /%/.test(text.slice(text.indexOf(whole))))) return []
    return [{ value, currency: currencies[symbol] ?? symbol.toUpperCase() }]
  })
}

/** `1,234.56`, `1.234,56`, `1234.5`. */
function numberIn(text: string): number {
  const last = Math.max(text.lastIndexOf('.'), text.lastIndexOf(','))
  const decimals = last < 0 ? 0 : text.length - last - 1
  const isDecimal = decimals === 1 || decimals === 2
  const whole = (isDecimal ? text.slice(0, last) : text).replace(/[^\d-]/g, '')
  return Number(`${whole}.${isDecimal ? text.slice(last + 1) : '0'}`)
}

/** Do two others of the text add up to it? */
function isSum(total: number, all: readonly number[]): boolean {
  const others = [...new Set(all)].filter((value) => value > 0 && value < total)
  return others.some((a, i) => others.some((b, j) => j > i && Math.abs(a + b - total) < 0.015))
}

function currencyOf(lines: readonly string[]): string {
  const found = /[¥￥€£$]|\b(?:CNY|RMB|USD|EUR|GBP|CHF)\b|人民币/i.exec(lines.join('\n'))?.[0]?.toLowerCase() // prettier-ignore
  return found === undefined ? '' : found === '人民币' ? 'CNY' : (currencies[found] ?? found.toUpperCase()) // prettier-ignore
}
