/** What is needed of a parsed page's nodes; the same as in the DOM. */
export interface PageNode {
  readonly nodeType: number
  readonly nodeName: string
  readonly textContent: string | null
  readonly childNodes: ArrayLike<PageNode>
  getAttribute?(name: string): string | null
}

const text = 3
const element = 1
const maxDepth = 200
const dropped = new Set(['script', 'style', 'noscript', 'template', 'iframe', 'object', 'embed', 'form', 'button', 'input', 'select', 'textarea', 'svg', 'math', 'head', 'nav']) // prettier-ignore
const inline = new Set(['a', 'abbr', 'b', 'bdi', 'bdo', 'cite', 'code', 'data', 'del', 'dfn', 'em', 'font', 'i', 'img', 'ins', 'kbd', 'label', 'mark', 'q', 's', 'samp', 'small', 'span', 'strong', 'sub', 'sup', 'time', 'u', 'var', 'wbr', 'br']) // prettier-ignore

/**
 * Markdown of a cleaned page: headings, paragraphs, lists, quotes, code, tables, links. Pictures become links, so that
 * opening a note asks no other computer for anything. What would be Markdown by accident is escaped.
 * @param base the page's address; links are made whole against it
 */
export function markdownOf(root: PageNode, base: string): string {
  const blocks = blocksOf(root, base, 0)
  return `${blocks.join('\n\n').replace(/\n{3,}/g, '\n\n').trim()}\n` // prettier-ignore
}

function blocksOf(node: PageNode, base: string, depth: number): string[] {
  if (depth > maxDepth) return []
  const blocks: string[] = []
  let run = ''
  const flush = (): void => {
    const line = tidy(run)
    if (line) blocks.push(atLineStart(line))
    run = ''
  }
  for (const child of Array.from(node.childNodes)) {
    const name = child.nodeName.toLowerCase()
    if (child.nodeType === text) run += escaped(child.textContent ?? '')
    else if (child.nodeType !== element || dropped.has(name)) continue
    else if (inline.has(name) && !hasBlock(child, 0)) run += inlineOf(child, base, depth + 1)
    else {
      flush()
      blocks.push(...blockOf(child, name, base, depth + 1))
    }
  }
  flush()
  return blocks
}

function blockOf(node: PageNode, name: string, base: string, depth: number): string[] {
  const level = /^h([1-6])$/.exec(name)?.[1]
  if (level) {
    const line = tidy(childrenInline(node, base, depth)).replace(/\n/g, ' ')
    return line ? [`${'#'.repeat(Number(level))} ${line}`] : []
  }
  if (name === 'hr') return ['---']
  if (name === 'pre') return codeBlock(node.textContent ?? '')
  if (name === 'ul' || name === 'ol') return listOf(node, name === 'ol', base, depth)
  if (name === 'table') return tableOf(node, base, depth)
  const blocks = blocksOf(node, base, depth)
  if (name !== 'blockquote') return blocks
  return blocks.length ? [blocks.join('\n\n').replace(/^/gm, '> ').replace(/^> $/gm, '>')] : []
}

