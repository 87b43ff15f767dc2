import * as v from 'valibot'
import type { Tool } from '#shared/contracts/tool.ts'
import { readDocument, type DocumentToolDeps } from './document-copy.ts'

/** Characters of one answer. */
const piece = 20_000

const inputSchema = v.strictObject({
  path: v.pipe(v.string(), v.minLength(1), v.maxLength(4096)),
  offset: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0)), 0),
})
export type DocumentTextInput = v.InferOutput<typeof inputSchema>

/** The text of a document of any kind the vault reads, scans too, a piece at a time. */
export function createDocumentTextTool(deps: DocumentToolDeps): Tool<DocumentTextInput> {
  return {
    specVersion: 1,
    name: 'document_text',
    title: { en: 'Read a document', zh: '读取文档' },
    description: 'Reads the text of a document: PDF (also scanned), Word, Excel, slides, mail, web page, picture.', // prettier-ignore
    capability: 'files.read',
    readsForeignText: true,
    parameters: {
      type: 'object',
      properties: { path: { type: 'string' }, offset: { type: 'integer' } },
      required: ['path'],
      additionalProperties: false,
    },
    input: inputSchema,
    async call({ path, offset }, context) {
      const { content } = await readDocument(path, deps, context)
      const { text, pages } = content
      const next = Math.min(text.length, offset + piece)
      return {
        data: {
          text: text.slice(offset, next).toWellFormed(),
          characters: text.length,
          ...(pages === undefined ? {} : { pages }),
          ...(next < text.length ? { next } : {}),
        },
        summary: context.language === 'zh' ? `${text.length} 个字符` : `${text.length} characters`,
      }
    },
  }
}
