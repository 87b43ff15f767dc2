import type { Fact } from '#shared/domain/file-change.ts'

const sellerLabel = /(?:销售方|销货(?:方|单位)|销方|卖方|开票(?:方|单位)|出票(?:方|单位)|收款(?:方|单位|人)|收费单位|开具(?:方|单位)|销售单位|承运方|服务方|卖家|商家|店名|供应商|供货(?:方|单位)|商户)(?:名称|信息)?|bill(?:ed)? from|\b(?:seller|vendor|supplier|payee|merchant|issuer|beneficiary|sold by|issued by|prepared by|pay to|remit to)\b|^from\b/i // prettier-ignore
const buyerLabel = /购买方|购货(?:方|单位)|购方|买方|客户|顾客|付款(?:方|单位|人)|[交缴]款(?:人|单位)|缴费人|购买单位|买家|受票方|托运方|用户|收货(?:方|人)|收件人|[今兹]收到|抬头|^致\s*[:：]|bill(?:ed)? to|ship to|invoiced? to|invoice for|issued to|charge to|prepared for|billing address|recipient|\bpayer\b|customer|sold to|supply to|\b(?:buyer|client|guest|attn)\b|^to\s*(?:[:：]|$)/i // prettier-ignore
const titles = /\b(?:tax |vat |commercial |proforma )?invoice\b|\brechnung\b|\bfacture\b|(?:增值税)?(?:电子)?(?:普通|专用|商业)?发票/gi // prettier-ignore
/** `FREIGHT INVOICE` */
const headline = /\b(?:[A-Z]{4,}\s+)?(?:INVOICE|RECEIPT)\b/g
/** What marks a firm, in the words of its law. */
const form = /有限(?:责任)?公司|股份公司|公司|集团|事务所|工作室|商行|经营部|酒店|(?:商店|书店|饭店|餐厅|酒家|超市|印刷厂|工厂|旅行社|服务部|门市部|合作社|医院|学校|大学)$|(?:^|[\s,&])(?:ltd|limited|inc|llc|llp|plc|gmbh|ag|kg|ohg|s\.?a\.?|s\.?r\.?l|b\.?v|n\.?v|oy|ab|corp(?:oration)?|co)\b\.?/i // prettier-ignore
/** Where a name ends and something else of the line begins. */
const after = /\s*(?:纳税人识别号|统一社会信用代码|税号|地址|电话|开户行|(?:经手|收款|开票|经办|复核|制单)人|出纳|会计(?!师)|复核|日期|\btel\b|phone|vat (?:no|id|reg)|\btax id|\baddress)|\s+\p{Script=Han}{2,8}[:：]|\s+(?:invoice|receipt|date|due)\b|\s+[·•‧・]\s+|\s+[-–—.]\s+(?=\p{Lu})|\s*[|｜]\s*|\s{3,}/iu // prettier-ignore
/** Words that only stand before a value. */
const lead =
  /^[(（][^)）]{1,12}[)）]\s*[:：]|^(?:名\s*称|公司名称|信息|seller|vendor|supplier|buyer|name|company)\s*[:：]?\s*/i
/** Words at the top of a paper that name nobody. */
const noName = /^(?:(?:date|due|invoice|issued?|no)\b.*|original|copy|duplicate|page|paid|date|due|number|receipt|sales receipt|bill|no|commercial|customer copy|thank you.*|.*联|.*收据|机器编号|服务费|通用.*|普通|商业|电子|专用)$|\b(?:street|road|lane|avenue|square)\b|发票|收据/i // prettier-ignore
const noise = /[[\]{}\\]/g

const headLines = 10
/** How many lines after a label its value may stand. */
const reach = 3

/**
 * Who wrote an invoice: the name after a word for the seller, else the firm in the letterhead. What stands beside or below a
 * word for the buyer is the buyer. Cells of one line are parted by `|`.
 */
export function sellerOf(lines: readonly string[]): Fact | undefined {
  const rows = lines.map((line) => line.replace(/名\s*[|｜]\s*称/, '名称').split(/\s*[|｜]\s*/))
  return labelled(rows) ?? secondName(rows) ?? letterhead(rows) ?? onlyFirm(rows)
}

function labelled(rows: readonly (readonly string[])[]): Fact | undefined {
  for (const [y, row] of rows.entries())
    for (const [x, cell] of row.entries()) {
      const found = sellerLabel.exec(cell)
      if (!found) continue
      const rest = cell.slice(found.index + found[0].length).replace(/^[\s:：)）]+/, '')
      const below = rows.slice(y + 1, y + 1 + reach).map((next) => next[Math.min(x, next.length - 1)] ?? '') // prettier-ignore
      for (const candidate of [...upToBuyer([rest, ...row.slice(x + 1)]), ...upToBuyer(below)]) {
        const value = nameIn(candidate)
        if (!value || (found[0] === '收款人' && isPerson(value))) continue
        const whole = wholeName(value, rows.slice(y + 1, y + 1 + reach).flat())
        if (whole) return { value: whole, confidence: 0.85 }
        return { value, confidence: form.test(value) ? 0.97 : 0.75 }
      }
    }
  return undefined
}

