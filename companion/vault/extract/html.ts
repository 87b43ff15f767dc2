import { parse, type DefaultTreeAdapterTypes as Tree } from 'parse5'
import { TextBuilder, titleOf, type Extracted } from './extracted.ts'
import { tableRows } from './table.ts'

const skipped = new Set(['script', 'style', 'noscript', 'template', 'svg', 'math', 'iframe', 'object', 'head', 'nav']) // prettier-ignore
const inline = new Set(['a', 'abbr', 'b', 'bdi', 'bdo', 'cite', 'code', 'data', 'del', 'dfn', 'em', 'i', 'ins', 'kbd', 'label', 'mark', 'q', 's', 'samp', 'small', 'span', 'strong', 'sub', 'sup', 'time', 'u', 'var', 'wbr', 'font', 'img', 'br']) // prettier-ignore

/** A web page's readable text: headings, paragraphs, list items, table rows with their column names, code. */
export function extractHtml(source: string, fileName: string): Extracted {
  const builder = new TextBuilder()
  const document = parse(source)
  const titleNode = find(document, 'title')
  walk(document, builder, 0)
  const title = titleNode ? textOf(titleNode).trim() : ''
  return builder.build('web', title || titleOf(builder.segments, fileName))
}

const maxDepth = 400

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
