import Papa from 'papaparse'
import { SiloError } from '#shared/errors/silo-error.ts'
import { TextBuilder, type Extracted } from './extracted.ts'
import { tableRows } from './table.ts'

/** Comma, semicolon or tab separated values; the separator is guessed. @throws SiloError file_damaged */
export function extractCsv(source: string, fileName: string): Extracted {
  const parsed = Papa.parse<string[]>(source.replace(/^\ufeff/, ''), { skipEmptyLines: 'greedy' })
  if (parsed.errors.some((error) => error.type === 'Quotes')) throw new SiloError('file_damaged')
  const builder = new TextBuilder()
  for (const row of tableRows(parsed.data)) builder.row(row)
  return builder.build('table', fileName.replace(/\.[^.]+$/, ''))
}
