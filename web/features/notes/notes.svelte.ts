import {
  movedNoteSchema,
  noteConflictListSchema,
  noteListSchema,
  noteResponseSchema,
  restoredSchema,
  trashedResponseSchema,
  trashListSchema,
  type Clip,
  type Note,
  type NoteConflict,
  type NoteList,
  type ResolveConflict,
  type Trashed,
} from '#shared/protocol/notes.ts'
import { request, send } from '#web/client/api.ts'
import { Resource } from '#web/client/resource.svelte.ts'
import { onChange } from '#web/client/stream.ts'

const typingMs = 200

/** Address of one note's API. */
export const noteAddress = (path: string): string =>
  `/api/notes/note?path=${encodeURIComponent(path)}`

/** The notes that fit what is looked for, and what is done with whole notes. */
export class NotesStore {
  query = $state('')
  tag = $state<string>()
  folder = $state('')
  readonly list = new Resource<NoteList>((signal) => this.#read(signal))
  readonly trash = new Resource<readonly Trashed[]>(
    async (signal) => (await request('/api/notes/trash', trashListSchema, { signal })).trashed,
  )
  readonly conflicts = new Resource<readonly NoteConflict[]>(
    async (signal) =>
      (await request('/api/notes/conflicts', noteConflictListSchema, { signal })).conflicts,
  )
  #typing: ReturnType<typeof setTimeout> | undefined

  /** Reads now and whenever notes change, here or elsewhere. Returns the end of it. */
  start(): () => void {
    void this.list.load()
    const stop = onChange('vault', () => void this.list.load())
    return () => {
      stop()
      clearTimeout(this.#typing)
      for (const resource of [this.list, this.trash, this.conflicts]) resource.dispose()
    }
  }

  /** Looks for something else; what is typed is waited for. */
  look(change: { query?: string; tag?: string | undefined; folder?: string }): void {
    if ('query' in change) this.query = change.query ?? ''
    if ('tag' in change) this.tag = change.tag
    if ('folder' in change) this.folder = change.folder ?? ''
    clearTimeout(this.#typing)
    this.#typing = setTimeout(() => void this.list.load(), 'query' in change ? typingMs : 0)
  }

  async create(title: string, text?: string): Promise<Note> {
    const body = { title, folder: this.folder, ...(text === undefined ? {} : { text }) }
    const { note } = await request('/api/notes', noteResponseSchema, { method: 'POST', body })
    await this.list.load()
    return note
  }

  /** Puts a note into the trash. */
  async remove(path: string): Promise<Trashed> {
    const { trashed } = await request(noteAddress(path), trashedResponseSchema, {
      method: 'DELETE',
    })
    await this.list.load()
    return trashed
  }

  /** Gets a note back; where its place is taken it gets another. Returns its path. */
  async restore(id: string): Promise<string> {
    const { path } = await request(`/api/notes/trash/${id}/restore`, restoredSchema, { method: 'POST' }) // prettier-ignore
    await Promise.all([this.list.load(), this.trash.load()])
    return path
  }

  /** Without an id: everything in the trash. For good. */
  async erase(id?: string): Promise<void> {
    await send(`/api/notes/trash${id ? `/${id}` : ''}`, { method: 'DELETE' })
    await Promise.all([this.list.load(), this.trash.load()])
  }

  /** Gives a note another path; returns it and how many notes had their links mended. */
  async move(from: string, to: string): Promise<{ note: Note; updated: number }> {
    const body = { from, to }
    const { note, updated } = await request('/api/notes/move', movedNoteSchema, { method: 'POST', body }) // prettier-ignore
    await this.list.load()
    return { note, updated: updated.length }
  }

  async clip(clip: Clip): Promise<Note> {
    const { note } = await request('/api/clips', noteResponseSchema, { method: 'POST', body: clip })
    await this.list.load()
    return note
  }

  async resolve(resolution: ResolveConflict): Promise<Note> {
    const { note } = await request('/api/notes/conflicts/resolve', noteResponseSchema, {
      method: 'POST',
      body: resolution,
    })
    await Promise.all([this.list.load(), this.conflicts.load()])
    return note
  }

  async #read(signal: AbortSignal): Promise<NoteList> {
    const query = new URLSearchParams()
    if (this.query.trim()) query.set('query', this.query.trim())
    if (this.tag) query.set('tag', this.tag)
    if (this.folder) query.set('folder', this.folder)
    const address = query.size > 0 ? `/api/notes?${query}` : '/api/notes'
    return request(address, noteListSchema, { signal })
  }
}
