/** Markdown as notes use it: front matter, `#tags`, `[[links]]`. Pure text; offsets are UTF-16 code units. */

export interface FrontMatter {
  /** Where the text behind it begins. */
  readonly end: number
  readonly values: Readonly<Record<string, string | readonly string[]>>
}

export interface LinkSpan {
  /** Where the target stands in the text: without brackets, heading and label. */
  readonly start: number
  readonly end: number
  readonly target: string
  /** `wiki` names a note, `path` is relative to the note's folder. */
  readonly kind: 'wiki' | 'path'
}

const maxFrontMatter = 20_000

/** `key: value` lines between `---` at the very beginning; lists as `[a, b]` or `- a` lines. Nothing else of YAML. */
export function frontMatter(text: string): FrontMatter {
  const match = /^\ufeff?---[ \t]*\r?\n([\s\S]*?)\r?\n---[ \t]*(?:\r?\n|$)/.exec(
    text.slice(0, maxFrontMatter),
  )
  if (!match) return { end: 0, values: {} }
  const values: Record<string, string | string[]> = Object.create(null)
  let open: string[] | undefined
  for (const line of match[1]!.split(/\r?\n/)) {
    const item = /^\s*-\s+(.*)$/.exec(line)
    if (item && open) {
      open.push(plain(item[1]!))
      continue
    }
    const pair = /^([A-Za-z][\w-]*):\s*(.*)$/.exec(line)
    open = undefined
    if (!pair) continue
    const [, key, value] = pair as unknown as [string, string, string]
    const list = /^\[(.*)\]$/.exec(value.trim())
    if (list) values[key.toLowerCase()] = list[1]!.split(',').map(plain).filter(Boolean)
    else if (value.trim() === '') values[key.toLowerCase()] = open = []
    else values[key.toLowerCase()] = plain(value)
  }
  return { end: match[0].length, values }
}

/** `key: value`, quoted where YAML would misread it. */
export function frontMatterLine(key: string, value: string): string {
  const clean = value.replace(/\s+/g, ' ').trim()
  const safe =
    /^[\p{L}\p{N}][\p{L}\p{N} ./_-]*$/u.test(clean) || /^https?:\/\/[^\s#"']+$/.test(clean)
  return `${key}: ${safe ? clean : JSON.stringify(clean)}`
}

/** `title` of the front matter, else the first heading near the beginning; undefined where there is neither. */
export function titleOf(text: string): string | undefined {
  const { end, values } = frontMatter(text)
  if (typeof values.title === 'string' && values.title) return values.title.slice(0, 200)
  const body = withoutCode(text.slice(end, end + 4000))
  const heading = /^#{1,6}[ \t]+(.+?)[ \t]*#*[ \t]*$/m.exec(body)?.[1]
  return heading?.trim().slice(0, 200) || undefined
}

/** Tags of the front matter and in the text, without `#`, each once, by name. */
export function tagsOf(text: string): string[] {
  const { end, values } = frontMatter(text)
  const found = new Map<string, string>()
  const add = (tag: string): void => {
    const clean = tag
      .replace(/^#/, '')
      .replace(/[/-]+$/, '')
      .slice(0, 100)
    if (clean && !found.has(clean.toLowerCase())) found.set(clean.toLowerCase(), clean)
  }
  const { tags = [] } = values
  for (const tag of typeof tags === 'string' ? tags.split(/[,\s]+/) : tags) add(tag)
  const body = withoutCode(text.slice(end))
  for (const [, tag] of body.matchAll(
    /(?<![\p{L}\p{N}_#&/[(\\])#([\p{L}\p{N}_][\p{L}\p{N}_/-]*)/gu,
  ))
    if (/\p{L}/u.test(tag!)) add(tag!)
  return [...found.values()].sort((a, b) => a.localeCompare(b))
}

/** All links to notes, in order; those in code are none. */
export function linksOf(text: string): LinkSpan[] {
  const body = withoutCode(text)
  const spans: LinkSpan[] = []
  for (const match of body.matchAll(
    /\[\[([^[\]|#\n]{1,300})(?:#[^[\]|\n]*)?(?:\|[^[\]\n]*)?\]\]/g,
  )) {
    const raw = match[1]!
    const start = match.index + 2 + (raw.length - raw.trimStart().length)
    const target = raw.trim()
    if (target) spans.push({ start, end: start + target.length, target, kind: 'wiki' })
  }
  for (const match of body.matchAll(
    /\]\(<?([^()<>\s#]{1,500}\.md)(?:#[^()<>\s]*)?>?(?:\s+"[^"\n]*")?\)/gi,
  )) {
    const raw = match[1]!
    if (/^[a-z][a-z0-9+.-]*:|^\//i.test(raw)) continue
    const start = match.index + match[0].indexOf(raw)
    spans.push({ start, end: start + raw.length, target: decoded(raw), kind: 'path' })
  }
  return spans.sort((a, b) => a.start - b.start)
}

/** Replaces targets; undefined leaves one as it is. */
export function rewriteLinks(text: string, target: (link: LinkSpan) => string | undefined): string {
  let result = ''
  let at = 0
  for (const link of linksOf(text)) {
    const next = target(link)
    if (next === undefined || next === link.target) continue
    result += text.slice(at, link.start) + (link.kind === 'path' ? encoded(next) : next)
    at = link.end
  }
  return result + text.slice(at)
}

/** The same length, with spaces for what stands in code. */
function withoutCode(text: string): string {
  return text
    .replace(/^([ \t]*)(`{3,}|~{3,})[^\n]*\n[\s\S]*?(?:^[ \t]*\2[^\n]*$|(?![\s\S]))/gm, blank)
    .replace(/(`+)(?!`)[^\n]*?[^`]\1(?!`)/g, blank)
}

function blank(code: string): string {
  return code.replace(/[^\n]/g, ' ')
}

function plain(value: string): string {
  const text = value.trim()
  const quoted = /^(["'])(.*)\1$/.exec(text)?.[2]
  if (quoted === undefined) return text.replace(/\s+#.*$/, '')
  return text.startsWith('"') ? quoted.replace(/\\(["\\])/g, '$1') : quoted
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}

function encoded(path: string): string {
  return path.replace(/[\s()<>%]/g, (character) => encodeURIComponent(character).replace(/[()]/g, (bracket) => `%${bracket.charCodeAt(0).toString(16)}`)) // prettier-ignore
}
