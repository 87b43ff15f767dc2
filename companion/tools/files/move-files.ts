import { basename, extname, join } from 'node:path'
import * as v from 'valibot'
import type { Tool } from '#shared/contracts/tool.ts'
import type { FileChange } from '#shared/domain/file-change.ts'
import { newId } from '#shared/domain/ids.ts'
import { filesText, stampOf } from './entry-data.ts'

const path = v.pipe(v.string(), v.minLength(1), v.maxLength(4096))
const inputSchema = v.strictObject({
  moves: v.pipe(v.array(v.strictObject({ from: path, to: path })), v.minLength(1), v.maxLength(5000)), // prettier-ignore
})
export type MoveFilesInput = v.InferOutput<typeof inputSchema>

/** Proposes to move or rename files. A target that is a folder, or ends like one, keeps the file's name. */
export function createMoveFilesTool(): Tool<MoveFilesInput> {
  return {
    specVersion: 1,
    name: 'move_files',
    title: { en: 'Move or rename files', zh: '移动或重命名文件' },
    description: 'Moves or renames files: a list of {from, to} paths. The person approves it first.', // prettier-ignore
    capability: 'files.write',
    readsForeignText: false,
    parameters: {
      type: 'object',
      properties: {
        moves: {
          type: 'array',
          items: {
            type: 'object',
            properties: { from: { type: 'string' }, to: { type: 'string' } },
            required: ['from', 'to'],
            additionalProperties: false,
          },
        },
      },
      required: ['moves'],
      additionalProperties: false,
    },
    input: inputSchema,
    async call({ moves }, { files, signal, language }) {
      const changes: FileChange[] = []
      for (const { from, to } of moves) {
        const entry = await files.stat(from, signal)
        const target = await files.place(to, signal)
        const isFolder = /[/\\]$/.test(to) || target.folder || (extname(to) === '' && extname(entry.name) !== '') // prettier-ignore
        const wanted = isFolder ? join(target.path, basename(entry.path)) : target.path
        if (wanted === entry.path) continue
        changes.push({ id: newId(), type: 'move', from: entry.path, to: wanted, stamp: stampOf(entry) }) // prettier-ignore
      }
      const title = language === 'zh' ? `移动 ${filesText(changes.length, language)}` : `Move ${filesText(changes.length, language)}` // prettier-ignore
      return {
        data: { proposed: changes.length },
        summary: filesText(changes.length, language),
        plan: { title, changes },
      }
    },
  }
}
