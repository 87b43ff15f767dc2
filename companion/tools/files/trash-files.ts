import * as v from 'valibot'
import type { Tool } from '#shared/contracts/tool.ts'
import type { FileChange } from '#shared/domain/file-change.ts'
import { newId } from '#shared/domain/ids.ts'
import { filesText, stampOf } from './entry-data.ts'

const inputSchema = v.strictObject({
  paths: v.pipe(v.array(v.pipe(v.string(), v.minLength(1), v.maxLength(4096))), v.minLength(1), v.maxLength(5000)), // prettier-ignore
})
export type TrashFilesInput = v.InferOutput<typeof inputSchema>

/** Proposes to put files into Silo's trash. Nothing is ever deleted. */
export function createTrashFilesTool(): Tool<TrashFilesInput> {
  return {
    specVersion: 1,
    name: 'trash_files',
    title: { en: 'Put files into the trash', zh: '将文件移入回收站' },
    description: 'Puts files into the trash, from which they can be restored. The person approves it first.', // prettier-ignore
    capability: 'files.write',
    readsForeignText: false,
    parameters: {
      type: 'object',
      properties: { paths: { type: 'array', items: { type: 'string' } } },
      required: ['paths'],
      additionalProperties: false,
    },
    input: inputSchema,
    async call({ paths }, { files, signal, language }) {
      const changes: FileChange[] = []
      for (const path of paths) {
        const entry = await files.stat(path, signal)
        changes.push({ id: newId(), type: 'trash', path: entry.path, stamp: stampOf(entry) })
      }
      const count = filesText(changes.length, language)
      return {
        data: { proposed: changes.length },
        summary: count,
        plan: { title: language === 'zh' ? `${count}移入回收站` : `Trash ${count}`, changes },
      }
    },
  }
}
