import * as v from 'valibot'
import type { Tool } from '#shared/contracts/tool.ts'

const kinds = {
  html: 'text/html',
  markdown: 'text/markdown',
  svg: 'image/svg+xml',
  csv: 'text/csv',
} as const
const names = Object.keys(kinds) as (keyof typeof kinds)[]

const inputSchema = v.strictObject({
  kind: v.picklist(names),
  title: v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(200)),
  content: v.pipe(v.string(), v.minLength(1), v.maxLength(1_000_000)),
})
export type SaveArtifactInput = v.InferOutput<typeof inputSchema>

/** Shows something beside the conversation. The same title once more is its next version. No file is touched. */
export function createSaveArtifactTool(): Tool<SaveArtifactInput> {
  return {
    specVersion: 1,
    name: 'save_artifact',
    title: { en: 'Show a result', zh: '展示成果' },
    description: 'Shows a page (html), text (markdown), drawing (svg) or table (csv) beside the conversation.', // prettier-ignore
    capability: 'artifacts.write',
    readsForeignText: false,
    parameters: {
      type: 'object',
      properties: {
        kind: { type: 'string', enum: names },
        title: { type: 'string' },
        content: { type: 'string' },
      },
      required: ['kind', 'title', 'content'],
      additionalProperties: false,
    },
    input: inputSchema,
    async call({ kind, title, content }, { signal }) {
      signal.throwIfAborted()
      const bytes = new TextEncoder().encode(content)
      return {
        data: { shown: title },
        summary: title,
        artifacts: [{ key: `${kind}/${title}`, kind, title, content: bytes, mediaType: kinds[kind] }], // prettier-ignore
      }
    },
  }
}
