import { join } from 'node:path'
import * as v from 'valibot'
import { invoiceLikeness } from '#companion/invoices/invoice-text.ts'
import type { ReadDocument } from '#companion/tools/documents/read-invoices.ts'
import type { Skill, TaskContext } from '#shared/contracts/skill.ts'
import { goalWords } from './goal-words.ts'
import { shownPath } from './shown-path.ts'

const folder = v.pipe(v.string(), v.minLength(1), v.maxLength(4096))
const inputSchema = v.object({
  from: v.optional(folder, '~/Downloads'),
  to: v.optional(folder),
  /** `pdf`; empty: all. */
  extension: v.optional(v.pipe(v.string(), v.maxLength(20)), ''),
  invoices: v.optional(v.boolean(), false),
  since: v.optional(v.number()),
  until: v.optional(v.number()),
})
export type ArchiveFilesInput = v.InferOutput<typeof inputSchema>

const most = 5000
const words = {
  en: { find: 'Find files', read: 'Read them', zip: 'Pack them', none: (from: string) => `No such files were found in ${from}.`, denied: 'Nothing was written.', done: (n: number, path: string) => `${n} ${n === 1 ? 'file is' : 'files are'} packed in ${path}. The originals stay where they are.` }, // prettier-ignore
  zh: { find: '查找文件', read: '读取文档', zip: '打包', none: (from: string) => `在 ${from} 中没有找到这样的文件。`, denied: '没有写入任何内容。', done: (n: number, path: string) => `已将 ${n} 个文件打包到 ${path}，原文件保持不变。` }, // prettier-ignore
}

/** Packs the files of a kind and time into one zip archive. */
export function createArchiveFilesSkill(): Skill<ArchiveFilesInput> {
  return {
    specVersion: 1,
    id: 'archive-files',
    title: { en: 'Find and zip', zh: '查找并打包' },
    description: 'Finds files of a kind and time in a folder and packs them into one zip archive.',
    examples: [
      '找出最近一周的发票 PDF 并打包成 zip',
      '把下载文件夹里所有的 PDF 压缩打包',
      '将上个月的图片打包',
      'Find the invoice PDFs of the past week and zip them',
      'Zip all PDFs in Downloads',
      'Pack last month’s photos into a zip archive',
    ],
    capabilities: ['files.read', 'files.write'],
    parameters: {
      type: 'object',
      properties: {
        from: { type: 'string', description: 'folder to look in' },
        to: { type: 'string', description: 'zip file to write' },
        extension: { type: 'string', description: 'e.g. pdf' },
      },
      additionalProperties: false,
    },
    input: inputSchema,
    understand(goal, now) {
      const { paths, span } = goalWords(goal, now)
      const zip = paths.find((path) => /\.zip$/i.test(path))
      const from = paths.find((path) => path !== zip)
      const extension = /\.?\b(pdf|jpe?g|png|docx?|xlsx?|pptx?|csv|txt|md|mp4|mov)s?\b/i.exec(goal)?.[1]?.toLowerCase() // prettier-ignore
      return {
        ...(from === undefined ? {} : { from }),
        ...(zip === undefined ? {} : { to: zip }),
        ...(extension === undefined ? {} : { extension }),
        ...(/invoices?|发票/i.test(goal) ? { invoices: true, extension: extension ?? 'pdf' } : {}),
        ...(span?.since === undefined ? {} : { since: span.since }),
        ...(span?.until === undefined ? {} : { until: span.until }),
      }
    },
    run,
  }
}

async function run(input: ArchiveFilesInput, task: TaskContext): Promise<void> {
  const t = words[task.language]
  const steps = [{ id: 'find', title: t.find }, ...(input.invoices ? [{ id: 'read', title: t.read }] : []), { id: 'zip', title: t.zip }] // prettier-ignore
  task.plan(steps)
  const found = await task.tool('find', 'search_files', { folder: input.from, limit: most, ...(input.extension ? { extension: input.extension } : {}) }) // prettier-ignore
  const { files } = found.data as { files: { path: string; modified: string }[] }
  const inTime = (at: number): boolean => at >= (input.since ?? -Infinity) && at < (input.until ?? Infinity) // prettier-ignore
  let paths = files.map(({ path }) => path)
  if (input.invoices) {
    const read = await task.tool('read', 'read_invoices', { paths })
    const { documents } = read.data as { documents: ReadDocument[] }
    paths = documents.flatMap((each) => {
      if (!('invoice' in each) || each.invoice.likeness < invoiceLikeness) return []
      const { date } = each.invoice
      // "Of the past week" is said of papers that came then as well as of such as were written then.
      const fits = inTime(each.modifiedAt) || (date !== undefined && inTime(Date.parse(`${date.value}T12:00`))) // prettier-ignore
      return fits ? [each.path] : []
    })
  } else paths = files.filter(({ modified }) => inTime(Date.parse(`${modified}T12:00`))).map(({ path }) => path) // prettier-ignore
  if (paths.length === 0) return task.say(t.none(shownPath(input.from)))
  const today = new Date(task.startedAt).toISOString().slice(0, 10)
  const to = input.to ?? join(input.from, `${input.invoices ? 'invoices' : 'files'}_${today}.zip`)
  const zip = await task.tool('pack', 'zip_files', { paths, to })
  if (!zip.plan) return task.say(t.denied)
  const [result] = await task.propose('zip', zip.plan)
  task.say(result?.state === 'done' ? t.done(paths.length, shownPath(result.path ?? to)) : t.denied)
}
