import { makeZip } from 'client-zip'

/** One sheet. Rows have as many cells as there are columns; a number is written as one. */
export interface Sheet {
  readonly name: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly (string | number)[])[]
  /** Columns, from 0, that get a sum below. */
  readonly totals: readonly number[]
}

/** The word that stands before the sums. */
export interface SheetTexts {
  readonly total: string
}

/** Comma separated values with sums, one sheet after another. What a spreadsheet program would take for a formula is text. */
export function csvOf(sheets: readonly Sheet[], { total }: SheetTexts): string {
  const blocks = sheets.map((sheet) => {
    const lines = [sheet.columns, ...sheet.rows]
    if (sheet.totals.length > 0) lines.push(sheet.columns.map((_, column) => sheet.totals.includes(column) ? sumOf(sheet, column) : column === 0 ? total : '')) // prettier-ignore
    return lines.map((cells) => cells.map(csvCell).join(',')).join('\r\n')
  })
  return `${blocks.join('\r\n\r\n')}\r\n`
}

/** An Excel workbook; the sums are formulas, with their values for programs that do not reckon. */
export function workbookOf(sheets: readonly Sheet[], texts: SheetTexts): AsyncIterable<Uint8Array> {
  const names = sheetNames(sheets)
  const main = 'http://schemas.openxmlformats.org'
  const kind = 'application/vnd.openxmlformats-officedocument.spreadsheetml'
  const files: Record<string, string> = {
    '[Content_Types].xml': `<Types xmlns="${main}/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="${kind}.sheet.main+xml"/><Override PartName="/xl/styles.xml" ContentType="${kind}.styles+xml"/>${names.map((_, at) => `<Override PartName="/xl/worksheets/sheet${at + 1}.xml" ContentType="${kind}.worksheet+xml"/>`).join('')}</Types>`, // prettier-ignore
    '_rels/.rels': `<Relationships xmlns="${main}/package/2006/relationships"><Relationship Id="r1" Type="${main}/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>`, // prettier-ignore
    'xl/workbook.xml': `<workbook xmlns="${main}/spreadsheetml/2006/main" xmlns:r="${main}/officeDocument/2006/relationships"><sheets>${names.map((name, at) => `<sheet name="${xml(name)}" sheetId="${at + 1}" r:id="r${at + 1}"/>`).join('')}</sheets></workbook>`, // prettier-ignore
    'xl/_rels/workbook.xml.rels': `<Relationships xmlns="${main}/package/2006/relationships">${names.map((_, at) => `<Relationship Id="r${at + 1}" Type="${main}/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet${at + 1}.xml"/>`).join('')}<Relationship Id="s" Type="${main}/officeDocument/2006/relationships/styles" Target="styles.xml"/></Relationships>`, // prettier-ignore
    'xl/styles.xml': `<styleSheet xmlns="${main}/spreadsheetml/2006/main"><fonts count="2"><font><sz val="11"/><name val="Calibri"/></font><font><b/><sz val="11"/><name val="Calibri"/></font></fonts><fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills><borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="2"><xf/><xf fontId="1" applyFont="1"/></cellXfs></styleSheet>`, // prettier-ignore
  }
  for (const [at, sheet] of sheets.entries()) files[`xl/worksheets/sheet${at + 1}.xml`] = `<worksheet xmlns="${main}/spreadsheetml/2006/main"><sheetData>${rowsXml(sheet, texts)}</sheetData></worksheet>` // prettier-ignore
  const head = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
  // A fixed date: the same table gives the same file.
  const lastModified = new Date(Date.UTC(2026, 0, 1))
  return makeZip(Object.entries(files).map(([name, body]) => ({ name, lastModified, input: head + body }))) as unknown as AsyncIterable<Uint8Array> // prettier-ignore
}

function rowsXml(sheet: Sheet, { total }: SheetTexts): string {
  const rows = [rowXml(1, sheet.columns.map((text, at) => cellXml(at, 1, text, 1)))] // prettier-ignore
  for (const [index, cells] of sheet.rows.entries())
    rows.push(rowXml(index + 2, cells.map((cell, at) => cellXml(at, index + 2, cell, 0)))) // prettier-ignore
  const last = sheet.rows.length + 1
  if (sheet.totals.length > 0) {
    const cells = sheet.columns.map((_, at) => {
      if (!sheet.totals.includes(at)) return at === 0 ? cellXml(0, last + 1, total, 1) : ''
      const letter = letters(at)
      return `<c r="${letter}${last + 1}" s="1"><f>SUM(${letter}2:${letter}${last})</f><v>${sumOf(sheet, at)}</v></c>`
    })
    rows.push(rowXml(last + 1, cells))
  }
  return rows.join('')
}

function rowXml(row: number, cells: readonly string[]): string {
  return `<row r="${row}">${cells.join('')}</row>`
}

function cellXml(column: number, row: number, value: string | number, style: number): string {
  const at = `r="${letters(column)}${row}" s="${style}"`
  if (typeof value === 'number') return `<c ${at}><v>${value}</v></c>`
  if (value === '') return ''
  return `<c ${at} t="inlineStr"><is><t xml:space="preserve">${xml(value.slice(0, 32_000))}</t></is></c>` // prettier-ignore
}

/** `A`, `Z`, `AA`. */
function letters(column: number): string {
  const rest = Math.floor(column / 26) - 1
  return (rest >= 0 ? letters(rest) : '') + String.fromCharCode(65 + (column % 26))
}

/** Excel allows 31 characters, some not, and no name twice. */
function sheetNames(sheets: readonly Sheet[]): string[] {
  const taken = new Set<string>()
  return sheets.map(({ name }, index) => {
    const clean = name.replace(/[[\]:*?/\\]/g, ' ').replace(/^'+|'+$/g, '').trim().slice(0, 27).toWellFormed() || `${index + 1}` // prettier-ignore
    let free = clean
    for (let n = 2; taken.has(free.toLowerCase()); n++) free = `${clean} ${n}`
    taken.add(free.toLowerCase())
    return free
  })
}

/** To the cent: sums of decimals are not to end in 0000001. */
function sumOf({ rows }: Sheet, column: number): number {
  const sum = rows.reduce(
    (all, row) => all + (typeof row[column] === 'number' ? row[column] : 0),
    0,
  )
  return Number(sum.toFixed(6))
}

function csvCell(cell: string | number): string {
  if (typeof cell === 'number') return String(cell)
  const safe = /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

function xml(text: string): string {
  // eslint-disable-next-line no-control-regex
  const clean = text.toWellFormed().replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '') // prettier-ignore
  return clean.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;') // prettier-ignore
}