/** What stands before a word for the buyer. */
function upToBuyer(cells: readonly string[]): string[] {
  const end = cells.findIndex((cell) => buyerLabel.test(cell) && cell.search(buyerLabel) < 2)
  return end < 0 ? [...cells] : cells.slice(0, end)
}

/** Whoever takes the money at a till is a person: two to four characters and no sign of a firm. */
function isPerson(value: string): boolean {
  return !form.test(value) && [...value].length <= 4
}

/** A name that was broken at the end of its line, `…有限责` over `任公司`. */
function wholeName(value: string, next: readonly string[]): string | undefined {
  if (!/(?:有|有限|有限责|有限责任|有限公|股份|股份有|责任公|公)$/.test(value)) return undefined
  const rest = next.find((cell) => /^(?:限|责|任|公|司|有)\p{Script=Han}{0,6}$/u.test(cell))
  return rest && /有限(?:责任)?公司$|股份公司$/.test(value + rest) ? value + rest : undefined
}

/** The form of the tax office names two, the buyer first; the words beside them stand upright, `购` over `买` over `方`. */
function secondName(rows: readonly (readonly string[])[]): Fact | undefined {
  const cells = rows.flat()
  const names = cells.flatMap((cell, at) => (/^名称\s*[:：]/.test(cell) ? [{ value: nameIn(cell), at }] : [])) // prettier-ignore
  const [buyer, seller] = names
  if (names.length !== 2 || !seller?.value) return undefined
  const before = (at: number, sign: string): boolean => cells.slice(0, at).includes(sign)
  const isForm = before(buyer!.at, '购') && before(seller.at, '销') && !before(buyer!.at, '销')
  return { value: seller.value, confidence: isForm ? 0.92 : 0.7 }
}

function letterhead(rows: readonly (readonly string[])[]): Fact | undefined {
  const head = rows.slice(0, headLines)
  for (const [y, row] of head.entries())
    for (const [x, cell] of row.entries()) {
      const value = nameIn(cell.replace(headline, ' ').replace(titles, ' '))
      if (!value || !form.test(value) || isBuyer(rows, y, x)) continue
      // A name without the word of a firm above it may be the seller's, and this the buyer's.
      const above = plainName(rows, y)
      return above ? { value: above, confidence: 0.6 } : { value, confidence: 0.9 }
    }
  const value = plainName(rows, 4)
  return value ? { value, confidence: 0.5 } : undefined
}

/** A name in the first rows, above `end`, that is no word of the form and has no sign of a firm. */
function plainName(rows: readonly (readonly string[])[], end: number): string {
  for (const [y, row] of rows.slice(0, Math.min(end, 4)).entries()) {
    const named = row.filter((each) => each.replace(headline, '').replace(titles, '').trim() !== '')
    const cell = named[0] ?? ''
    const value = nameIn(cell.replace(headline, ' ').replace(titles, ' '))
    const isAlone = named.length === 1
    const isName = isAlone && value.length > 3 && value.length < 50 && !/\d/.test(value) && !/[:：@]/.test(cell) && !isBuyer(rows, y, 0)
    if (isName && !noName.test(value)) return value
  }
  return ''
} // prettier-ignore

/** The one firm of the paper that is not the buyer, wherever it stands. */
function onlyFirm(rows: readonly (readonly string[])[]): Fact | undefined {
  const found = new Set<string>()
  for (const [y, row] of rows.entries())
    for (const [x, cell] of row.entries()) {
      const value = isBuyer(rows, y, x) ? '' : nameIn(cell)
      if (value && form.test(value) && value.length < 50) found.add(value)
    }
  const [value] = found
  return value && found.size === 1 ? { value, confidence: 0.75 } : undefined
}

/** Does this cell, the one before it or the one above it speak of the buyer? */
function isBuyer(rows: readonly (readonly string[])[], y: number, x: number): boolean {
  const above = rows[y - 1]
  const near = [rows[y]![x], rows[y]![x - 1], above?.[Math.min(x, above.length - 1)]]
  return near.some((cell) => cell !== undefined && buyerLabel.test(cell))
}

function nameIn(text: string): string {
  const clean = text.replace(noise, '').replace(/\s+/g, ' ').trim()
  const cut = clean
    .slice(0, positionOf(clean, buyerLabel))
    .replace(lead, '')
    .replace(/^[\s:：]+/, '')
    .replace(lead, '')
  const value = (cut.replace(/^\p{Script=Han}{2,6}\s*[:：]\s*/u, '').split(after)[0] ?? '').replace(
    /^[\s:：,;|·]+|[\s:：,;|·]+$/g,
    '',
  )
  const isName = value.length > 1 && value.length <= 80 && /\p{L}{2}/u.test(value)
  return isName && !sellerLabel.test(value) && !/^\S+@|^https?:/.test(value) ? value : ''
}

function positionOf(text: string, pattern: RegExp): number {
  const at = text.search(pattern)
  return at < 0 ? text.length : at
}
