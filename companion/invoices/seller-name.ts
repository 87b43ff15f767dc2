import type { Fact } from '#shared/domain/file-change.ts'

const sellerLabel = /(?:销售方|销方|卖方|开票方|收款(?:方|单位|人)|供应商)(?:名称|信息)?|bill(?:ed)? from|\b(?:seller|vendor|supplier|sold by|issued by)\b|^from\b/i // prettier-ignore
const buyerLabel = /购买方|购方|买方|客户|付款方|bill(?:ed)? to|ship to|invoice to|customer|sold to|supply to|\bbuyer\b|\bclient\b|^to\s*[:：]/i // prettier-ignore
const titles = /\b(?:tax |vat |commercial |proforma )?invoice\b|\brechnung\b|\bfacture\b|(?:增值税)?(?:电子)?(?:普通|专用|商业)?发票/gi // prettier-ignore
/** What marks a firm, in the words of its law. */
const form = /有限(?:责任)?公司|股份公司|公司|集团|事务所|工作室|商行|经营部|酒店|(?:^|[\s,&])(?:ltd|limited|inc|llc|llp|plc|gmbh|ag|kg|ohg|s\.?a\.?|s\.?r\.?l|b\.?v|n\.?v|oy|ab|corp(?:oration)?|co)\b\.?/i // prettier-ignore
/** Where a name ends and something else of the line begins. */
const after = /\s*(?:纳税人识别号|统一社会信用代码|税号|地址|电话|开户行|\btel\b|phone|vat (?:no|id|reg)|\btax id|\baddress)|\s+[·•‧・]\s+|\s+[-–—.]\s+(?=\p{Lu})|\s*[|｜]\s*|\s{3,}/iu // prettier-ignore
/** Words that only stand before a value. */
const lead = /^(?:名\s*称|公司名称|信息|seller|vendor|supplier|buyer|name|company)\s*[:：]?\s*/i
const noise = /[[\]{}\\]/g

const headLines = 10
/** How many lines after a label its value may stand. */
const reach = 3

/**
 * Who wrote an invoice: the name after a word for the seller, else the firm in the letterhead. What stands beside or below a
 * word for the buyer is the buyer. Cells of one line are parted by `|`.
 */
export function sellerOf(lines: readonly string[]): Fact | undefined {
  const rows = lines.map((line) => line.split(/\s*[|｜]\s*/))
  return labelled(rows) ?? letterhead(rows)
}

function labelled(rows: readonly (readonly string[])[]): Fact | undefined {
  for (const [y, row] of rows.entries())
    for (const [x, cell] of row.entries()) {
      const found = sellerLabel.exec(cell)
      if (!found) continue
      const rest = cell.slice(found.index + found[0].length).replace(/^[\s:：]+/, '')
      const below = rows.slice(y + 1, y + 1 + reach).map((next) => next[Math.min(x, next.length - 1)] ?? '') // prettier-ignore
      for (const candidate of [rest, ...row.slice(x + 1), ...below]) {
        if (buyerLabel.test(candidate) && candidate.search(buyerLabel) < 2) break
        const value = nameIn(candidate)
        if (value) return { value, confidence: form.test(value) ? 0.97 : 0.75 }
      }
    }
  return undefined
}

function letterhead(rows: readonly (readonly string[])[]): Fact | undefined {
  const head = rows.slice(0, headLines)
  for (const [y, row] of head.entries())
    for (const [x, cell] of row.entries()) {
      const value = nameIn(cell.replace(titles, ' '))
      if (value && form.test(value) && !isBuyer(rows, y, x)) return { value, confidence: 0.9 }
    }
  for (const [y, row] of head.slice(0, 4).entries()) {
    const value = nameIn((row[0] ?? '').replace(titles, ' '))
    const isName = value && !/\d{3}/.test(value) && value.length < 60 && !isBuyer(rows, y, 0)
    if (isName && !/:|：/.test(row[0]!)) return { value, confidence: 0.5 }
  }
  return undefined
}

/** Does this cell, the one before it or the one above it speak of the buyer? */
function isBuyer(rows: readonly (readonly string[])[], y: number, x: number): boolean {
  const above = rows[y - 1]
  const near = [rows[y]![x], rows[y]![x - 1], above?.[Math.min(x, above.length - 1)]]
  return near.some((cell) => cell !== undefined && buyerLabel.test(cell))
}

function nameIn(text: string): string {
  const clean = text.replace(noise, '').replace(/\s+/g, ' ').trim()
  const cut = clean.slice(0, positionOf(clean, buyerLabel)).replace(lead, '').replace(lead, '')
  const value = (cut.split(after)[0] ?? '').replace(/^[\s:：,;|·]+|[\s:：,;|·]+$/g, '')
  const isName = value.length > 1 && value.length <= 80 && /\p{L}{2}/u.test(value)
  return isName && !sellerLabel.test(value) && !/^\S+@|^https?:/.test(value) ? value : ''
}

function positionOf(text: string, pattern: RegExp): number {
  const at = text.search(pattern)
  return at < 0 ? text.length : at
}
