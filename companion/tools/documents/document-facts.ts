import * as v from 'valibot'
import type { Tool } from '#shared/contracts/tool.ts'
import {
  copyName,
  readCopy,
  readEach,
  type DocumentContent,
  type DocumentToolDeps,
} from './document-copy.ts'

/** Characters of the beginning that are given. */
const headLength = 1500

const inputSchema = v.strictObject({
  paths: v.pipe(v.array(v.pipe(v.string(), v.minLength(1), v.maxLength(4096))), v.maxLength(2000)),
})
export type DocumentFactsInput = v.InferOutput<typeof inputSchema>

/** What is known of one document; `problem`: the code of the error why it was not read. */
export interface DocumentFacts {
  readonly path: string
  readonly size: number
  readonly modifiedAt: number
  readonly kind?: string
  /** As the document says it; absent where it has none. */
  readonly title?: string
  readonly author?: string
  /** `2026-10-03`, as the document says it. */
  readonly date?: string
  readonly pages?: number
  /** How it begins. */
  readonly head?: string
  readonly problem?: string
}

/** Title, author, date, pages and the beginning of documents. */
export function createDocumentFactsTool(deps: DocumentToolDeps): Tool<DocumentFactsInput> {
  return {
    specVersion: 1,
    name: 'document_facts',
    title: { en: 'Look at documents', zh: '查看文档信息' },
    description: 'Tells title, author, date, number of pages and the first lines of documents.',
    capability: 'files.read',
    readsForeignText: true,
    parameters: {
      type: 'object',
      properties: { paths: { type: 'array', items: { type: 'string' } } },
      required: ['paths'],
      additionalProperties: false,
    },
    input: inputSchema,
    async call({ paths }, context) {
      const documents: DocumentFacts[] = await readEach(paths, context, async (entry) =>
        factsIn(await readCopy(entry, deps.folder, context, deps.extract)),
      )
      const read = documents.filter(({ problem }) => problem === undefined).length
      const summary = context.language === 'zh' ? `${read} 个文档` : `${read} ${read === 1 ? 'document' : 'documents'}` // prettier-ignore
      return { data: { documents }, summary }
    },
  }
}

function factsIn({ kind, title, author, date, pages, text }: DocumentContent) {
  return {
    kind,
    ...(title && !title.startsWith(copyName) ? { title: title.slice(0, 200) } : {}),
    ...(author ? { author } : {}),
    ...(date === undefined ? {} : { date: new Date(date).toISOString().slice(0, 10) }),
    ...(pages === undefined ? {} : { pages }),
    head: text.slice(0, headLength).toWellFormed(),
  }
}
