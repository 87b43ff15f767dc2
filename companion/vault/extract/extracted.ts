import type { DocumentKind } from '#shared/domain/vault.ts'

/** What one file becomes. All offsets are UTF-16 code units into `text`. */
export interface Extracted {
  readonly kind: DocumentKind
  readonly title: string
  readonly text: string
  /** In order, not overlapping; what lies between them is white space. */
  readonly segments: readonly Segment[]
  /** Where the format has pages. */
  readonly pages?: number
  /** Ms since 1970: the date the document bears, where its format says one (a mail: when it was sent). */
  readonly date?: number
  /** Who wrote it, as it says itself: `Lena Brandt <lena@example.org>`, `Lena Brandt, Wei Chen`. */
  readonly author?: string
  /** Stretches read from a picture of which the recognisers were not certain. */
  readonly uncertain?: readonly { readonly start: number; readonly end: number }[]
}

/** What a format says of a document beside its text. */
export type About = Pick<Extracted, 'date' | 'author'>

export interface Segment {
  readonly start: number
  readonly end: number
  readonly kind: 'heading' | 'text' | 'code' | 'row'
  /** Headings above, outermost first; a heading's own text is its last entry. */
  readonly headings: readonly string[]
  /** 1-based; 0 where the format has none. */
  readonly page: number
  /** Which mail of a mailbox, from 1: passages never span two. Absent where there is only one. */
  readonly part?: number
}

/** Grows the text of a document piece by piece and remembers what each piece is. */
export class TextBuilder {
  readonly segments: Segment[] = []
  #parts: string[] = []
  #length = 0
  #headings: { level: number; text: string }[] = []
  /** See `Extracted.uncertain`. */
  readonly uncertain: { start: number; end: number }[] = []
  page = 0
  part: number | undefined

  heading(level: number, text: string): void {
    const clean = text.trim()
    if (!clean) return
    while ((this.#headings.at(-1)?.level ?? 0) >= level) this.#headings.pop()
    this.#headings.push({ level, text: clean.replace(/\s+/g, ' ').slice(0, 200) })
    this.#add('heading', clean, '\n\n')
  }

  /** Ends the sections of this level; where there is a text, it is the heading of a new one. */
  section(level: number, text: string): void {
    while ((this.#headings.at(-1)?.level ?? 0) >= level) this.#headings.pop()
    this.heading(level, text)
  }

  /** Everything another document says, below the headings that are open here. */
  append(inner: Extracted): void {
    const above = this.#headings.map((heading) => heading.text)
    for (const segment of inner.segments) {
      const { start, end, kind } = segment
      const headings = [...above, ...segment.headings]
      const separator = kind === 'row' ? '\n' : '\n\n'
      this.#add(kind, inner.text.slice(start, end), separator, headings, segment.page || this.page)
      const moved = this.#length - end
      for (const doubt of inner.uncertain ?? [])
        if (doubt.start >= start && doubt.end <= end)
          this.uncertain.push({ start: doubt.start + moved, end: doubt.end + moved })
    }
  }

  paragraph(text: string): void {
    this.#add('text', text.trim(), '\n\n')
  }

  code(text: string): void {
    this.#add('code', text.replace(/^\s*\n|\s+$/g, ''), '\n\n')
  }

  row(text: string): void {
    this.#add('row', text.trim(), '\n')
  }

  build(kind: DocumentKind, title: string, more: About & { pages?: number } = {}): Extracted {
    const uncertain = this.uncertain.length > 0 ? { uncertain: this.uncertain } : {}
    const text = this.#parts.join('')
    return { kind, title, text, segments: this.segments, ...more, ...uncertain }
  }

  #add(
    kind: Segment['kind'],
    text: string,
    separator: string,
    headings = this.#headings.map((heading) => heading.text),
    page = this.page,
  ): void {
    if (!text) return
    const before = this.#length === 0 ? '' : separator
    this.#parts.push(before, text)
    const start = this.#length + before.length
    this.#length = start + text.length
    const part = this.part === undefined ? {} : { part: this.part }
    this.segments.push({ start, end: this.#length, kind, headings, page, ...part })
  }
}

/** The outermost heading, else the file's name without its ending. */
export function titleOf(segments: readonly Segment[], fileName: string): string {
  const first = segments.slice(0, 5).find((segment) => segment.kind === 'heading')
  return first?.headings.at(-1) ?? fileName.replace(/\.[^.]+$/, '')
}
