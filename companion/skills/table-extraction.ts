import { basename, extname, join } from 'node:path'
import * as v from 'valibot'
import { invoiceLikeness } from '#companion/invoices/invoice-text.ts'
import type { ReadDocument } from '#companion/tools/documents/read-invoices.ts'
import type { DocumentTable } from '#companion/tools/documents/tables.ts'
import type { Skill, TaskContext } from '#shared/contracts/skill.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { goalWords } from './goal-words.ts'
import { shownPath } from './shown-path.ts'

const path = v.pipe(v.string(), v.minLength(1), v.maxLength(4096))
const inputSchema = v.object({
  /** A folder, or one document. */
  from: path,
  to: v.optional(path),
  format: v.optional(v.picklist(['xlsx', 'csv']), 'xlsx'),
  /** `pdf`; empty: whatever has tables. */
  extension: v.optional(v.pipe(v.string(), v.maxLength(20)), ''),
  invoices: v.optional(v.boolean(), false),
  since: v.optional(v.number()),
  until: v.optional(v.number()),
})
export type TableExtractionInput = v.InferOutput<typeof inputSchema>
interface Table {
  name: string
  columns: string[]
  rows: string[][]
}

const mostDocuments = 1000
const mostTables = 200
const mostRows = 50_000
const readable = new Set('pdf xlsx csv tsv docx pptx html htm md png jpg jpeg webp'.split(' '))

const words = {
  en: {
    find: 'Find documents',
    read: 'Read their tables',
    write: 'Write the spreadsheet',
    none: (from: string) => `No tables were found in ${from}.`,
    noInvoices: (from: string) => `No invoices of that time were found in ${from}.`,
    denied: 'Nothing was written.',
    done: (rows: number, files: number, to: string) =>
      `${rows} ${rows === 1 ? 'row' : 'rows'} of ${files} ${files === 1 ? 'document' : 'documents'} are in ${to}.`,
    unread: (names: string) => ` Not read: ${names}.`,
    unsure: (names: string) => ` Please check what was read without certainty: ${names}.`,
    invoices: 'Invoices',
    columns: ['Date', 'Company', 'Number', 'Amount', 'Currency', 'File'],
    file: 'File',
    name: 'tables',
    invoiceName: 'invoices', // prettier-ignore
  },
  zh: {
    find: '查找文档',
    read: '读取表格',
    write: '写入电子表格',
    none: (from: string) => `在 ${from} 中没有找到表格。`,
    noInvoices: (from: string) => `在 ${from} 中没有找到该时间段的发票。`,
    denied: '没有写入任何内容。',
    done: (rows: number, files: number, to: string) =>
      `已将 ${files} 个文档中的 ${rows} 行写入 ${to}。`,
    unread: (names: string) => `未能读取：${names}。`,
    unsure: (names: string) => `请核对识别不够确定的文件：${names}。`,
    invoices: '发票',
    columns: ['日期', '公司', '发票号码', '金额', '币种', '文件'],
    file: '文件',
    name: '表格',
    invoiceName: '发票', // prettier-ignore
  },
}

/** Makes one spreadsheet with totals of the tables in documents, or of what a folder's invoices say. */
export function createTableExtractionSkill(): Skill<TableExtractionInput> {
  return {
    specVersion: 1,
    id: 'table-extraction',
    title: { en: 'Make a spreadsheet', zh: '生成电子表格' },
    description: 'Extracts tables, or the data of invoices, from documents into a spreadsheet (xlsx or csv) with totals.', // prettier-ignore
    examples: [
      '把 ~/Finance 里的发票做成一个带合计的表格',
      '提取这个 PDF 里的表格并导出为 Excel',
      '汇总上个月的发票金额，生成 CSV',
      'Make a spreadsheet of the invoices in ~/Finance with totals',
      'Extract the tables of ~/Documents/report.pdf to Excel',
      'Turn the price lists in Downloads into one csv',
    ],
    capabilities: ['files.read', 'files.write'],
    parameters: {
      type: 'object',
      properties: {
        from: { type: 'string', description: 'folder or document to read' },
        to: { type: 'string', description: 'file to write' },
        format: { type: 'string', enum: ['xlsx', 'csv'] },
        invoices: { type: 'boolean', description: 'true for invoices' },
      },
      required: ['from'],
      additionalProperties: false,
    },
    input: inputSchema,
    understand(goal, now) {
      const { paths, span } = goalWords(goal, now)
      const [from] = paths
      const to = paths.slice(1).find((each) => /\.(?:xlsx|csv)$/i.test(each)) ?? paths[1]
      const isCsv = /\bcsv\b/i.test(to ?? goal.replace(from ?? '', ''))
      return {
        ...(from === undefined ? {} : { from }),
        ...(to === undefined ? {} : { to }),
        ...(isCsv ? { format: 'csv' } : {}),
        ...(/\b(?:invoices?|receipts?|bills?)\b|发票|收据|账单/i.test(goal) ? { invoices: true } : {}),
        ...(/\bpdfs?\b/i.test(goal) ? { extension: 'pdf' } : {}),
        ...(span?.since === undefined ? {} : { since: span.since }),
        ...(span?.until === undefined ? {} : { until: span.until }),
      }
    },
    run,
  }
} // prettier-ignore

