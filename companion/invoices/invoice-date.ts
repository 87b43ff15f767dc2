import type { Fact } from '#shared/domain/file-change.ts'

const months = 'january|february|march|april|may|june|july|august|september|october|november|december'.split('|') // prettier-ignore
const strongDate = /开票日期|发票日期|开票时间|开具日期|开具时间|invoice date|date of (?:issue|invoice)|issue date|date issued|\bissued\b|rechnungsdatum/i // prettier-ignore
const dateLabel = new RegExp(`${strongDate.source}|日期|时间|\\bdated?\\b|\\bdatum\\b`, 'i')
const otherDate = /到期|截止|入住|离店|入职|订单|下单|有效期|交货|送货|付款|服务(?:日期|期间)|\bdue\b|deliver|service|order|arrival|departure|check-?in|check-?out|expir|valid|period|zeitraum|liefer|fällig|zahlbar|期间|paid/i // prettier-ignore

/** When an invoice was written: the date after a word for that, never one of an order, a delivery or a payment. */
export function dateOf(lines: readonly string[]): Fact | undefined {
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
  const iso =
    /((?:19|20)\d\d)\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})(?:(?!\d)|(?=\d\d:\d\d))/.exec(text)
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
