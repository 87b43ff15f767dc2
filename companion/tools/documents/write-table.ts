import * as v from 'valibot'
import type { Tool, ToolArtifact } from '#shared/contracts/tool.ts'
import type { FileChange } from '#shared/domain/file-change.ts'
import { newId } from '#shared/domain/ids.ts'
import { csvOf, workbookOf, type Sheet } from './spreadsheet.ts'

const cell = v.pipe(v.string(), v.maxLength(32_000))
const table = v.strictObject({
  name: v.optional(v.pipe(v.string(), v.maxLength(200)), ''),
  columns: v.pipe(v.array(v.pipe(v.string(), v.maxLength(500))), v.minLength(1), v.maxLength(200)),
  rows: v.pipe(v.array(v.pipe(v.array(cell), v.maxLength(200))), v.maxLength(50_000)),
})
const inputSchema = v.strictObject({
  to: v.pipe(v.string(), v.minLength(1), v.maxLength(4096)),
  tables: v.pipe(v.array(table), v.minLength(1), v.maxLength(200)),
  totals: v.optional(v.boolean(), true),
})
export type WriteTableInput = v.InferOutput<typeof inputSchema>

const texts = { en: { total: 'Total' }, zh: { total: '合计' } }
/** A column that counts or names things by number has no sum. */
const noSum =
  /(?:^|\b)(?:no|nr|number|id|year|page|line|price|rate|date)\b|编号|号码|序号|年|页|单价|税率|日期|代码/i
/** Lines of the table shown beside the conversation. */
const mostShown = 2000

/** Proposes a spreadsheet, Excel or CSV, with sums below columns of numbers; what is in it is shown at once. */
export function createWriteTableTool(): Tool<WriteTableInput> {
  return {
    specVersion: 1,
    name: 'write_table',
    title: { en: 'Write a spreadsheet', zh: '写入电子表格' },
    description: 'Writes a new spreadsheet (.xlsx or .csv) of columns and rows, with totals. The person approves it first.', // prettier-ignore
    capability: 'files.write',
    readsForeignText: false,
    parameters: {
      type: 'object',
      properties: {
        to: { type: 'string', description: 'file to write, .xlsx or .csv' },
        tables: {
          type: 'array',
          items: {
            type: 'object',
            properties: {
              name: { type: 'string' },
              columns: { type: 'array', items: { type: 'string' } },
              rows: { type: 'array', items: { type: 'array', items: { type: 'string' } } },
            },
            required: ['columns', 'rows'],
            additionalProperties: false,
          },
        },
        totals: { type: 'boolean' },
      },
      required: ['to', 'tables'],
      additionalProperties: false,
    },
    input: inputSchema,
    async call({ to, tables, totals }, { files, keep, signal, language }) {
      const named = /\.(?:xlsx|csv)$/i.test(to) ? to : `${to}.xlsx`
      const target = await files.place(named, signal)
      const sheets = tables.map((each, index) => sheetOf(each, index, totals))
      const csv = csvOf(sheets, texts[language])
      // Excel takes a text file for UTF-8 only where it begins with this mark.
      const content = /\.csv$/i.test(named) ? new TextEncoder().encode(`\ufeff${csv}`) : workbookOf(sheets, texts[language]) // prettier-ignore
      const { sha256, size } = await keep(content)
      const rows = sheets.reduce((sum, sheet) => sum + sheet.rows.length, 0)
      const title = target.path.split(/[/\\]/).at(-1)!
      const shown = csv.split('\r\n').slice(0, mostShown).join('\r\n')
      const artifact: ToolArtifact = { key: `table/${title}`, kind: 'csv', title, content: new TextEncoder().encode(shown), mediaType: 'text/csv' } // prettier-ignore
      const change: FileChange = { id: newId(), type: 'create', path: target.path, content: sha256, size } // prettier-ignore
      return {
        data: { proposed: target.path, rows },
        summary: language === 'zh' ? `${rows} 行` : `${rows} ${rows === 1 ? 'row' : 'rows'}`,
        plan: { title: language === 'zh' ? `写入表格 ${title}` : `Write ${title}`, changes: [change] }, // prettier-ignore
        artifacts: [artifact],
      }
    },
  }
}

function sheetOf(each: WriteTableInput['tables'][number], index: number, withTotals: boolean): Sheet {
  const { columns } = each
  const rows = each.rows.map((row) => columns.map((_, at) => numberOr(row[at] ?? '', columns[at]!)))
  const totals = columns.flatMap((name, at) => {
    const filled = rows.map((row) => row[at]!).filter((value) => value !== '')
    const isSum = filled.length > 1 && filled.every((value) => typeof value === 'number') && !noSum.test(name)
    return withTotals && isSum ? [at] : []
  })
  return { name: each.name || `${index + 1}`, columns, rows, totals }
} // prettier-ignore

/** `1,280.00` is a number; `007`, a telephone number and what has more digits than a number can hold stay text. */
function numberOr(value: string, column: string): string | number {
  if (/编号|号码|代码|\b(?:no|id|number|phone|code)\b/i.test(column)) return value
  const plain = value.trim()
  if (!/^-?(?:0|[1-9]\d{0,2}(?:,\d{3})+|[1-9]\d{0,14})(?:\.\d{1,8})?$/.test(plain)) return value
  return Number(plain.replaceAll(',', ''))
}
