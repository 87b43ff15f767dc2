import * as v from 'valibot'
import type { Tool } from '#shared/contracts/tool.ts'
import { readDocument, type DocumentToolDeps } from './document-copy.ts'
import { tablesIn } from './tables.ts'

/** Rows of all tables of one document that are given. */
const mostRows = 20_000

const inputSchema = v.strictObject({ path: v.pipe(v.string(), v.minLength(1), v.maxLength(4096)) })
export type DocumentTablesInput = v.InferOutput<typeof inputSchema>

/** The tables of a document, as columns and rows. */
export function createDocumentTablesTool(deps: DocumentToolDeps): Tool<DocumentTablesInput> {
  return {
    specVersion: 1,
    name: 'document_tables',
    title: { en: 'Read tables', zh: '读取表格' },
    description: 'Reads the tables of a document (PDF, Excel, CSV, Word, web page, scan) as columns and rows.', // prettier-ignore
    capability: 'files.read',
    readsForeignText: true,
    parameters: {
      type: 'object',
      properties: { path: { type: 'string' } },
      required: ['path'],
      additionalProperties: false,
    },
    input: inputSchema,
    async call({ path }, context) {
      const { content, entry } = await readDocument(path, deps, context)
      let left = mostRows
      const tables = tablesIn({ ...content, title: entry.name }).map((table) => {
        const rows = table.rows.slice(0, left)
        left -= rows.length
        return { ...table, rows }
      })
      const rows = mostRows - left
      return {
        data: { tables, ...(left === 0 ? { cut: true } : {}) },
        summary:
          context.language === 'zh' ? `${tables.length} 个表格，${rows} 行` : `${tables.length} tables, ${rows} rows`, // prettier-ignore
      }
    },
  }
}
