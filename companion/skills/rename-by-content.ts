import { basename, dirname, extname, join } from 'node:path'
import * as v from 'valibot'
import type { DocumentFacts } from '#companion/tools/documents/document-facts.ts'
import type { Skill, TaskContext } from '#shared/contracts/skill.ts'
import type { Fact, FileChange } from '#shared/domain/file-change.ts'
import { newId } from '#shared/domain/ids.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { goalWords } from './goal-words.ts'
import { nameFrom } from './name-template.ts'
import { shownPath } from './shown-path.ts'

const inputSchema = v.object({
  from: v.pipe(v.string(), v.minLength(1), v.maxLength(4096)),
  /** `pdf`; empty: all documents. */
  extension: v.optional(v.pipe(v.string(), v.maxLength(20)), ''),
  /** `{title}`, `{date}_{title}` */
  name: v.optional(v.pipe(v.string(), v.maxLength(200)), '{title}'),
  since: v.optional(v.number()),
  until: v.optional(v.number()),
})
export type RenameByContentInput = v.InferOutput<typeof inputSchema>

const mostDocuments = 500
const mostTitle = 80
const readable = new Set('pdf docx pptx xlsx md txt html htm epub eml png jpg jpeg webp bmp rtf'.split(' ')) // prettier-ignore
const titleSchema = v.object({ title: v.pipe(v.string(), v.trim(), v.maxLength(400)) })

const words = {
  en: {
    find: 'Find documents',
    read: 'Read them',
    name: 'Find names',
    rename: 'Rename them',
    title: (n: number) => `Rename ${n} ${n === 1 ? 'file' : 'files'} by what they say`,
    none: (from: string) => `There is nothing to rename in ${from}.`,
    denied: 'Nothing was changed.',
    done: (n: number) => `${n} ${n === 1 ? 'file is' : 'files are'} renamed.`,
    failed: (n: number) => ` ${n} could not be.`,
    unread: (code: string) => `could not be read (${code})`,
    noTitle: 'says nothing to be named by',
    same: 'has this name already',
    model: 'named by the model', // prettier-ignore
  },
  zh: {
    find: '查找文档',
    read: '读取内容',
    name: '拟定名称',
    rename: '重命名',
    title: (n: number) => `按内容重命名 ${n} 个文件`,
    none: (from: string) => `${from} 中没有需要重命名的文件。`,
    denied: '没有作任何更改。',
    done: (n: number) => `已重命名 ${n} 个文件。`,
    failed: (n: number) => `${n} 个未能重命名。`,
    unread: (code: string) => `无法读取（${code}）`,
    noTitle: '没有可用作名称的内容',
    same: '已经是这个名称',
    model: '由模型命名', // prettier-ignore
  },
}

/** Names documents by their titles; where a document has none, the model reads its beginning and gives it one. */
export function createRenameByContentSkill(): Skill<RenameByContentInput> {
  return {
    specVersion: 1,
    id: 'rename-by-content',
    title: { en: 'Rename by content', zh: '按内容重命名' },
    description: 'Renames the documents in a folder by their titles or what they are about.',
    examples: [
      '把 ~/Documents/扫描 里的文件按内容改名',
      '根据标题重命名下载文件夹里的 PDF',
      '给这些文档起有意义的文件名',
      'Rename the documents in ~/Scans by their content',
      'Give the PDFs in Downloads proper names by their titles',
      'Rename these files to something meaningful with the date in front',
    ],
    capabilities: ['files.read', 'files.write'],
    parameters: {
      type: 'object',
      properties: {
        from: { type: 'string', description: 'folder' },
        extension: { type: 'string', description: 'e.g. pdf' },
        name: { type: 'string', description: 'pattern, e.g. {date}_{title}' },
      },
      required: ['from'],
      additionalProperties: false,
    },
    input: inputSchema,
    understand(goal, now) {
      const { paths, span } = goalWords(goal, now)
      const extension = /\b(pdf|docx?|pptx?|md|txt|png|jpe?g)s?\b/i.exec(goal)?.[1]?.toLowerCase()
      const withDate = /\bdates?\b|日期/i.test(goal)
      return {
        ...(paths[0] === undefined ? {} : { from: paths[0] }),
        ...(extension === undefined ? {} : { extension }),
        ...(withDate ? { name: '{date}_{title}' } : {}),
        ...(span?.since === undefined ? {} : { since: span.since }),
        ...(span?.until === undefined ? {} : { until: span.until }),
      }
    },
    run,
  }
}

