import readSheets from 'read-excel-file/node'
import { SiloError } from '#shared/errors/silo-error.ts'
import { officeAbout } from './about.ts'
import { cleanZip } from './clean-zip.ts'
import { TextBuilder, type Extracted } from './extracted.ts'
import { tableRows } from './table.ts'

/** Every sheet is a section; its rows say their column names. @throws SiloError file_damaged, file_encrypted, file_too_large */
export async function extractXlsx(bytes: Uint8Array, fileName: string): Promise<Extracted> {
  const { zip, buffer } = cleanZip(bytes)
  const sheets = await readSheets(buffer).catch((cause: unknown) => {
    throw new SiloError('file_damaged', { cause })
  })
  const builder = new TextBuilder()
  for (const { sheet, data } of sheets) {
    if (data.length === 0) continue
    builder.heading(1, sheet)
    for (const row of tableRows(data.map((cells) => cells.map(cellText)))) builder.row(row)
  }
  const { title: _, ...about } = officeAbout(zip)
  return builder.build('table', fileName.replace(/\.[^.]+$/, ''), about)
}

function cellText(value: unknown): string {
  if (value === null || value === undefined) return ''
  if (value instanceof Date)
    return value.toISOString().replace(/T00:00:00\.000Z$/, '').replace(/\.000Z$/, 'Z') // prettier-ignore
  return typeof value === 'number' ? String(Number(value.toPrecision(15))) : String(value as string)
}
