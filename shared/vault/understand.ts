import type { Understood } from '#shared/protocol/search.ts'
import { kindExpressions } from './kind-expressions.ts'
import { ownerExpressions, type KnownOwner } from './owner-expressions.ts'
import { timeExpressions } from './time-expressions.ts'

export interface UnderstandContext {
  readonly now: Date
  /** Devices with documents that may be meant. */
  readonly owners: readonly KnownOwner[]
  /** Ids of what the person took away before: those words are part of the question. */
  readonly ignore?: readonly string[]
}

export interface QueryMeaning {
  /** What is asked, without the words of `understood` that stand in no document. */
  readonly text: string
  readonly understood: readonly Understood[]
}

interface Found {
  readonly start: number
  readonly end: number
  readonly strip: boolean
  readonly meaning: Understood
}

/** Nouns for documents: a time right beside one is the document's, not part of what it says. */
const documentNoun = /(?:documents?|files?|contracts?|agreements?|invoices?|reports?|minutes|notes?|e-?mails?|mails?|letters?|slides|decks?|presentations?|photos?|pictures?|pdfs?|spreadsheets?|offers?|quotes?|orders?|memos?|scans?|合同|协议|发票|报告|纪要|笔记|邮件|信|文件|文档|资料|幻灯片|演示文稿|照片|图片|表格|报价|订单|扫描件|记录)/ // prettier-ignore
const nounBefore = new RegExp(`(?<![a-z])${documentNoun.source}(?:\\s+(?:from|of|dated|in))?\\s*$`, 'iu') // prettier-ignore
const nounAfter = new RegExp(`^(?:'s|’s)?\\s*(?:的|里的)?\\s*\\p{L}{0,12}?\\s?${documentNoun.source}(?![a-z])`, 'iu') // prettier-ignore

/** Said to whoever searches, not of what is searched. */
const fillers = /^(?:please\s+|can you\s+|could you\s+|give me\s+|show me\s+|find me\s+|find\s+|search for\s+|look for\s+|get me\s+|where is\s+|请|麻烦|帮我|给我|替我|找一?下|查一?下|找出|查找|搜索|找|查|看看)+(?:the\s+|all\s+)?/i // prettier-ignore

/**
 * What a query says besides what it asks: when, whose, and what kind of document, in English and Chinese. Pure rules:
 * the same words always mean the same, and every meaning can be taken away again by its id.
 */
export function understandQuery(query: string, context: UnderstandContext): QueryMeaning {
  const ignored = new Set(context.ignore ?? [])
  const taken: Found[] = []
  const add = (found: Found): void => {
    if (ignored.has(found.meaning.id)) return
    if (taken.some((other) => found.start < other.end && other.start < found.end)) return
    taken.push(found)
  }

  for (const { start, end, span, relative } of timeExpressions(query, context.now)) {
    const beside = nounBefore.test(query.slice(0, start)) || nounAfter.test(query.slice(end))
    const days = (span.until ?? Infinity) - (span.since ?? -Infinity)
    // "Since March" and "last week" are when the document came; "last year" and "in March" may as well be what it is about.
    const open = span.since === undefined || span.until === undefined
    const only = beside || open || (relative && days < 100 * 86_400_000)
    const words = query.slice(start, end).trim()
    add({ start, end, strip: relative || beside || open, meaning: { id: `time:${words}`, kind: 'time', words, filters: span, use: only ? 'only' : 'first' } }) // prettier-ignore
  }
  // Times may stand between a name and what is its: 给我B上周的合同.
  const masked = mask(query, taken)
  for (const { start, end, owner } of ownerExpressions(masked, context.owners)) {
    const words = query.slice(start, end).trim()
    add({ start, end, strip: true, meaning: { id: `owner:${words}`, kind: 'owner', words, filters: { owners: [owner.id] }, name: owner.name, use: 'only' } }) // prettier-ignore
  }
  for (const { start, end, filters, strip } of kindExpressions(mask(query, taken))) {
    const words = query.slice(start, end).trim()
    const kind = filters.types ? 'type' : 'kind'
    add({ start, end, strip, meaning: { id: `${kind}:${words}`, kind, words, filters, use: 'only' } }) // prettier-ignore
  }

  taken.sort((a, b) => a.start - b.start)
  const understood = taken.map(({ meaning }) => meaning)
  if (understood.length === 0) return { text: query, understood }
  return { text: restOf(query, taken.filter(({ strip }) => strip)), understood } // prettier-ignore
}

function mask(query: string, taken: readonly Found[]): string {
  let masked = query
  for (const { start, end } of taken)
    masked = masked.slice(0, start) + '\uFFFC'.repeat(end - start) + masked.slice(end)
  return masked
}

/** The query without some of its words, and without the small words that are left hanging; all of it where nothing is left. */
function restOf(query: string, stripped: readonly Found[]): string {
  let rest = query
  for (const { start, end } of stripped.toReversed())
    rest = `${rest.slice(0, start)} \uFFFC ${rest.slice(end)}`
  rest = rest
    .replace(fillers, '')
    .replace(/\uFFFC\s*(?:'s|’s)/g, ' ')
    .replace(/\uFFFC\s*(?:的|里的|里|中的|中|那里的|那边的)/g, ' ')
    .replace(/\s*\b(?:from|of|by|in|on|since|the|an?)\s+\uFFFC(?=\s*(?:$|[?.!,]|\uFFFC))/gi, ' ')
    .replaceAll('\uFFFC', ' ')
    .replace(/\s+/g, ' ')
    .replace(fillers, '')
    .replace(/^\s*(?:的|里|about|on|for)(?=\s|\p{Script=Han})\s*/iu, '')
    .replace(/\s+([?.!,，。？！])/g, '$1')
    .trim()
  return /[\p{L}\p{N}]/u.test(rest) ? rest : query
}
