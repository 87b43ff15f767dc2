import * as v from 'valibot'
import type { Tool } from '#shared/contracts/tool.ts'
import type { FileChange } from '#shared/domain/file-change.ts'
import { newId } from '#shared/domain/ids.ts'

const inputSchema = v.strictObject({
  path: v.pipe(v.string(), v.minLength(1), v.maxLength(4096)),
  text: v.pipe(v.string(), v.maxLength(2_000_000)),
})
export type WriteFileInput = v.InferOutput<typeof inputSchema>

/** Proposes a new text file. One that is there is not written over: the new one gets a number. */
export function createWriteFileTool(): Tool<WriteFileInput> {
  return {
    specVersion: 1,
    name: 'write_file',
    title: { en: 'Write a text file', zh: '写入文本文件' },
    description: 'Writes a new text file. The person approves it first.',
    capability: 'files.write',
    readsForeignText: false,
    parameters: {
      type: 'object',
      properties: { path: { type: 'string' }, text: { type: 'string' } },
      required: ['path', 'text'],
      additionalProperties: false,
    },
    input: inputSchema,
    async call({ path, text }, { files, keep, signal, language }) {
      const target = await files.place(path, signal)
      const { sha256, size } = await keep(new TextEncoder().encode(text))
      const change: FileChange = { id: newId(), type: 'create', path: target.path, content: sha256, size } // prettier-ignore
      return {
        data: { proposed: target.path },
        summary: `${size} B`,
        plan: { title: language === 'zh' ? '新建文件' : 'Write a file', changes: [change] },
      }
    },
  }
}
