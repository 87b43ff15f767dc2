import DOMPurify from 'dompurify'
import { Marked, type Token, type TokenizerAndRendererExtension, type Tokens } from 'marked'

/** One top-level piece of a message. Its `key` stays the same while what follows is still being written. */
export type Block =
  | { readonly key: string; readonly kind: 'html'; readonly html: string }
  | {
      readonly key: string
      readonly kind: 'code'
      readonly language: string
      readonly code: string
      /** Index among the message's fences. */
      readonly fence: number
      /** False while the fence is being written. */
      readonly closed: boolean
    }

export interface RenderOptions {
  /** Markers that become buttons; others stay text. */
  readonly markers: ReadonlySet<number>
  /** Draws TeX; without it the source is shown. */
  readonly drawMath?: ((tex: string, display: boolean) => string) | undefined
}

let current: RenderOptions = { markers: new Set() }
let sawMath = false
let drawn: string[] = []

const math: TokenizerAndRendererExtension[] = [
  {
    name: 'mathBlock',
    level: 'block',
    start: (source) => source.match(/(?:^|\n) {0,3}(?:\$\$|\\\[)/)?.index,
    tokenizer(source) {
      const match = /^ {0,3}(?:\$\$([\s\S]+?)\$\$|\\\[([\s\S]+?)\\\])[ \t]*(?:\n+|$)/.exec(source)
      if (!match) return undefined
      return { type: 'mathBlock', raw: match[0], text: (match[1] ?? match[2] ?? '').trim() }
    },
    renderer: (token) => `<p>${placeMath(String(token.text), true)}</p>`,
  },
  {
    name: 'mathInline',
    level: 'inline',
    start: (source) => source.match(/\$|\\\(/)?.index,
    tokenizer(source) {
      // "$5 and $6" is money: what is inside may not begin or end with a space, nor a digit follow it.
      const match = /^(?:\$(?!\s|\$)((?:\\.|[^\\$\n])+?)(?<!\s)\$(?!\d)|\\\(([\s\S]+?)\\\))/.exec(
        source,
      )
      if (!match || (match[1] !== undefined && isMoney(match[1]))) return undefined
      return { type: 'mathInline', raw: match[0], text: match[1] ?? match[2] ?? '' }
    },
    renderer: (token) => placeMath(String(token.text), false),
  },
]

/** "$5, or 6$" is money too: a sum, then words, and nothing only mathematics has. */
function isMoney(text: string): boolean {
  return /^\d[\d.,]*[\s,;/–-]/.test(text) && !/[\\^_={}+*<>]/.test(text)
}

const citation: TokenizerAndRendererExtension = {
  name: 'citation',
  level: 'inline',
  start: (source) => source.match(/\[\d{1,3}\]/)?.index,
  tokenizer(source) {
    const match = /^\[(\d{1,3})\](?![(:])/.exec(source)
    if (!match || !current.markers.has(Number(match[1]))) return undefined
    return { type: 'citation', raw: match[0], text: match[1] ?? '' }
  },
  renderer: (token) =>
    `<button type="button" class="cite" data-cite="${Number(token.text)}">${Number(token.text)}</button>`,
}

const marked = new Marked({ gfm: true })
marked.use({
  extensions: [...math, citation],
  renderer: {
    // A model's HTML is shown, never run.
    html: ({ text }) => escapeHtml(text),
    image({ href, text }) {
      if (/^data:image\/(png|jpeg|gif|webp);/i.test(href))
        return `<img src="${escapeHtml(href)}" alt="${escapeHtml(text)}">`
      // Loading it would tell a stranger's server that it was read.
      return `<a href="${escapeHtml(href)}">${escapeHtml(text || href)} ↗</a>`
    },
    table(token) {
      return `<div class="table" tabindex="0">${tableHtml(token, this.parser)}</div>`
    },
  },
})

/** Splits a message into blocks and renders all but code, which is highlighted by its own component. */
export function renderMarkdown(
  text: string,
  options: RenderOptions,
): { blocks: Block[]; hasMath: boolean } {
  current = options
  sawMath = false
  const blocks: Block[] = []
  const tokens = marked.lexer(text)
  const fences = fenceStarts(text)
  let fence = 0
  let end = 0
  for (const [index, token] of tokens.entries()) {
    const own = fence
    end += token.raw.length
    while (fence < fences.length && fences[fence]! < end) fence++
    if (token.type === 'space' || token.type === 'def') continue
    if (token.type === 'code') {
      const code = token as Tokens.Code
      const last = index === tokens.length - 1
      const isFence = /^ {0,3}(```|~~~)/.test(code.raw)
      const closed = !last || !isFence || /\n {0,3}(```+|~~~+)\s*$/.test(code.raw)
      blocks.push({
        key: `code-${index}`,
        kind: 'code',
        language: (code.lang ?? '').split(/[\s:]/)[0]?.toLowerCase() ?? '',
        code: code.text,
        fence: isFence ? own : -1,
        closed,
      })
    } else {
      blocks.push({ key: `html-${index}`, kind: 'html', html: htmlOf(token, tokens) })
    }
  }
  return { blocks, hasMath: sawMath }
}

/** Offsets at which fences open, counted by line as the companion counts them: those in lists too. */
function fenceStarts(text: string): number[] {
  const starts: number[] = []
  let mark = ''
  let offset = 0
  for (const line of text.split('\n')) {
    if (mark) {
      const trimmed = line.trim()
      if (trimmed.startsWith(mark) && trimmed.replaceAll(mark[0]!, '') === '') mark = ''
    } else {
      mark = /^ {0,3}(`{3,}|~{3,})/.exec(line)?.[1] ?? ''
      if (mark) starts.push(offset)
    }
    offset += line.length + 1
  }
  return starts
}

/** Blocks already rendered: while an answer streams, all but its last block stay as they were. */
const cache = new Map<string, { html: string; math: boolean }>()

function htmlOf(token: Token, all: ReturnType<typeof marked.lexer>): string {
  // A reference link depends on text elsewhere, so such messages are not cached.
  const cached = Object.keys(all.links).length === 0
  const key = `${[...current.markers].join()}|${current.drawMath ? 1 : 0}|${token.raw}`
  const known = cached ? cache.get(key) : undefined
  if (known) {
    sawMath ||= known.math
    return known.html
  }
  const before = sawMath
  sawMath = false
  const html = freshHtml(token, all)
  if (cache.size > 2000) cache.clear()
  if (cached) cache.set(key, { html, math: sawMath })
  sawMath ||= before
  return html
}

function freshHtml(token: Token, all: ReturnType<typeof marked.lexer>): string {
  drawn = []
  const list = Object.assign([token], { links: all.links })
  const clean = DOMPurify.sanitize(marked.parser(list), {
    USE_PROFILES: { html: true },
    FORBID_TAGS: ['style', 'form', 'iframe', 'video', 'audio', 'picture', 'source'],
    FORBID_ATTR: ['style', 'id', 'name', 'srcset'],
    ADD_ATTR: ['target'],
    // The pattern below is for addresses; DOMPurify would try it on these as well.
    ADD_URI_SAFE_ATTR: ['type', 'align', 'start', 'checked', 'disabled', 'tabindex'],
    ALLOWED_URI_REGEXP: /^(?:https?:|mailto:|data:image\/(?:png|jpeg|gif|webp);|#)/i,
  })
  // KaTeX's own output is trusted (it escapes its input) and needs the styles that were just removed.
  return clean.replace(
    /<span data-math="(\d+)"><\/span>/g,
    (_, index: string) => drawn[Number(index)] ?? '',
  )
}

DOMPurify.addHook('afterSanitizeAttributes', (node) => {
  if (node.tagName !== 'A' || !node.hasAttribute('href')) return
  node.setAttribute('target', '_blank')
  node.setAttribute('rel', 'noopener noreferrer')
})

function placeMath(tex: string, display: boolean): string {
  sawMath = true
  if (!current.drawMath) return `<code>${escapeHtml(tex)}</code>`
  drawn.push(current.drawMath(tex, display))
  return `<span data-math="${drawn.length - 1}"></span>`
}

function tableHtml(token: Tokens.Table, parser: { parseInline(tokens: Token[]): string }): string {
  const cell = (tag: 'th' | 'td', { tokens, align }: Tokens.TableCell) =>
    `<${tag}${align ? ` align="${align}"` : ''}>${parser.parseInline(tokens)}</${tag}>`
  const head = token.header.map((item) => cell('th', item)).join('')
  const body = token.rows.map((row) => `<tr>${row.map((item) => cell('td', item)).join('')}</tr>`)
  return `<table><thead><tr>${head}</tr></thead><tbody>${body.join('')}</tbody></table>`
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`)
}
