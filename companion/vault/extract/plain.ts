import type { Extracted, Segment } from './extracted.ts'

const separators = {
  /** Paragraphs are what blank lines separate. */
  text: /\n[^\S\n]*(?:\n[^\S\n]*)+/g,
  /** Blocks are what a blank line separates from a line that starts at the margin. */
  code: /\n(?:[^\S\n]*\n)+(?=[^\s}\])])/g,
}

/** Plain text: paragraphs are what blank lines separate. */
export function extractPlain(source: string, fileName: string): Extracted {
  const text = unified(source)
  const segments = blocks(text, 0, text.length, 'text', [])
  return { kind: 'document', title: fileName.replace(/\.[^.]+$/, ''), text, segments }
}

/** Source code of a language whose syntax is not known. */
export function extractCode(source: string, fileName: string): Extracted {
  const text = unified(source)
  return { kind: 'code', title: fileName, text, segments: blocks(text, 0, text.length, 'code', []) }
}

/** The paragraphs or blocks of a stretch of text. */
export function blocks(
  text: string,
  from: number,
  to: number,
  kind: 'text' | 'code',
  headings: readonly string[],
): Segment[] {
  const segments: Segment[] = []
  const add = (start: number, end: number): void => {
    const raw = text.slice(start, end)
    const trimmed = raw.trim()
    if (!trimmed) return
    // Indentation of code belongs to it; blank lines do not.
    const lead = kind === 'code' ? /^(?:[^\S\n]*\n)*/.exec(raw)![0].length : raw.indexOf(trimmed)
    segments.push({
      start: start + lead,
      end: start + raw.trimEnd().length,
      kind,
      headings,
      page: 0,
    })
  }
  let start = from
  for (const match of text.slice(from, to).matchAll(separators[kind])) {
    add(start, from + match.index)
    start = from + match.index + match[0].length
  }
  add(start, to)
  return segments
}

function unified(source: string): string {
  return source.replace(/^\ufeff/, '').replace(/\r\n?/g, '\n')
}
