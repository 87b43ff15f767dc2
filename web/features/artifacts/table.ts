import Papa from 'papaparse'

export interface Table {
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
  /** Columns that hold numbers: they are set right and sorted by value. */
  readonly numeric: readonly boolean[]
}

/** Reads CSV; the first row names the columns. Short rows are filled up. */
export function parseTable(source: string): Table {
  const { data } = Papa.parse<string[]>(source.trim(), { skipEmptyLines: true })
  const [columns = [], ...rest] = data
  const rows = rest.map((row) => columns.map((_, index) => row[index] ?? ''))
  const numeric = columns.map((_, index) => {
    const filled = rows.map((row) => row[index] ?? '').filter((cell) => cell.trim() !== '')
    return filled.length > 0 && filled.every((cell) => Number.isFinite(numberOf(cell)))
  })
  return { columns, rows, numeric }
}

/** Rows in the order of one column. */
export function sortRows(
  table: Table,
  column: number,
  descending: boolean,
): readonly (readonly string[])[] {
  const sign = descending ? -1 : 1
  const compare = table.numeric[column]
    ? (a: string, b: string) => numberOf(a) - numberOf(b)
    : (a: string, b: string) => a.localeCompare(b, undefined, { numeric: true })
  return table.rows.toSorted((a, b) => sign * compare(a[column] ?? '', b[column] ?? ''))
}

function numberOf(cell: string): number {
  const clean = cell.replace(/[,\s%€$¥£]/g, '')
  return clean === '' ? Number.NaN : Number(clean)
}
