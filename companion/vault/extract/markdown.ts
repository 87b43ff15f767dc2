import { aboutOf } from './about.ts'
import type { About, Extracted, Segment } from './extracted.ts'
import { titleOf } from './extracted.ts'

/** Markdown stays as it was written; only its structure is found. */
export function extractMarkdown(source: string, fileName: string): Extracted {
  const text = source.replace(/\r\n?/g, '\n')
  const segments: Segment[] = []
  const headings: { level: number; text: string }[] = []
  let title: string | undefined
  let about: About = {}
  let open: { start: number; end: number; kind: Segment['kind'] } | undefined
  let fence: string | undefined
  const close = (): void => {
    if (open) segments.push({ ...open, headings: headings.map((h) => h.text), page: 0 })
    open = undefined
  }
  const extend = (kind: Segment['kind'], start: number, end: number): void => {
    if (open && (open.kind !== kind || kind === 'row')) close()
    if (open) open.end = end
    else open = { start, end, kind }
  }

  let at = 0
  const front = /^---\n([\s\S]*?)\n---(\n|$)/.exec(text)
  if (front) {
    at = front[0].length
    const field = (name: RegExp): string | undefined =>
      new RegExp(`^(?:${name.source}):[^\\S\\n]*["']?(.+?)["']?[^\\S\\n]*$`, 'im').exec(
        front[1]!,
      )?.[1]
    title = field(/title/)
    about = aboutOf(field(/date|created|published/), field(/author/)?.replace(/^\[|\]$/g, ''))
    if (front[1]!.trim())
      segments.push({ start: 4, end: 4 + front[1]!.length, kind: 'text', headings: [], page: 0 })
  }
  while (at < text.length) {
    const newline = text.indexOf('\n', at)
    const end = newline < 0 ? text.length : newline
    const line = text.slice(at, end)
    const mark = /^\s{0,3}(`{3,}|~{3,})/.exec(line)?.[1]
    const heading = /^(#{1,6})\s+(.+?)\s*#*\s*$/.exec(line)
    if (fence !== undefined) {
      extend('code', at, end)
      if (mark?.startsWith(fence)) {
        fence = undefined
        close()
      }
    } else if (mark) {
      close()
      fence = mark
      extend('code', at, end)
    } else if (!line.trim()) {
      close()
    } else if (heading) {
      close()
      const level = heading[1]!.length
      while ((headings.at(-1)?.level ?? 0) >= level) headings.pop()
      headings.push({ level, text: plain(heading[2]!).slice(0, 200) })
      extend('heading', at, end)
      close()
    } else extend(/^\s*\|/.test(line) ? 'row' : 'text', at, end)
    at = end + 1
  }
  close()
  return { kind: 'document', title: title ?? titleOf(segments, fileName), text, segments, ...about }
}

function plain(inline: string): string {
  return inline.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/[*_`]/g, '')
}
