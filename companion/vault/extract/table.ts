/**
 * Rows as `header: value; header: value`, so that each says by itself what it means. The first row with
 * at least two filled cells is the header; what stands above it is kept as it is.
 */
export function tableRows(rows: readonly (readonly string[])[]): string[] {
  const filled = rows
    .map((row) => row.map((cell) => cell.trim()))
    .filter((row) => row.some((cell) => cell !== ''))
  const headerAt = filled.findIndex((row) => row.filter((cell) => cell !== '').length >= 2)
  const header = filled[headerAt]
  if (!header || headerAt === filled.length - 1)
    return filled.map((row) => row.filter(Boolean).join(' | '))
  return [
    ...filled.slice(0, headerAt + 1).map((row) => row.filter(Boolean).join(' | ')),
    ...filled.slice(headerAt + 1).map((row) =>
      row
        .flatMap((cell, column) => {
          if (cell === '') return []
          const name = header[column]
          return [name && name !== cell ? `${name}: ${cell}` : cell]
        })
        .join('; '),
    ),
  ]
}
