import * as v from 'valibot'
import type { Tool } from '#shared/contracts/tool.ts'
import { entryData, filesText } from './entry-data.ts'

/** Entries a model is told of. */
const shown = 200

const inputSchema = v.strictObject({
  folder: v.pipe(v.string(), v.minLength(1), v.maxLength(4096)),
})
export type ListFilesInput = v.InferOutput<typeof inputSchema>

/** Lists one folder. */
export function createListFilesTool(): Tool<ListFilesInput> {
  return {
    specVersion: 1,
    name: 'list_files',
    title: { en: 'List a folder', zh: '列出文件夹' },
    description: 'Lists the files and folders in one folder, e.g. ~/Downloads.',
    capability: 'files.read',
    // Names are written by others, too.
    readsForeignText: true,
    parameters: {
      type: 'object',
      properties: { folder: { type: 'string' } },
      required: ['folder'],
      additionalProperties: false,
    },
    input: inputSchema,
    async call({ folder }, { files, signal, language }) {
      const found = await files.list(folder, signal)
      const left = found.length - shown
      return {
        data: {
          entries: found.slice(0, shown).map(entryData),
          ...(left > 0 ? { notShown: left } : {}),
        },
        summary: filesText(found.length, language),
      }
    },
  }
}
