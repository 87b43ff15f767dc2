import type { Extracted, Segment } from './extracted.ts'

/** Plain text: paragraphs are what blank lines separate. */
export function extractPlain(source: string, fileName: string): Extracted {
  return blocks(source, fileName, 'text', /\n[^\S\n]*(?:\n[^\S\n]*)+/g)
}

/** Source code: blocks are what a blank line separates from a line that starts at the margin. */
export function extractCode(source: string, fileName: string): Extracted {
  return { ...blocks(source, fileName, 'code', /\n(?:[^\S\n]*\n)+(?=[^\s}\])])/g), title: fileName }
}

function blocks(
  source: string,
  fileName: string,
  kind: 'text' | 'code',
  separator: RegExp,
): Extracted {
  const text = source.replace(/^\ufeff/, '').replace(/\r\n?/g, '\n')
  const segments: Segment[] = []
  let start = 0
  const add = (from: number, to: number): void => {
    const raw = text.slice(from, to)
    const trimmed = raw.trim()
    if (!trimmed) return
    // Indentation of code belongs to it; blank lines do not.
    const lead = kind === 'code' ? /^(?:[^\S\n]*\n)*/.exec(raw)![0].length : raw.indexOf(trimmed)
    const end = from + raw.trimEnd().length
    segments.push({ start: from + lead, end, kind, headings: [], page: 0 })
  }
  for (const match of text.matchAll(separator)) {
    add(start, match.index)
    start = match.index + match[0].length
  }
  add(start, text.length)
  return {
    kind: kind === 'code' ? 'code' : 'document',
    title: fileName.replace(/\.[^.]+$/, ''),
    text,
    segments,
  }
}
