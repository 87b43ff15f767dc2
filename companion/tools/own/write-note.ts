import * as v from 'valibot'
import type { Tool } from '#shared/contracts/tool.ts'

const inputSchema = v.strictObject({
  title: v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(200)),
  text: v.pipe(v.string(), v.minLength(1), v.maxLength(200_000)),
})
export type WriteNoteInput = v.InferOutput<typeof inputSchema>

export interface WriteNoteDeps {
  /** A new note; one that is there is never written over. */
  create(note: { title: string; folder: string; text: string }): Promise<{ path: string }>
}

/** Writes a new note, with leave. It lies among the notes, where it is edited and thrown away like any other. */
export function createWriteNoteTool(deps: WriteNoteDeps): Tool<WriteNoteInput> {
  return {
    specVersion: 1,
    name: 'write_note',
    title: { en: 'Write a note', zh: '写笔记' },
    description: 'Writes a new Markdown note among the notes of the person.',
    capability: 'notes.write',
    readsForeignText: false,
    parameters: {
      type: 'object',
      properties: { title: { type: 'string' }, text: { type: 'string', description: 'Markdown' } },
      required: ['title', 'text'],
      additionalProperties: false,
    },
    input: inputSchema,
    async call({ title, text }, { leave, signal }) {
      signal.throwIfAborted()
      await leave({ kind: 'grant', capability: 'notes.write', resource: '', why: title })
      signal.throwIfAborted()
      const body = text.startsWith('# ') ? text : `# ${title}\n\n${text}`
      const { path } = await deps.create({ title, folder: '', text: body })
      return { data: { path }, summary: path }
    },
  }
}
