import * as v from 'valibot'
import type { Tool } from '#shared/contracts/tool.ts'

const inputSchema = v.strictObject({
  note: v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(400)),
  text: v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(200_000)),
})
export type AddToNoteInput = v.InferOutput<typeof inputSchema>

export interface AddToNoteDeps {
  /** Adds at the end of the note of this title or path. @throws SiloError note_unknown */
  append(note: string, text: string): Promise<{ path: string }>
}

/** Adds to a note, with leave. What stands there stays. */
export function createAddToNoteTool(deps: AddToNoteDeps): Tool<AddToNoteInput> {
  return {
    specVersion: 1,
    name: 'add_to_note',
    title: { en: 'Add to a note', zh: '续写笔记' },
    description: 'Adds Markdown at the end of a note of the person, named by its title.',
    capability: 'notes.write',
    readsForeignText: false,
    parameters: {
      type: 'object',
      properties: {
        note: { type: 'string', description: 'its title' },
        text: { type: 'string', description: 'Markdown' },
      },
      required: ['note', 'text'],
      additionalProperties: false,
    },
    input: inputSchema,
    async call({ note, text }, { leave, signal }) {
      signal.throwIfAborted()
      await leave({ kind: 'grant', capability: 'notes.write', resource: '', why: note })
      signal.throwIfAborted()
      const { path } = await deps.append(note, text)
      return { data: { path }, summary: path }
    },
  }
}
