import { basename, extname, join } from 'node:path'
import * as v from 'valibot'
import type { DocumentFacts } from '#companion/tools/documents/document-facts.ts'
import type { Skill, TaskContext } from '#shared/contracts/skill.ts'
import { goalWords } from './goal-words.ts'
import { reportMarkdown, reportPage, type Report } from './report-page.ts'
import { shownPath } from './shown-path.ts'

const path = v.pipe(v.string(), v.minLength(1), v.maxLength(4096))
const inputSchema = v.object({
  from: path,
  format: v.optional(v.picklist(['html', 'markdown']), 'html'),
  /** Where it is written, too; absent: it is only shown. */
  to: v.optional(path),
})
export type FolderReportInput = v.InferOutput<typeof inputSchema>

const mostFiles = 10_000
/** Documents that are looked into, the newest first; those that the model sums up. */
const mostDocuments = 40
const mostSummed = 12
const readable = new Set('pdf docx pptx xlsx csv md txt html htm epub eml'.split(' '))

const words = {
  en: {
    find: 'Look at the folder',
    read: 'Read its documents',
    sum: 'Sum them up',
    page: 'Write the report',
    none: (from: string) => `There are no files in ${from}.`,
    title: (name: string) => `Report: ${name}`,
    unread: 'This document could not be read.',
    shown: 'The report is shown beside this conversation.',
    saved: (to: string) => `The report is in ${to}.`,
    denied: 'It was not written to a file.', // prettier-ignore
  },
  zh: {
    find: '查看文件夹',
    read: '读取文档',
    sum: '归纳内容',
    page: '生成报告',
    none: (from: string) => `${from} 中没有文件。`,
    title: (name: string) => `报告：${name}`,
    unread: '此文档无法读取。',
    shown: '报告显示在对话旁边。',
    saved: (to: string) => `报告已写入 ${to}。`,
    denied: '没有写入文件。', // prettier-ignore
  },
}

/** Tells of a folder as a web page or Markdown: what is in it, and what its newest documents say. */
export function createFolderReportSkill(): Skill<FolderReportInput> {
  return {
    specVersion: 1,
    id: 'folder-report',
    title: { en: 'Report on a folder', zh: '文件夹报告' },
    description: 'Summarises a folder and its documents as a web page or Markdown report.',
    examples: [
      '把 ~/Documents/项目 总结成一个网页',
      '给下载文件夹写一份概览报告',
      '用 Markdown 汇报这个目录里有什么',
      'Summarise ~/Documents/project as a web page',
      'Write an overview report of the Downloads folder',
      'Make a Markdown digest of ~/work/notes',
    ],
    capabilities: ['files.read', 'files.write', 'artifacts.write'],
    parameters: {
      type: 'object',
      properties: {
        from: { type: 'string', description: 'folder' },
        format: { type: 'string', enum: ['html', 'markdown'] },
        to: { type: 'string', description: 'file to write, only if said' },
      },
      required: ['from'],
      additionalProperties: false,
    },
    input: inputSchema,
    understand(goal, now) {
      const { paths } = goalWords(goal, now)
      const [from, to] = paths
      const isMarkdown = /\bmarkdown\b|\.md\b/i.test(goal) && !/\bhtml\b|web ?page|网页/i.test(goal)
      return {
        ...(from === undefined ? {} : { from }),
        ...(to === undefined ? {} : { to }),
        ...(isMarkdown ? { format: 'markdown' } : {}),
      }
    },
    run,
  }
}

