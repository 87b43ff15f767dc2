import type { Picture, RecognizedLine, RecognizedPage } from '#shared/contracts/text-recognizer.ts'
import { pageRows } from '#shared/vault/page-rows.ts'
import type { TextBuilder } from './extracted.ts'

/** Has the text of a page read. @throws SiloError ocr_failed; the reason to give up */
export type Recognize = (
  picture: Picture,
  place: { readonly page: number; readonly pages: number },
) => Promise<RecognizedPage>

/** Below this a line was guessed at. */
const sure = 0.5

interface Row {
  readonly text: string
  readonly cells: number
  readonly x: number
  readonly top: number
  readonly bottom: number
  readonly height: number
  readonly certain: boolean
}

/** Adds what was read on a page: rows of a table, paragraphs, large type as headings. */
export function addRecognized(builder: TextBuilder, lines: readonly RecognizedLine[]): void {
  const rows = rowsOf(lines)
  const usual = median(rows.map(({ height }) => height))
  let open: Row[] = []
  const close = (): void => {
    const text = open.map((row) => row.text).join('\n')
    builder.paragraph(text)
    const start = builder.segments.at(-1)?.start ?? 0
    let at = start
    for (const row of open) {
      if (!row.certain) builder.uncertain.push({ start: at, end: at + row.text.length })
      at += row.text.length + 1
    }
    open = []
  }
  for (const row of rows) {
    const before = open.at(-1)
    const large = row.height > usual * 1.35 && row.cells === 1 && row.text.length <= 60
    const apart = before && (row.top - before.bottom > usual * 0.9 || Math.abs(row.x - before.x) > usual * 3) // prettier-ignore
    if (open.length > 0 && (apart || large || row.cells > 1)) close()
    if (large) builder.heading(1, row.text)
    else if (row.cells > 1) {
      builder.row(row.text)
      const { start, end } = builder.segments.at(-1)!
      if (!row.certain) builder.uncertain.push({ start, end })
    } else open.push(row)
  }
  if (open.length > 0) close()
}

/** What stands at one height, from left to right; wide gaps part the cells of a table. */
function rowsOf(lines: readonly RecognizedLine[]): Row[] {
  return pageRows(lines).map((sorted) => {
    const heights = sorted.map(({ region }) => region.height)
    let text = ''
    let cells = 1
    for (const [index, line] of sorted.entries()) {
      const before = sorted[index - 1]?.region
      const clean = line.text.replace(/\s+/g, ' ').trim()
      if (!before) text = clean
      else if (line.region.x - before.x - before.width > line.region.height) {
        text += ` | ${clean}`
        cells += 1
      } else text += ` ${clean}`
    }
    const tops = sorted.map(({ region }) => region.y)
    return {
      text,
      cells,
      x: sorted[0]!.region.x,
      top: Math.min(...tops),
      bottom: Math.max(...sorted.map(({ region }) => region.y + region.height)),
      height: median(heights),
      certain: sorted.every(({ certainty }) => certainty >= sure),
    }
  })
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}
