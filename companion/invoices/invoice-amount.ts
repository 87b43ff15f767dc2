import type { Fact } from '#shared/domain/file-change.ts'
import { spelledAmount } from './spelled-amount.ts'

const money = /(?:(CNY|RMB|USD|EUR|GBP|CHF|JPY|HKD|[¥￥$€£])\s*)?(-?\d{1,3}(?:[,. '’]\d{3})+(?:[.,]\d{1,2})?|-?\d+(?:[.,]\d{1,2})?)(?:\s*(CNY|RMB|USD|EUR|GBP|CHF|元|€))?/gi // prettier-ignore
/** Surest first. */
const totals = [
  /价税合计|合计人民币|人民币合计|\(小写\)|(?:grand|invoice) total|total (?:amount )?due|amount due|balance due|total (?:payable|to pay)|total \(?incl|gesamtbetrag|\bpayable\b\s*[:：]?\s*(?=(?:[A-Z]{3}|[¥￥€£$])?\s*\d[\d.,]*[.,]\d\d)|rechnungsbetrag|endbetrag|应付(?:总额|金额|合计)|实付|实收/i, // prettier-ignore
  /\btotal\b|合计金额|金额合计|总计|总额|总金额|合\s*计|\bamount\b|金额/i,
]
const parts = /sub-?total|\bnet\b|netto|不含税|税前|excl|before tax|\btax\b|\bvat\b|\bgst\b|mwst|税额|税率|discount|shipping|小计|\bunits?\b|单价|qty|quantity|数量/i // prettier-ignore
/** Days are no amounts. */
const dates = /\d{1,4}[./-]\d{1,2}[./-]\d{2,4}/g
const currencies: Record<string, string> = { '¥': 'CNY', '￥': 'CNY', rmb: 'CNY', 元: 'CNY', $: 'USD', '€': 'EUR', '£': 'GBP' } // prettier-ignore

export interface Amount {
  readonly amount?: Fact
  readonly currency: string
  /** Something else on the page says the same. */
  readonly confirmed: boolean
}

/** What is to be paid, by the surest word there is. */
export function amountOf(lines: readonly string[]): Amount {
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

/** The amounts of a line, in order; the currency is empty where none is said. */
export function amountsIn(text: string): { value: number; currency: string }[] {
  return [...text.replace(dates, ' ').matchAll(money)].flatMap(
    ([whole, before, digits, after], _, matches) => {
      const value = numberIn(digits!)
      const symbol = (before ?? after ?? '').toLowerCase()
      const marked = symbol !== '' || /[.,]\d{2}$/.test(digits!)
      // A year or a percentage is no amount, where there is anything better.
      if (!marked && (matches.length > 1 || /%/.test(text.slice(text.indexOf(whole))))) return []
      return [{ value, currency: currencies[symbol] ?? symbol.toUpperCase() }]
    },
  )
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
