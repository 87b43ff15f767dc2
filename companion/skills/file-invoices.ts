import { join } from 'node:path'
import * as v from 'valibot'
import { invoiceLikeness, type Invoice } from '#companion/invoices/invoice-text.ts'
import type { ReadDocument } from '#companion/tools/documents/read-invoices.ts'
import type { Skill, TaskContext } from '#shared/contracts/skill.ts'
import type { ChangePlan, Fact, FileChange } from '#shared/domain/file-change.ts'
import { newId } from '#shared/domain/ids.ts'
import { goalWords } from './goal-words.ts'
import { nameFrom, templateIn } from './name-template.ts'
import { shownPath } from './shown-path.ts'

const folder = v.pipe(v.string(), v.minLength(1), v.maxLength(4096))
const inputSchema = v.object({
  from: folder,
  to: folder,
  /** `{date}_{amount}_{company}` */
  name: v.optional(v.pipe(v.string(), v.maxLength(200)), '{date}_{amount}_{company}'),
  since: v.optional(v.number()),
  until: v.optional(v.number()),
})
export type FileInvoicesInput = v.InferOutput<typeof inputSchema>

/** Documents looked at in one task. */
const mostDocuments = 5000
/** Skipped files that are named. */
const mostSkipped = 1000
const dayMs = 24 * 3600 * 1000

const words = {
  en: {
    find: 'Find documents', read: 'Read them', file: 'Rename and file them', title: (n: number, to: string) => `File ${n} ${n === 1 ? 'invoice' : 'invoices'} in ${to}`, notInvoice: 'not an invoice', outside: 'another time', unread: (code: string) => `could not be read (${code})`, incomplete: 'date, amount or company is missing', none: (from: string) => `No invoices of that time were found in ${from}.`, denied: 'Nothing was changed.', done: (n: number, to: string, failed: number) => `${n} ${n === 1 ? 'invoice is' : 'invoices are'} filed in ${to}.${failed ? ` ${failed} could not be moved.` : ''}`, skipped: (n: number) => ` ${n} other ${n === 1 ? 'file was' : 'files were'} left alone.`, }, // prettier-ignore
  zh: {
    find: '查找文档', read: '读取文档', file: '重命名并归档', title: (n: number, to: string) => `将 ${n} 张发票归档到 ${to}`, notInvoice: '不是发票', outside: '不在所说的时间内', unread: (code: string) => `无法读取（${code}）`, incomplete: '缺少日期、金额或公司', none: (from: string) => `在 ${from} 中没有找到该时间段的发票。`, denied: '没有作任何更改。', done: (n: number, to: string, failed: number) => `已将 ${n} 张发票归档到 ${to}。${failed ? `${failed} 张未能移动。` : ''}`, skipped: (n: number) => `其余 ${n} 个文件未作改动。`, }, // prettier-ignore
}

/** Finds the invoices of a time in a folder, names them by what they say, and files them in another one. */
export function createFileInvoicesSkill(): Skill<FileInvoicesInput> {
  return {
    specVersion: 1,
    id: 'file-invoices',
    title: { en: 'File invoices', zh: '归档发票' },
    description: 'Finds invoices in a folder, renames them by date, amount and company, and moves them to another folder.', // prettier-ignore
    examples: [
      '扫描 ~/Downloads，找到上个月所有的发票 PDF，重命名为 日期_金额_公司.pdf，然后归档到 ~/Finance。',
      '把下载文件夹里的发票按日期和金额改名并移到财务文件夹',
      '整理这个月的发票，归档到 ~/文档/发票',
      'Scan ~/Downloads, find last month’s invoice PDFs, rename them date_amount_company.pdf and file them in ~/Finance',
      'Move all invoices from Downloads to Documents/Invoices and name them by date and company',
      'Sort the invoices of this year into ~/Finance',
    ],
    capabilities: ['files.read', 'files.write'],
    parameters: {
      type: 'object',
      properties: {
        from: { type: 'string', description: 'folder to look in' },
        to: { type: 'string', description: 'folder to move them to' },
        name: { type: 'string', description: 'pattern, e.g. {date}_{amount}_{company}' },
      },
      required: ['from', 'to'],
      additionalProperties: false,
    },
    input: inputSchema,
    understand(goal, now) {
      const { paths, span } = goalWords(goal, now)
      const [from, to] = paths
      const name = templateIn(goal)
      return {
        ...(from === undefined ? {} : { from }),
        ...(to === undefined ? {} : { to }),
        ...(name === undefined ? {} : { name }),
        ...(span?.since === undefined ? {} : { since: span.since }),
        ...(span?.until === undefined ? {} : { until: span.until }),
      }
    },
    run,
  }
}

