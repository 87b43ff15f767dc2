import * as v from 'valibot'
import type { Tool } from '#shared/contracts/tool.ts'

const inputSchema = v.strictObject({ path: v.pipe(v.string(), v.minLength(1), v.maxLength(4096)) })
export type FindPlaceInput = v.InferOutput<typeof inputSchema>

/** Where a folder or file that was named would be, whether it is there or not. */
export function createFindPlaceTool(): Tool<FindPlaceInput> {
  return {
    specVersion: 1,
    name: 'find_place',
    title: { en: 'Find a place', zh: '确定位置' },
    description: 'Tells the full path of a folder that may not exist yet.',
    readsForeignText: false,
    parameters: {
      type: 'object',
      properties: { path: { type: 'string' } },
      required: ['path'],
      additionalProperties: false,
    },
    input: inputSchema,
    async call({ path }, { files, signal }) {
      const place = await files.place(path, signal)
      return { data: place, summary: place.path }
    },
  }
}
