import type { Fact } from '#shared/domain/file-change.ts'
import { amountOf, amountsIn } from './invoice-amount.ts'
import { dateOf, isoDate } from './invoice-date.ts'
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