async function run(input: FolderReportInput, task: TaskContext): Promise<void> {
  const t = words[task.language]
  task.plan([
    { id: 'find', title: t.find },
    { id: 'read', title: t.read },
    { id: 'sum', title: t.sum },
    { id: 'page', title: t.page },
  ])
  const found = await task.tool('find', 'search_files', { folder: input.from, limit: mostFiles })
  const { files } = found.data as { files: { path: string; size: number; modified: string }[] }
  if (files.length === 0) return task.say(t.none(shownPath(input.from)))
  const newest = files.filter(({ path }) => readable.has(endingOf(path))).toSorted((a, b) => b.modified.localeCompare(a.modified)).slice(0, mostDocuments) // prettier-ignore
  const read = await task.tool('read', 'document_facts', { paths: newest.map(({ path }) => path) })
  const documents: Report['documents'][number][] = []
  for (const [index, facts] of (read.data as { documents: DocumentFacts[] }).documents.entries()) {
    const { path, size, modifiedAt, title, date } = facts
    const day = date ?? new Date(modifiedAt).toISOString().slice(0, 10)
    const summary = await summaryOf(facts, index, task)
    documents.push({ name: basename(path), date: day, size, summary, ...(title ? { title } : {}) })
  }
  const summary = await overviewOf(documents, task)
  const name = basename(input.from.replace(/[/\\]+$/, '')) || input.from
  const report: Report = { title: t.title(name), summary, files: files.length, size: files.reduce((sum, file) => sum + file.size, 0), kinds: kindsOf(files), documents, more: files.length - documents.length } // prettier-ignore
  const isPage = input.format === 'html'
  const text = isPage ? reportPage(report, task.language) : reportMarkdown(report, task.language)
  task.artifact({ key: 'report', kind: input.format, title: report.title, content: new TextEncoder().encode(text), mediaType: isPage ? 'text/html' : 'text/markdown' }) // prettier-ignore
  await task.step('page', async () => ({ value: null, note: `${documents.length}` }))
  task.say(`${summary}\n\n${t.shown}`)
  if (input.to === undefined) return
  const ending = isPage ? '.html' : '.md'
  const place = await task.tool('place', 'find_place', { path: input.to })
  const { path: at, folder } = place.data as { path: string; folder?: boolean }
  const to = /\.(?:html?|md)$/i.test(at) ? at : folder ? join(at, `${name}${ending}`) : `${at}${ending}` // prettier-ignore
  const written = await task.tool('file', 'write_file', { path: to, text })
  if (!written.plan) return task.say(` ${t.denied}`)
  const [result] = await task.propose('write', written.plan)
  task.say(` ${result?.state === 'done' ? t.saved(shownPath(result.path ?? to)) : t.denied}`)
} // prettier-ignore

/** One or two sentences by the model for the newest; for the others how they begin. */
async function summaryOf({ head = '', problem }: DocumentFacts, index: number, task: TaskContext): Promise<string> {
  if (problem !== undefined) return words[task.language].unread
  const beginning = head.replace(/\s+/g, ' ').trim().slice(0, 200)
  if (index >= mostSummed || beginning.length < 80) return beginning
  const language = task.language === 'zh' ? 'Chinese' : 'English'
  const written = await task.write(`sum-${index}`, {
    instruction: `Say in one or two short sentences in ${language} what the document below is and what it says. Only the sentences.`,
    context: head,
    maxTokens: 90,
  })
  return written.trim() || beginning
} // prettier-ignore

async function overviewOf(documents: Report['documents'], task: TaskContext): Promise<string> {
  const list = documents.slice(0, 25).map(({ name, title, summary }) => `${title ?? name}: ${summary.slice(0, 160)}`).join('\n') // prettier-ignore
  if (list === '') return ''
  const written = await task.write('sum', {
    instruction: `Below are the documents of a folder, one a line. Say in two or three sentences in ${task.language === 'zh' ? 'Chinese' : 'English'} what this folder is about. Only the sentences.`,
    context: list,
    maxTokens: 160,
  })
  return written.trim()
}

function kindsOf(files: readonly { path: string; size: number }[]): Report['kinds'] {
  const kinds = new Map<string, { files: number; size: number }>()
  for (const { path, size } of files) {
    const kind = endingOf(path) || '—'
    const known = kinds.get(kind) ?? { files: 0, size: 0 }
    kinds.set(kind, { files: known.files + 1, size: known.size + size })
  }
  return [...kinds].map(([kind, known]) => ({ kind, ...known })).toSorted((a, b) => b.files - a.files).slice(0, 20) // prettier-ignore
}

function endingOf(path: string): string {
  return extname(path).slice(1).toLowerCase()
}