async function run(input: FileInvoicesInput, task: TaskContext): Promise<void> {
  const t = words[task.language]
  task.plan([
    { id: 'find', title: t.find },
    { id: 'read', title: t.read },
    { id: 'file', title: t.file },
  ])
  const found = await task.tool('find', 'search_files', { folder: input.from, extension: 'pdf', limit: mostDocuments }) // prettier-ignore
  const { files } = found.data as { files: { path: string }[] }
  const read = await task.tool('read', 'read_invoices', { paths: files.map(({ path }) => path) })
  const { documents } = read.data as { documents: ReadDocument[] }
  const target = await task.tool('target', 'find_place', { path: input.to })
  const to = (target.data as { path: string }).path
  const plan = planOf(documents, { ...input, to }, t)
  if (plan.changes.length === 0) return task.say(t.none(shownPath(input.from)))
  const results = await task.propose('file', plan, (change) => renamed(change, { ...input, to }))
  const done = results.filter(({ state }) => state === 'done').length
  const failed = results.filter(({ state }) => state === 'failed').length
  task.say(done + failed === 0 ? t.denied : t.done(done, shownPath(to), failed) + (plan.skipped?.length ? t.skipped(plan.skipped.length) : '')) // prettier-ignore
}

type Wanted = FileInvoicesInput

function planOf(
  documents: readonly ReadDocument[],
  input: Wanted,
  t: (typeof words)['en'],
): ChangePlan {
  // prettier-ignore
  const changes: FileChange[] = []
  const skipped: { path: string; reason: string }[] = []
  for (const document of documents) {
    const { path, size, modifiedAt } = document
    const reason = reasonAgainst(document, input, t)
    if (reason !== undefined || !('invoice' in document)) {
      skipped.push({ path, reason: reason ?? '' })
      continue
    }
    const { invoice } = document
    const facts = factsOf(invoice)
    changes.push({ id: newId(), type: 'move', from: path, to: join(input.to, nameFrom(input.name, facts, path)), stamp: { size, modifiedAt }, facts, ...(Object.keys(facts).length < 3 ? { reason: t.incomplete } : invoice.number ? { reason: `No. ${invoice.number}` } : {}) }) // prettier-ignore
  }
  return { title: t.title(changes.length, shownPath(input.to)), changes, skipped: skipped.slice(0, mostSkipped) } // prettier-ignore
}

function reasonAgainst(
  document: ReadDocument,
  input: Wanted,
  t: (typeof words)['en'],
): string | undefined {
  // prettier-ignore
  if ('problem' in document) return t.unread(document.problem)
  if (document.invoice.likeness < invoiceLikeness) return t.notInvoice
  // Where the paper's own date is unclear, when it came is what is known.
  const { date } = document.invoice
  const at = date ? Date.parse(`${date.value}T12:00`) : document.modifiedAt
  const inTime = at >= (input.since ?? -Infinity) - (date ? 0 : dayMs) && at < (input.until ?? Infinity) // prettier-ignore
  return inTime ? undefined : t.outside
}

function factsOf({ date, amount, company }: Invoice): Record<string, Fact> {
  return { ...(date ? { date } : {}), ...(amount ? { amount } : {}), ...(company ? { company } : {}) } // prettier-ignore
}

/** The row anew after its facts were corrected. */
function renamed(change: FileChange, input: Wanted): FileChange {
  if (change.type !== 'move') return change
  return { ...change, to: join(input.to, nameFrom(input.name, change.facts ?? {}, change.from)) }
}
