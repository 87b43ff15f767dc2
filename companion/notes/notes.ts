import { SiloError } from '#shared/errors/silo-error.ts'
import { conflictOf, isPortablePath, numberedPath, safePart } from '#shared/notes/note-path.ts' // prettier-ignore
import type {
  CreateNote,
  Note,
  NoteConflict,
  NoteHead,
  NoteList,
  PutNote,
  ResolveConflict,
  Trashed,
} from '#shared/protocol/notes.ts'
import { maxNoteBytes } from '#shared/protocol/notes.ts'
import type { NoteFiles } from './note-files.ts'
import { NoteIndex, versionOf } from './note-index.ts'
import { moveFolder, moveNote } from './note-moves.ts'
import type { NoteTrash } from './note-trash.ts'

export interface NotesInit {
  readonly files: NoteFiles
  readonly trash: NoteTrash
  /** Id of the collection the notes are searched in; undefined before there is one. */
  readonly collectionId: () => string | undefined
  /** Called with the paths that were written, moved or removed. */
  readonly onChange: (paths: readonly string[]) => void
}

export interface NotesQuery {
  readonly query: string
  readonly tag?: string | undefined
  readonly folder?: string | undefined
  readonly offset: number
  readonly limit: number
}

/** Notes as Markdown files. The files are the truth: what another program or device writes there counts as well. */
export class Notes {
  readonly #init: NotesInit
  readonly #index: NoteIndex
  #turn: Promise<unknown> = Promise.resolve()

  constructor(init: NotesInit) {
    this.#init = init
    this.#index = new NoteIndex(init.files)
  }

  /** Newest first; the query looks in titles, paths and tags. */
  async list({ query, tag, folder, offset, limit }: NotesQuery): Promise<NoteList> {
    await this.#index.refresh()
    const words = plain(query).split(/\s+/).filter(Boolean)
    const all = this.#index.heads()
    const fits = (head: NoteHead): boolean => {
      const text = plain([head.title, head.path, ...head.tags.map((each) => `#${each}`)].join('\n'))
      const under = folder === undefined || folder === '' || head.path.startsWith(`${folder}/`)
      return under && (tag === undefined || hasTag(head, tag)) && words.every((word) => text.includes(word)) // prettier-ignore
    }
    const found = all
      .filter(fits)
      .sort((a, b) => b.modifiedAt - a.modifiedAt || (a.path < b.path ? -1 : 1))
    const collectionId = this.#init.collectionId()
    return {
      notes: found.slice(offset, offset + limit),
      total: found.length,
      folders: [...this.#index.folders],
      tags: countTags(all),
      conflicts: this.#index.conflicts().length,
      trashed: (await this.#init.trash.list()).length,
      ...(collectionId === undefined ? {} : { collectionId }),
    }
  }

  /** @throws SiloError note_unknown, note_unreadable */
  async read(path: string): Promise<Note> {
    const note = await this.#find(path)
    if (!note) throw new SiloError('note_unknown')
    return note
  }

  /** The note as it is now; undefined where it is gone. For the answer to a conflict. */
  async current(path: string): Promise<Note | undefined> {
    return this.#find(path)
  }

  /** A note with a free name made of its title. The very same once more is the note that is there. */
  create({ title, folder, text = `# ${title}\n\n` }: CreateNote): Promise<Note> {
    return this.#alone(async () => {
      const base = `${folder === '' ? '' : `${safeFolder(folder)}/`}${safePart(`${safePart(title)}.md`)}`
      const bytes = bytesOf(text)
      const path = await this.#freePath(base, versionOf(bytes))
      if (!(await this.#init.files.stat(path))) await this.#write(path, bytes)
      return this.read(path)
    })
  }

  /**
   * Writes a note over the version it was based on, `null` for a new one.
   * @throws SiloError note_conflict (`version`: the one that is there, '' for none), note_name_refused, note_unreadable
   */
  put(path: string, { text, version }: PutNote): Promise<Note> {
    return this.#alone(async () => {
      const bytes = bytesOf(text)
      const before = await this.#init.files.read(path)
      const there = before ? versionOf(before) : null
      // The same text once more is no conflict: the answer to the first time may have been lost.
      if (there !== versionOf(bytes)) {
        if (there !== version)
          throw new SiloError('note_conflict', { params: { version: there ?? '' } })
        if (there === null) requirePortable(path)
        await this.#write(path, bytes)
      }
      return this.read(path)
    })
  }

