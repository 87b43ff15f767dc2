import { parse, type DefaultTreeAdapterTypes as Tree } from 'parse5'
import { aboutOf } from './about.ts'
import { TextBuilder, titleOf, type About, type Extracted } from './extracted.ts'
import { tableRows } from './table.ts'

const skipped = new Set(['script', 'style', 'noscript', 'template', 'svg', 'math', 'iframe', 'object', 'head', 'nav']) // prettier-ignore
const inline = new Set(['a', 'abbr', 'b', 'bdi', 'bdo', 'cite', 'code', 'data', 'del', 'dfn', 'em', 'i', 'ins', 'kbd', 'label', 'mark', 'q', 's', 'samp', 'small', 'span', 'strong', 'sub', 'sup', 'time', 'u', 'var', 'wbr', 'font', 'img', 'br']) // prettier-ignore

export interface HtmlOptions {
  /** It is a mail: the thread quoted below the answer is left out. */
  readonly mail?: boolean
}

/** A web page's readable text: headings, paragraphs, list items, table rows with their column names, code. */
export function extractHtml(
  source: string,
  fileName: string,
  options: HtmlOptions = {},
): Extracted {
  const builder = new TextBuilder()
  const document = parse(source)
  if (options.mail) removeThread(document, 0)
  const titleNode = find(document, 'title')
  walk(document, builder, 0)
  const title = titleNode ? textOf(titleNode).trim() : ''
  return builder.build('web', title || titleOf(builder.segments, fileName), metaAbout(document))
}

/** What the page's head says of its date and author. */
function metaAbout(document: Tree.ParentNode): About {
  const head = find(document, 'head')
  const metas = new Map<string, string>()
  for (const node of head?.childNodes ?? []) {
    if (!('tagName' in node) || node.tagName !== 'meta') continue
    const attribute = (name: string) => node.attrs.find((attr) => attr.name === name)?.value
    const name = (attribute('name') ?? attribute('property') ?? '').toLowerCase()
    const content = attribute('content')
    if (content && !metas.has(name)) metas.set(name, content)
  }
  const first = (...names: string[]) => names.map((name) => metas.get(name)).find(Boolean)
  // `article:author` may be the address of a profile.
  const author = first('author', 'dc.creator', 'dcterms.creator', 'article:author')
  return aboutOf(
    first(
      'article:published_time',
      'date',
      'dc.date',
      'dcterms.date',
      'dcterms.created',
      'pubdate',
      'last-modified',
    ),
    author && /^https?:/.test(author) ? '' : author,
  )
}

const maxDepth = 400
const forwarded = /forwarded message|weitergeleitete nachricht|转发的?邮件|轉寄/iu

/** What mail programs mark as the mail that is answered; what is forwarded stays. */
function removeThread(node: Tree.ParentNode, depth: number): void {
  if (depth > maxDepth) return
  node.childNodes = node.childNodes.filter((child) => {
    if (!('tagName' in child)) return true
    const attribute = (name: string) => child.attrs.find((attr) => attr.name === name)?.value ?? ''
    const quoted =
      (child.tagName === 'blockquote' && attribute('type') === 'cite') ||
      /\b(gmail_quote|yahoo_quoted|moz-cite-prefix|protonmail_quote)\b/.test(attribute('class')) ||
      /^(divRplyFwdMsg|appendonsend|isReplyContent)$/.test(attribute('id'))
    if (quoted && !forwarded.test(textOf(child).slice(0, 400))) return false
    removeThread(child, depth + 1)
    return true
  })
}

function walk(node: Tree.ParentNode, builder: TextBuilder, depth: number): void {
  if (depth > maxDepth) return
  let run = ''
  const flush = (): void => {
    builder.paragraph(tidy(run))
    run = ''
  }
  for (const child of node.childNodes) {
    if (child.nodeName === '#text') {
      run += (child as Tree.TextNode).value
      continue
    }
    if (!('tagName' in child) || skipped.has(child.tagName)) continue
    const name = child.tagName
    if (inline.has(name) && !hasBlock(child, depth)) {
      run += name === 'br' ? '\u2028' : textOf(child)
      continue
    }
    flush()
    const level = /^h([1-6])$/.exec(name)?.[1]
    if (level) builder.heading(Number(level), tidy(textOf(child)))
    else if (name === 'pre') builder.code(textOf(child))
    else if (name === 'table') table(child, builder)
    else walk(child, builder, depth + 1)
  }
  flush()
}

function table(element: Tree.Element, builder: TextBuilder): void {
  const rows: string[][] = []
  const collect = (node: Tree.ParentNode, depth: number): void => {
    if (depth > 20) return
    for (const child of node.childNodes) {
      if (!('tagName' in child)) continue
      if (child.tagName === 'caption') builder.paragraph(tidy(textOf(child)))
      else if (child.tagName === 'tr')
        rows.push(
          child.childNodes.flatMap((cell) =>
            cell.nodeName === 'td' || cell.nodeName === 'th' ? [tidy(textOf(cell))] : [],
          ),
        )
      else collect(child, depth + 1)
    }
  }
  collect(element, 0)
  for (const row of tableRows(rows)) builder.row(row)
}

/** Block elements inside an inline one (a link around a card) are walked as blocks. */
function hasBlock(element: Tree.Element, depth: number): boolean {
  if (depth > maxDepth) return false
  return element.childNodes.some(
    (child) => 'tagName' in child && (!inline.has(child.tagName) || hasBlock(child, depth + 1)),
  )
}

function textOf(node: Tree.Node, depth = 0): string {
  if (node.nodeName === '#text') return (node as Tree.TextNode).value
  if (depth > maxDepth || !('childNodes' in node)) return ''
  if ('tagName' in node) {
    if (node.tagName === 'br') return '\u2028'
    if (depth > 0 && skipped.has(node.tagName)) return ''
  }
  return node.childNodes
    .map((child) => {
      const text = textOf(child, depth + 1)
      return 'tagName' in child && !inline.has(child.tagName) ? `${text} ` : text
    })
    .join('')
}

function find(node: Tree.ParentNode, tag: string, depth = 0): Tree.Element | undefined {
  if (depth > 4) return undefined
  for (const child of node.childNodes) {
    if (!('tagName' in child)) continue
    if (child.tagName === tag) return child
    const inner = find(child, tag, depth + 1)
    if (inner) return inner
  }
  return undefined
}

/** U+2028 stands for a line break the author asked for; other line breaks are white space. */
function tidy(text: string): string {
  return text
    .replace(/[^\S\u2028]+/g, ' ')
    .replace(/ ?\u2028 ?/g, '\n')
    .trim()
}