function codeBlock(code: string): string[] {
  const lines = code.replace(/^\s*\n|\s+$/g, '')
  if (!lines) return []
  const fence = '`'.repeat(Math.max(3, ...[...lines.matchAll(/`{3,}/g)].map(([run]) => run.length + 1))) // prettier-ignore
  return [`${fence}\n${lines}\n${fence}`]
}

function listOf(node: PageNode, ordered: boolean, base: string, depth: number): string[] {
  const items: string[] = []
  for (const child of Array.from(node.childNodes)) {
    if (child.nodeType !== element) continue
    const blocks = blocksOf(child, base, depth + 1)
    if (blocks.length === 0) continue
    const mark = ordered ? `${items.length + 1}. ` : '- '
    items.push(mark + blocks.join('\n\n').replace(/\n(?=.)/g, `\n${' '.repeat(mark.length)}`))
  }
  return items.length ? [items.join('\n')] : []
}

function tableOf(node: PageNode, base: string, depth: number): string[] {
  const rows: string[][] = []
  const collect = (part: PageNode, level: number): void => {
    if (level > 20) return
    for (const child of Array.from(part.childNodes)) {
      const name = child.nodeName.toLowerCase()
      if (name === 'tr')
        rows.push(
          Array.from(child.childNodes)
            .filter(({ nodeName }) => /^t[dh]$/i.test(nodeName))
            .map((cell) => tidy(blocksOf(cell, base, depth + 1).join(' ')).replace(/\n/g, ' ').replace(/\|/g, '\\|')), // prettier-ignore
        )
      else if (child.nodeType === element) collect(child, level + 1)
    }
  }
  collect(node, 0)
  const filled = rows.filter((row) => row.some(Boolean))
  if (filled.length === 0) return []
  const width = Math.max(...filled.map((row) => row.length))
  // One column is a layout, not a table.
  if (width < 2) return filled.map(([cell]) => cell!)
  const line = (row: readonly string[]): string => `| ${Array.from({ length: width }, (_, index) => row[index] ?? '').join(' | ')} |` // prettier-ignore
  const [head, ...body] = filled
  return [[line(head!), line(Array.from({ length: width }, () => '---')), ...body.map(line)].join('\n')] // prettier-ignore
}

function inlineOf(node: PageNode, base: string, depth: number): string {
  if (depth > maxDepth) return ''
  const name = node.nodeName.toLowerCase()
  if (name === 'br') return '\u2028'
  if (name === 'img') return pictureOf(node, base)
  if (name === 'code' || name === 'kbd' || name === 'samp') {
    const code = (node.textContent ?? '').replace(/\s+/g, ' ')
    return code.trim() === '' ? code : code.includes('`') ? `\`\` ${code} \`\`` : `\`${code}\``
  }
  const inside = childrenInline(node, base, depth)
  if (!inside.trim()) return inside
  if (name === 'b' || name === 'strong') return wrapped(inside, '**')
  if (name === 'i' || name === 'em' || name === 'cite') return wrapped(inside, '*')
  if (name === 'del' || name === 's') return wrapped(inside, '~~')
  if (name !== 'a') return inside
  const address = addressOf(node.getAttribute?.('href'), base)
  return address ? `[${tidy(inside).replace(/\n/g, ' ')}](${address})` : inside
}

function childrenInline(node: PageNode, base: string, depth: number): string {
  return Array.from(node.childNodes)
    .map((child) => {
      if (child.nodeType === text) return escaped(child.textContent ?? '')
      if (child.nodeType !== element || dropped.has(child.nodeName.toLowerCase())) return ''
      return inlineOf(child, base, depth + 1)
    })
    .join('')
}

function pictureOf(node: PageNode, base: string): string {
  const label = escaped(node.getAttribute?.('alt') ?? '').trim()
  const address = addressOf(node.getAttribute?.('src'), base)
  return label && address ? `[${label}](${address})` : label
}

/** Only addresses a person may follow; those of scripts and files are dropped. */
function addressOf(value: string | null | undefined, base: string): string | undefined {
  const url = value ? URL.parse(value, base) : null
  if (!url || !/^(https?|mailto):$/.test(url.protocol)) return undefined
  return url.href.replace(/[()<>\s]/g, (character) => `%${character.charCodeAt(0).toString(16)}`)
}

function hasBlock(node: PageNode, depth: number): boolean {
  if (depth > maxDepth) return false
  return Array.from(node.childNodes).some((child) => {
    const name = child.nodeName.toLowerCase()
    if (child.nodeType !== element || dropped.has(name)) return false
    return !inline.has(name) || hasBlock(child, depth + 1)
  })
}

function wrapped(inside: string, mark: string): string {
  const [, before = '', middle = '', after = ''] = /^(\s*)([\s\S]*?)(\s*)$/.exec(inside) ?? []
  return `${before}${mark}${middle}${mark}${after}`
}

/** A page's words are no links, tags or markup of a note. */
function escaped(value: string): string {
  return value.replace(/[\\`*[\]<]/g, '\\$&').replace(/#(?=[\p{L}\p{N}_])/gu, '\\#')
}

/** What makes a line a heading, list, quote or rule only because it stands at its beginning. */
function atLineStart(line: string): string {
  return line
    .replace(/^(#{1,6}\s|[-+>]|={3,}|~{3,})/gm, '\\$1')
    .replace(/^(\d{1,9})([.)]\s)/gm, '$1\\$2')
}

/** U+2028 stands for a line break the page asked for; other line breaks are white space. */
function tidy(run: string): string {
  return run
    .replace(/[^\S\u2028]+/g, ' ')
    .replace(/ ?\u2028 ?/g, '\n')
    .trim()
}
