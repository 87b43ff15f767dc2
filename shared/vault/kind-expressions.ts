import type { DocumentKind } from '#shared/domain/vault.ts'
import type { FileType, SearchFilters } from '#shared/protocol/search.ts'

export interface KindExpression {
  readonly start: number
  readonly end: number
  readonly filters: SearchFilters
  /** Whether the words say nothing about the contents. */
  readonly strip: boolean
}

const kinds: readonly (readonly [DocumentKind, en: string, zh: string])[] = [
  ['slides', 'slides?|slide decks?|decks?|presentations?', '幻灯片|演示文稿|课件|演示'],
  ['mail', 'e-?mails?|mails?', '电子邮件|邮件'],
  ['image', 'photos?|pictures?|images?|screenshots?|scans?', '照片|图片|截图|扫描件|相片'],
  ['code', 'source code|code|scripts?|program', '源代码|代码|源码|脚本|程序'],
  ['note', 'notes?', '笔记|便签'],
  ['web', 'web ?pages?|web ?clips?|clips?|articles?', '网页|剪藏|网页剪藏'],
  ['table', 'spreadsheets?|tables?', '电子表格|表格|数据表'],
]

const types: readonly (readonly [FileType, string])[] = [
  ['pdf', 'pdfs?(?: files?| documents?)?|\\.pdf'],
  ['powerpoint', 'power ?points?|pptx?(?: files?)?|\\.pptx?'],
  ['word', 'word (?:documents?|files?|docs?)|docx|\\.docx?|word\\s*(?:文档|文件)'],
  ['excel', 'excel(?: files?| sheets?| tables?)?|xlsx|\\.xlsx?'],
  ['csv', 'csv(?: files?)?|\\.csv'],
  ['epub', 'epubs?|e-?books?|\\.epub|电子书'],
  ['markdown', 'markdown(?: files?| notes?)?|\\.md'],
  ['html', 'html(?: files?| pages?)|\\.html?'],
]

const about = '(?:about|on|regarding|concerning|where|in which|that (?:says?|mentions?|shows?|contains?|has|have|describes?)|with|from|of|we took|i took|showing)' // prettier-ignore
const determiner = '(?:the|that|this|my|our|an?|any|all|which|what|some)'

/**
 * Where a query names a kind of document as the thing wanted: "the email about …", "…的邮件", "in the slides". The
 * bare word is not enough: "how do I set up email" asks about mail, not for one. Names of file types are.
 */
export function kindExpressions(query: string): KindExpression[] {
  const found: KindExpression[] = []
  const add = (start: number, end: number, filters: SearchFilters): void => {
    if (!found.some((other) => start < other.end && other.start < end))
      found.push({ start, end, filters, strip: true })
  }
  for (const [type, words] of types)
    for (const match of query.matchAll(
      new RegExp(`(?<![\\p{Script=Latin}\\p{N}])(?:(?:in|as) )?(?:${determiner} )?(${words})(?![\\p{Script=Latin}\\p{N}])(?:里的|里|中的|中|文件里的|文件里|文件|文档)?`, 'giu'), // prettier-ignore
    ))
      add(match.index, match.index + match[0].length, { types: [type] })
  for (const [kind, en, zh] of kinds) {
    const patterns = [
      // "the email about", "emails from", "slides on"; at the beginning also "photo of"
      `(?<![\\p{L}-])(?:in )?(?:(?:^|${determiner} )(?:${en})|(?:${en})(?<=s)) ?(?<= )(?=${about}(?![\\p{L}]))`,
      // "in the slides", "find the email", at an end
      `(?<![\\p{L}-])(?:in|from|on|inside) (?:the|my|our|that|this|an?|any) (?:${en})(?![\\p{L}-])`,
      `(?<=^|(?:find|show me|give me|search|list|open|where is) )(?:${determiner} )?(?:${en})(?=\\s*[?.!]?$)`,
      `(?:哪个|哪封|哪张|哪段|那封|那张|那段|那份|哪份|这封|一封|所有)(?:${zh})(?:里的|里面|里|中的|中|上的|上)?`,
      `(?:${zh})(?:里的|里面的|里面|里|中的|中|上写的|上的)`,
      `(?<=的|关于.{1,20})(?:${zh})(?=[\\s?？。!！,，]*$)`,
      `(?<=^(?:请|麻烦)?(?:帮我|给我|替我)?(?:找一?下?|查一?下?|搜索|看看)?)(?:${zh})(?=[:：]|[\\s?？。!！]*$)`,
    ]
    // A bare noun right after a time or an owner is the thing wanted: "last week's email", B的邮件.
    patterns.push(`(?<=\\uFFFC(?:'s|’s)? ?(?:的)?)(?:${en}|${zh})(?![\\p{L}])`)
    for (const pattern of patterns)
      for (const match of query.matchAll(new RegExp(pattern, 'giu')))
        add(match.index, match.index + match[0].length, { kinds: [kind] })
  }
  return found.sort((a, b) => a.start - b.start)
}