  /**
   * Adds at the end of a note, the newest of its title, or the one at this path. The very same once more adds nothing: whoever
   * was cut off in between asks again.
   * @throws SiloError note_unknown, note_unreadable
   */
  append(note: string, text: string): Promise<Note> {
    return this.#alone(async () => {
      await this.#index.refresh()
      const named = this.#index.heads().filter((head) => head.path === note || plain(head.title) === plain(note)) // prettier-ignore
      const [head] = named.sort((a, b) => b.modifiedAt - a.modifiedAt)
      const bytes = head && (await this.#init.files.read(head.path))
      if (!bytes) throw new SiloError('note_unknown')
      const before = textOf(bytes).trimEnd()
      if (!`\n${before}`.endsWith(`\n${text.trimEnd()}`))
        await this.#write(head.path, bytesOf(`${before}${before && '\n\n'}${text.trimEnd()}\n`))
      return this.read(head.path)
    })
  }

  /** Into the trash. @throws SiloError note_unknown, note_conflict */
  remove(path: string, version?: string): Promise<Trashed> {
    return this.#alone(async () => {
      const bytes = await this.#init.files.read(path)
      if (!bytes) throw new SiloError('note_unknown')
      const there = versionOf(bytes)
      if (version !== undefined && there !== version)
        throw new SiloError('note_conflict', { params: { version: there } })
      return this.#trash(path)
    })
  }

  /** @returns the note, and the notes whose links were rewritten. @throws SiloError note_unknown, note_exists, note_name_refused */
  move(from: string, to: string): Promise<{ note: Note; updated: string[] }> {
    return this.#alone(async () => {
      requirePortable(to)
      await this.#index.refresh()
      const updated = await moveNote(this.#init.files, this.#index, from, to)
      this.#init.onChange([from, to, ...updated])
      return { note: await this.read(to), updated }
    })
  }

  createFolder(path: string): Promise<void> {
    return this.#alone(async () => {
      requirePortable(path)
      await this.#init.files.makeFolder(path)
    })
  }

  /** @throws SiloError note_unknown, note_exists, note_name_refused */
  moveFolder(from: string, to: string): Promise<{ moved: number; updated: string[] }> {
    return this.#alone(async () => {
      requirePortable(to)
      await this.#index.refresh()
      if (!this.#index.folders.includes(from) || `${to}/`.startsWith(`${from}/`))
        throw new SiloError('note_unknown')
      const result = await moveFolder(this.#init.files, this.#index, from, to)
      this.#init.onChange([from, to, ...result.updated])
      return result
    })
  }

  /** Into the trash, with all that is in it. @throws SiloError note_unknown */
  removeFolder(path: string): Promise<Trashed> {
    return this.#alone(async () => {
      await this.#index.refresh()
      if (!this.#index.folders.includes(path)) throw new SiloError('note_unknown')
      const inside = this.#index.heads().filter((head) => head.path.startsWith(`${path}/`))
      const trashed = await this.#init.trash.put(path, 'folder', inside.length)
      this.#init.onChange([path])
      return trashed
    })
  }

  trashed(): Promise<Trashed[]> {
    return this.#init.trash.list()
  }

  /** @returns where it is again: beside what has taken its place. @throws SiloError note_unknown */
  restore(id: string): Promise<string> {
    return this.#alone(async () => {
      const trashed = await this.#init.trash.get(id)
      await this.#index.refresh()
      const taken = new Set(this.#index.folders)
      let path = trashed.path
      for (let number = 2; taken.has(path) || (await this.#init.files.stat(path)); number++)
        path = numberedPath(trashed.path, number)
      await this.#init.trash.restore(id, path)
      this.#init.onChange([path])
      return path
    })
  }

  /** For good: one entry, or all. */
  async emptyTrash(id?: string): Promise<void> {
    for (const trashed of await this.#init.trash.list())
      if (id === undefined || trashed.id === id) await this.#init.trash.remove(trashed.id)
  }

  /** Newest first. */
  async conflicts(): Promise<NoteConflict[]> {
    await this.#index.refresh()
    return this.#index.conflicts().sort((a, b) => b.modifiedAt - a.modifiedAt)
  }

  /** Decides between a note and its conflict copy. @throws SiloError note_unknown, note_conflict */
  resolve({ path, keep }: ResolveConflict): Promise<Note> {
    return this.#alone(async () => {
      const of = conflictOf(path)?.of
      const copy = await this.#init.files.read(path)
      if (of === undefined || !copy) throw new SiloError('note_unknown')
      const note = await this.#init.files.read(of)
      if (keep.kind === 'both') {
        const free = await this.#freePath(numberedPath(of, 2))
        await this.#init.files.rename(path, free)
        this.#init.onChange([path, free])
        return this.read(free)
      }
      if (keep.kind === 'text') {
        const there = note ? versionOf(note) : null
        if (there !== keep.version)
          throw new SiloError('note_conflict', { params: { version: there ?? '' } })
      }
      const wanted = keep.kind === 'text' ? bytesOf(keep.text) : keep.kind === 'copy' ? copy : note
      if (!wanted) throw new SiloError('note_unknown')
      // What is given up goes to the trash before anything is written over it.
      await this.#trash(path)
      if (note && versionOf(wanted) !== versionOf(note) && keep.kind === 'copy')
        await this.#trash(of)
      if (!note || versionOf(wanted) !== versionOf(note)) await this.#write(of, wanted)
      return this.read(of)
    })
  }

  async #find(path: string): Promise<Note | undefined> {
    const bytes = await this.#init.files.read(path)
    if (!bytes) return undefined
    await this.#index.refresh()
    const head = this.#index.head(path)
    if (!head) return undefined
    const text = textOf(bytes)
    return {
      ...head,
      // Read after the index: this is what the text is.
      version: versionOf(bytes),
      text,
      links: this.#index.linksOf(text, path),
      backlinks: this.#index.backlinks(path),
    }
  }

  async #trash(path: string): Promise<Trashed> {
    const trashed = await this.#init.trash.put(path, 'note', 1)
    this.#init.onChange([path])
    return trashed
  }

  async #write(path: string, bytes: Uint8Array): Promise<void> {
    await this.#init.files.write(path, bytes)
    this.#init.onChange([path])
  }

  /** The path, numbered until nothing is there, or the same version. */
  async #freePath(base: string, version?: string): Promise<string> {
    for (let number = 1; ; number++) {
      const path = numberedPath(base, number)
      const bytes = await this.#init.files.read(path).catch(() => new Uint8Array())
      if (!bytes || (version !== undefined && versionOf(bytes) === version)) return path
    }
  }

  /** Changes come one after the other. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work)
    this.#turn = turn.catch(() => {})
    return turn
  }
}

function plain(name: string): string {
  return name.normalize('NFC').toLowerCase()
}

function hasTag(head: NoteHead, tag: string): boolean {
  const wanted = tag.replace(/^#/, '').toLowerCase()
  return head.tags.some((each) => each.toLowerCase() === wanted || each.toLowerCase().startsWith(`${wanted}/`)) // prettier-ignore
}

function countTags(heads: readonly NoteHead[]): { tag: string; notes: number }[] {
  const counts = new Map<string, { tag: string; notes: number }>()
  for (const tag of heads.flatMap((head) => head.tags)) {
    const known = counts.get(tag.toLowerCase())
    if (known) known.notes += 1
    else counts.set(tag.toLowerCase(), { tag, notes: 1 })
  }
  return [...counts.values()].sort((a, b) => b.notes - a.notes || a.tag.localeCompare(b.tag))
}

function safeFolder(folder: string): string {
  return folder.split('/').map(safePart).join('/')
}

/** @throws SiloError note_name_refused */
function requirePortable(path: string): void {
  if (isPortablePath(path)) return
  const safe = path.split('/').map(safePart).join('/')
  throw new SiloError('note_name_refused', { params: { path, safe }, field: 'path' })
}

/** @throws SiloError note_unreadable */
function bytesOf(text: string): Uint8Array {
  const bytes = new TextEncoder().encode(text)
  if (bytes.length > maxNoteBytes || text.includes('\0'))
    throw new SiloError('note_unreadable', { params: { limit: maxNoteBytes } })
  return bytes
}

/** @throws SiloError note_unreadable */
function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw new SiloError('note_unreadable', { params: { limit: maxNoteBytes }, cause })
  }
}
