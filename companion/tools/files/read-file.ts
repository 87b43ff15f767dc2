import * as v from 'valibot'
import type { Tool } from '#shared/contracts/tool.ts'
import { SiloError } from '#shared/errors/silo-error.ts'

const mostBytes = 200_000

const inputSchema = v.strictObject({
  path: v.pipe(v.string(), v.minLength(1), v.maxLength(4096)),
  offset: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0)), 0),
})
export type ReadFileInput = v.InferOutput<typeof inputSchema>

/** Reads a text file, a piece at a time. Documents of other kinds are the vault's and the skills' to read. */
export function createReadFileTool(): Tool<ReadFileInput> {
  return {
    specVersion: 1,
    name: 'read_file',
    title: { en: 'Read a text file', zh: '读取文本文件' },
    description: 'Reads a text file (not PDF or pictures).',
    capability: 'files.read',
    readsForeignText: true,
    parameters: {
      type: 'object',
      properties: { path: { type: 'string' }, offset: { type: 'integer' } },
      required: ['path'],
      additionalProperties: false,
    },
    input: inputSchema,
    async call({ path, offset }, { files, signal }) {
      const { size } = await files.stat(path, signal)
      const bytes = await files.read(path, { offset, limit: mostBytes }, signal)
      if (bytes.subarray(0, 8000).includes(0))
        throw new SiloError('tool_failed', { params: { name: 'read_file', detail: 'not a text file' } }) // prettier-ignore
      const next = offset + bytes.length
      return {
        data: { text: new TextDecoder().decode(bytes), size, ...(next < size ? { next } : {}) },
        summary: `${bytes.length} B`,
      }
    },
  }
}