async function run(input: RenameByContentInput, task: TaskContext): Promise<void> {
  const t = words[task.language]
  task.plan([
    { id: 'find', title: t.find },
    { id: 'read', title: t.read },
    { id: 'rename', title: t.rename },
  ])
  const found = await task.tool('find', 'search_files', { folder: input.from, limit: mostDocuments, ...(input.extension ? { extension: input.extension } : {}) }) // prettier-ignore
  const { files } = found.data as { files: { path: string; modified: string }[] }
  const paths = files.filter(({ path, modified }) => readable.has(extname(path).slice(1).toLowerCase()) && inTime(Date.parse(`${modified}T12:00`), input)).map(({ path }) => path) // prettier-ignore
  const read = await task.tool('read', 'document_facts', { paths })
  const changes: FileChange[] = []
  const skipped: { path: string; reason: string }[] = []
  for (const [index, document] of (read.data as { documents: DocumentFacts[] }).documents.entries()) {
    const { path, size, modifiedAt } = document
    if (document.problem !== undefined) {
      skipped.push({ path, reason: t.unread(document.problem) })
      continue
    }
    const title = await titleFor(document, `title-${index}`, task)
    const date = dateOf(document)
    if (!title) {
      skipped.push({ path, reason: t.noTitle })
      continue
    }
    const facts = { title, ...(input.name.includes('{date}') ? { date } : {}) }
    const to = join(dirname(path), nameFrom(input.name, facts, path))
    if (to === path) skipped.push({ path, reason: t.same })
    else changes.push({ id: newId(), type: 'move', from: path, to, stamp: { size, modifiedAt }, facts, ...(title.confidence < 0.8 ? { reason: t.model } : {}) }) // prettier-ignore
  }
  if (changes.length === 0) return task.say(t.none(shownPath(input.from)))
  const results = await task.propose('rename', { title: t.title(changes.length), changes, skipped }, (change) => change.type === 'move' ? { ...change, to: join(dirname(change.from), nameFrom(input.name, change.facts ?? {}, change.from)) } : change) // prettier-ignore
  const done = results.filter(({ state }) => state === 'done').length
  const failed = results.filter(({ state }) => state === 'failed').length
  task.say(done + failed === 0 ? t.denied : t.done(done) + (failed ? t.failed(failed) : ''))
} // prettier-ignore

/** Its own title; else what the model makes of how it begins. */
async function titleFor({ title, head = '', path }: DocumentFacts, key: string, task: TaskContext): Promise<Fact | undefined> {
  const own = clean(title ?? '')
  if (own.length >= 3) return { value: own, confidence: 0.95 }
  if (!/\p{L}{2}/u.test(head)) return undefined
  const language = task.language === 'zh' ? 'Chinese' : 'English'
  const given = await task
    .json(key, {
      instruction: `Give the document below a short title of at most eight words, in the language of the document (if unclear, ${language}). Say what it is and what it is about.`,
      context: head,
      schema: { type: 'object', properties: { title: { type: 'string' } }, required: ['title'], additionalProperties: false },
      parse: titleSchema,
      maxTokens: 60,
    })
    .catch((error: unknown) => {
      // A model that answers rubbish gives no name; anything else ends the task.
      if (error instanceof SiloError && error.code === 'task_stuck') return { title: '' }
      throw error
    })
  const value = clean(given.title)
  const isName = value.length >= 3 && value.toLowerCase() !== basename(path, extname(path)).toLowerCase()
  return isName ? { value, confidence: 0.6 } : undefined
} // prettier-ignore

/** The date it bears, else the day it was last changed. */
function dateOf({ date, modifiedAt }: DocumentFacts): Fact {
  return date
    ? { value: date, confidence: 0.9 }
    : { value: new Date(modifiedAt).toISOString().slice(0, 10), confidence: 0.6 }
}

/** One line, without a file ending, no longer than a name should be. */
function clean(text: string): string {
  const line = text.replace(/\s+/g, ' ').replace(/\.(?:pdf|docx?|pptx?|xlsx?|md|txt|html?)$/i, '').trim() // prettier-ignore
  return [...line]
    .slice(0, mostTitle)
    .join('')
    .replace(/[\s.,;:，。；：-]+$/, '')
}

function inTime(at: number, { since, until }: RenameByContentInput): boolean {
  return at >= (since ?? -Infinity) && at < (until ?? Infinity)
}
