import * as v from 'valibot'
import type { FileEntry, Tool } from '#shared/contracts/tool.ts'
import { entryData, filesText } from './entry-data.ts'

const shown = 200
/** Entries that are looked at. */
const mostEntries = 200_000
const dayMs = 24 * 3600 * 1000

const inputSchema = v.strictObject({
  folder: v.pipe(v.string(), v.minLength(1), v.maxLength(4096)),
  name: v.optional(v.pipe(v.string(), v.maxLength(200))),
  extension: v.optional(v.pipe(v.string(), v.maxLength(20))),
  limit: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(10_000)), shown),
  newer_than_days: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(100_000))),
})
export type SearchFilesInput = v.InferOutput<typeof inputSchema>

/** Finds files below a folder by name, ending and age. */
export function createSearchFilesTool(): Tool<SearchFilesInput> {
  return {
    specVersion: 1,
    name: 'search_files',
    title: { en: 'Find files', zh: '查找文件' },
    description: 'Finds files in a folder and below by part of their name, their extension and age in days.', // prettier-ignore
    capability: 'files.read',
    readsForeignText: true,
    parameters: {
      type: 'object',
      properties: {
        folder: { type: 'string' },
        name: { type: 'string', description: 'part of the file name' },
        extension: { type: 'string', description: 'e.g. pdf' },
        limit: { type: 'integer' },
        newer_than_days: { type: 'number' },
      },
      required: ['folder'],
      additionalProperties: false,
    },
    input: inputSchema,
    async call(input, { files, signal, language, progress }) {
      const found: FileEntry[] = []
      let seen = 0
      for await (const entry of files.walk(input.folder, { limit: mostEntries, signal })) {
        if (++seen % 500 === 0) progress(seen, undefined, entry.name)
        if (entry.kind === 'file' && fits(entry, input, Date.now())) found.push(entry)
      }
      const left = found.length - input.limit
      return {
        data: {
          files: found.slice(0, input.limit).map(entryData),
          ...(left > 0 ? { notShown: left } : {}),
        },
        summary: filesText(found.length, language),
      }
    },
  }
}

function fits({ name, modifiedAt }: FileEntry, input: SearchFilesInput, now: number): boolean {
  const plain = name.normalize('NFC').toLowerCase()
  const ending = input.extension?.replace(/^[*.]+/, '').toLowerCase()
  return (
    (!input.name || plain.includes(input.name.normalize('NFC').toLowerCase())) &&
    (!ending || plain.endsWith(`.${ending}`)) &&
    (input.newer_than_days === undefined || modifiedAt >= now - input.newer_than_days * dayMs)
  )
}