async function run(input: TableExtractionInput, task: TaskContext): Promise<void> {
  const t = words[task.language]
  task.plan([
    { id: 'find', title: t.find },
    { id: 'read', title: t.read },
    { id: 'write', title: t.write },
  ])
  const isFile = readable.has(extname(input.from).slice(1).toLowerCase())
  const paths = isFile ? [input.from] : await documents(input, task)
  const folder = isFile ? join(input.from, '..') : input.from
  const made = input.invoices ? await invoiceTables(paths, input, task) : await documentTables(paths, input, task) // prettier-ignore
  const { tables, unread, unsure, read } = made
  if (tables.length === 0) return task.say((input.invoices ? t.noInvoices : t.none)(shownPath(input.from)) + note(unread, t.unread)) // prettier-ignore
  const today = new Date(task.startedAt).toISOString().slice(0, 10)
  const to = input.to ?? join(folder, `${input.invoices ? t.invoiceName : t.name}_${today}`)
  const written = await task.tool('table', 'write_table', { to: /\.(?:xlsx|csv)$/i.test(to) ? to : `${to}.${input.format}`, tables: tables.slice(0, mostTables) }) // prettier-ignore
  if (!written.plan) return task.say(t.denied)
  const [result] = await task.propose('write', written.plan)
  const rows = tables.reduce((sum, table) => sum + table.rows.length, 0)
  if (result?.state !== 'done') return task.say(t.denied)
  task.say(t.done(rows, read, shownPath(result.path ?? to)) + note(unread, t.unread) + note(unsure, t.unsure)) // prettier-ignore
}

async function documents(input: TableExtractionInput, task: TaskContext): Promise<string[]> {
  const extension = input.extension || (input.invoices ? 'pdf' : '')
  const found = await task.tool('find', 'search_files', { folder: input.from, limit: mostDocuments, ...(extension ? { extension } : {}) }) // prettier-ignore
  const { files } = found.data as { files: { path: string; modified: string }[] }
  const fits = ({ path, modified }: { path: string; modified: string }): boolean =>
    readable.has(extname(path).slice(1).toLowerCase()) &&
    (input.invoices || inTime(Date.parse(`${modified}T12:00`), input))
  return files.filter(fits).map(({ path }) => path)
}

interface Made {
  readonly tables: Table[]
  /** Names of files. */
  readonly unread: string[]
  readonly unsure: string[]
  /** Documents that gave something. */
  readonly read: number
}

/** Below this somebody should look. */
const sure = 0.8

/** One sheet for each currency: sums of different money are no sums. */
async function invoiceTables(paths: readonly string[], input: TableExtractionInput, task: TaskContext): Promise<Made> {
  const t = words[task.language]
  const { data } = await task.tool('read', 'read_invoices', { paths })
  const tables = new Map<string, Table>()
  const unread: string[] = []
  const unsure: string[] = []
  let read = 0
  for (const document of (data as { documents: ReadDocument[] }).documents) {
    const name = basename(document.path)
    if ('problem' in document) {
      unread.push(name)
      continue
    }
    const { date, amount, company, currency, number, likeness } = document.invoice
    const at = date ? Date.parse(`${date.value}T12:00`) : document.modifiedAt
    if (likeness < invoiceLikeness || !inTime(at, input)) continue
    read++
    if ([date, amount, company].some((fact) => !fact || fact.confidence < sure)) unsure.push(name)
    const title = currency ? `${t.invoices} ${currency}` : t.invoices
    const table = tables.get(title) ?? { name: title, columns: t.columns, rows: [] }
    tables.set(title, table)
    table.rows.push([date?.value ?? '', company?.value ?? '', number ?? '', amount?.value ?? '', currency, name])
  }
  for (const { rows } of tables.values()) rows.sort(([a = ''], [b = '']) => a.localeCompare(b))
  return { tables: [...tables.values()], unread, unsure, read }
} // prettier-ignore

/** Tables of the same columns from several documents become one, with the name of the file in each row. */
async function documentTables(paths: readonly string[], input: TableExtractionInput, task: TaskContext): Promise<Made> {
  const t = words[task.language]
  const several = paths.length > 1
  const tables = new Map<string, Table>()
  const unread: string[] = []
  let read = 0
  let rows = 0
  for (const [index, path] of paths.entries()) {
    const found = await task.tool(`read-${index}`, 'document_tables', { path }).catch((error: unknown) => {
      if (!(error instanceof SiloError) || task.signal.aborted) throw error
      return undefined
    })
    if (!found) {
      unread.push(basename(path))
      continue
    }
    const own = (found.data as { tables: DocumentTable[] }).tables
    if (own.length > 0) read++
    for (const each of own) {
      const columns = each.columns.slice(0, 199).map((name, at) => name || `${at + 1}`)
      const key = JSON.stringify(columns)
      const table = tables.get(key) ?? { name: each.title, columns: several ? [...columns, t.file] : columns, rows: [] }
      tables.set(key, table)
      for (const row of each.rows) if (rows++ < mostRows) table.rows.push(several ? [...row.slice(0, 199), basename(path)] : row.slice(0, 199))
    }
  }
  await task.step('read', async () => ({ value: null, note: `${rows}` }))
  return { tables: [...tables.values()], unread, unsure: [], read }
} // prettier-ignore

function inTime(at: number, { since, until }: TableExtractionInput): boolean {
  return at >= (since ?? -Infinity) && at < (until ?? Infinity)
}

function note(names: readonly string[], write: (names: string) => string): string {
  return names.length === 0 ? '' : write(names.slice(0, 10).join(', ') + (names.length > 10 ? ' …' : ''))
} // prettier-ignore
