import type { Fact } from '#shared/domain/file-change.ts'
import { sellerOf } from './seller-name.ts'

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
const other = /\b(?:receipt|statement|quotation|quote|purchase order|delivery note|reminder|offer)\b|收据|报价单|对账单|送货单|采购订单/i // prettier-ignore

/**
 * Reads an invoice by the words that stand before its values, in Chinese and English; what several places of the text
 * confirm (a total that is the sum of its parts) is surer. Nothing is guessed: what is not said is absent.
 * @param certain less where the text was recognised in a picture, 0 to 1
 */
export function readInvoice(text: string, certain = 1): Invoice {
  const lines = text.normalize('NFKC').split('\n').map((line) => line.replace(/\s+/g, ' ').trim()).filter(Boolean) // prettier-ignore
  const number = numberOf(lines)
  const { amount, currency } = amountOf(lines)
  const date = dateOf(lines)
  const company = sellerOf(lines)
  const weigh = (fact: Fact | undefined): Fact | undefined => fact && { ...fact, confidence: Math.round(fact.confidence * certain * 100) / 100 } // prettier-ignore
  const head = lines.slice(0, 25).join('\n')
  const points = (title.test(head) ? 0.5 : title.test(lines.join('\n')) ? 0.25 : 0) + (number ? 0.2 : 0) + (amount ? 0.2 : 0) + (date ? 0.1 : 0) - (other.test(head) && !title.test(head) ? 0.4 : 0) // prettier-ignore
  const facts = { date: weigh(date), amount: weigh(amount), company: weigh(company) }
  return {
    likeness: Math.max(0, Math.min(1, points)),
    currency,
    ...(facts.date ? { date: facts.date } : {}),
    ...(facts.amount ? { amount: facts.amount } : {}),
    ...(facts.company ? { company: facts.company } : {}),
    ...(number ? { number } : {}),
  }
}

/** Less likely than this, it is not taken for an invoice. */
export const invoiceLikeness = 0.6

const numberLabel = /(?:发票号码|发票号|invoice (?:no\.?|number|#)|invoice\s*#|bill no\.?|rechnungsnummer)\s*[:：.]?\s*([A-Z0-9][A-Z0-9/-]{2,30})/i // prettier-ignore

function numberOf(lines: readonly string[]): string | undefined {
  for (const [index, line] of lines.entries()) {
    const found = numberLabel.exec(line) ?? numberLabel.exec(`${line} ${lines[index + 1] ?? ''}`)
    if (found) return found[1]
  }
  return undefined
}

const months = 'january|february|march|april|may|june|july|august|september|october|november|december'.split('|') // prettier-ignore
const dateLabel = /开票日期|发票日期|日期|invoice date|date of issue|issue date|issued(?: on)?|rechnungsdatum|\bdate\b/i // prettier-ignore
const otherDate = /到期|截止|due|delivery|service|order date|付款|交货|period|期间/i

function dateOf(lines: readonly string[]): Fact | undefined {
  const strong = /开票日期|发票日期|invoice date|date of issue|issue date|rechnungsdatum/i
  let weak: string | undefined
  for (const [index, line] of lines.entries()) {
    if (!dateLabel.test(line) || (otherDate.test(line) && !strong.test(line))) continue
    const after = line.slice(line.search(dateLabel))
    const value = isoDate(after) ?? isoDate(lines[index + 1] ?? '')
    if (value && strong.test(line)) return { value, confidence: 0.98 }
    weak ??= value
  }
  if (weak) return { value: weak, confidence: 0.9 }
  for (const line of lines.slice(0, 30)) {
    if (otherDate.test(line)) continue
    const value = isoDate(line)
    if (value) return { value, confidence: 0.6 }
  }
  return undefined
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
  /价税合计|(?:grand|invoice) total|total (?:amount )?due|amount due|balance due|total payable|total \(?incl|gesamtbetrag|应付(?:总额|金额)|实付/i, // prettier-ignore
  /\btotal\b|合计金额|总计|总额|总金额|合\s*计|\bamount\b|金额/i,
]
const parts = /sub-?total|\bnet\b|不含税|excl|\btax\b|vat|税额|税率|discount|shipping|小计|unit|单价|qty|quantity|数量/i // prettier-ignore
const currencies: Record<string, string> = { '¥': 'CNY', '￥': 'CNY', rmb: 'CNY', 元: 'CNY', $: 'USD', '€': 'EUR', '£': 'GBP' } // prettier-ignore

function amountOf(lines: readonly string[]): { amount?: Fact; currency: string } {
  const all = lines.flatMap((line) => amountsIn(line).map(({ value }) => value))
  for (const [rank, pattern] of totals.entries()) {
    for (const [index, line] of lines.entries()) {
      const at = line.search(pattern)
      if (at < 0 || (rank > 0 && parts.test(line))) continue
      const found = amountsIn(line.slice(at)).at(-1) ?? (money.test(lines[index + 1] ?? '') ? amountsIn(lines[index + 1]!).at(-1) : undefined) // prettier-ignore
      money.lastIndex = 0
      if (!found || found.value <= 0) continue
      const summed = isSum(found.value, all)
      const confidence = (rank === 0 ? 0.94 : 0.82) + (summed ? 0.05 : 0)
      return { amount: { value: found.value.toFixed(2), confidence }, currency: found.currency || currencyOf(lines) } // prettier-ignore
    }
  }
  const largest = Math.max(0, ...all.filter((value) => !Number.isInteger(value)))
  if (largest > 0) return { amount: { value: largest.toFixed(2), confidence: isSum(largest, all) ? 0.75 : 0.5 }, currency: currencyOf(lines) } // prettier-ignore
  return { currency: '' }
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
