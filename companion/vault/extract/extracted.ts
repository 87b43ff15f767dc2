/** What one file becomes. All offsets are UTF-16 code units into `text`. */
export interface Extracted {
  readonly title: string
  readonly text: string
  /** In order, not overlapping; what lies between them is white space. */
  readonly segments: readonly Segment[]
  /** Where the format has pages. */
  readonly pages?: number
}

export interface Segment {
  readonly start: number
  readonly end: number
  readonly kind: 'heading' | 'text' | 'code' | 'row'
  /** Headings above, outermost first; a heading's own text is its last entry. */
  readonly headings: readonly string[]
  /** 1-based; 0 where the format has none. */
  readonly page: number
}

/** Grows the text of a document piece by piece and remembers what each piece is. */
export class TextBuilder {
  readonly segments: Segment[] = []
  #parts: string[] = []
  #length = 0
  #headings: { level: number; text: string }[] = []
  page = 0

  heading(level: number, text: string): void {
    const clean = text.trim()
    if (!clean) return
    while ((this.#headings.at(-1)?.level ?? 0) >= level) this.#headings.pop()
    this.#headings.push({ level, text: clean.replace(/\s+/g, ' ').slice(0, 200) })
    this.#add('heading', clean, '\n\n')
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

  build(title: string, pages?: number): Extracted {
    const text = this.#parts.join('')
    return { title, text, segments: this.segments, ...(pages === undefined ? {} : { pages }) }
  }

  #add(kind: Segment['kind'], text: string, separator: string): void {
    if (!text) return
    const before = this.#length === 0 ? '' : separator
    this.#parts.push(before, text)
    const start = this.#length + before.length
    this.#length = start + text.length
    const headings = this.#headings.map((heading) => heading.text)
    this.segments.push({ start, end: this.#length, kind, headings, page: this.page })
  }
}

/** The outermost heading, else the file's name without its ending. */
export function titleOf(segments: readonly Segment[], fileName: string): string {
  const first = segments.slice(0, 5).find((segment) => segment.kind === 'heading')
  return first?.headings.at(-1) ?? fileName.replace(/\.[^.]+$/, '')
}
