import type { DocumentContent } from './document-copy.ts'

/** A table of a document: all rows have as many cells as there are columns. */
export interface DocumentTable {
  readonly title: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

const bar = /\s*[|｜]\s*/
const pair = /^([^:;]{1,80}): (.*)$/

/**
 * The tables in what was read: Markdown and scanned rows with their cells parted by `|`, rows of spreadsheets and pages
 * that say their column names (`name: value; name: value`), and columns of a PDF parted by wide gaps.
 */
export function tablesIn({ segments, text, title }: DocumentContent): DocumentTable[] {
  const tables: DocumentTable[] = []
  let rows: string[][] = []
  let named: Map<string, string>[] = []
  let heading = title
  const close = (): void => {
    if (named.length > 0) {
      const columns = [...new Set(named.flatMap((row) => [...row.keys()]))]
      tables.push({ title: heading, columns, rows: named.map((row) => columns.map((column) => row.get(column) ?? '')) }) // prettier-ignore
    } else if (rows.length >= 2) tables.push(plainTable(heading, rows))
    rows = []
    named = []
  }
  for (const { start, end, kind, headings } of segments) {
    if (kind === 'heading') {
      close()
      heading = headings.at(-1) ?? title
      continue
    }
    for (const line of text.slice(start, end).split('\n')) {
      const pairs = kind === 'row' ? pairsOf(line) : undefined
      if (pairs) {
        if (rows.length > 1) close()
        rows = []
        named.push(pairs)
        continue
      }
      const cells = cellsOf(line)
      if (named.length > 0 || !cells) close()
      if (cells && !isRule(cells)) rows.push(cells)
    }
  }
  close()
  return tables
}

function plainTable(title: string, rows: readonly string[][]): DocumentTable {
  const width = Math.max(...rows.map((row) => row.length))
  const filled = rows.map((row) => [...row, ...Array.from({ length: width - row.length }, () => '')]) // prettier-ignore
  return { title, columns: filled[0]!, rows: filled.slice(1) }
}

/** At least two cells, or undefined. */
function cellsOf(line: string): string[] | undefined {
  const inner = line.trim().replace(/^[|｜]|[|｜]$/g, '').trim() // prettier-ignore
  const cells = bar.test(inner) ? inner.split(bar) : inner.split(/\t+|\s{3,}/)
  const clean = cells.map((cell) => cell.trim())
  return clean.length >= 2 && clean.some(Boolean) ? clean : undefined
}

/** `|---|:--:|` of Markdown. */
function isRule(cells: readonly string[]): boolean {
  return cells.every((cell) => /^:?-{2,}:?$/.test(cell))
}

function pairsOf(line: string): Map<string, string> | undefined {
  const parts = line.split('; ')
  const found = parts.map((part) => pair.exec(part))
  if (parts.length < 2 || found.some((match) => !match)) return undefined
  return new Map(found.map((match) => [match![1]!.trim(), match![2]!.trim()]))
}
