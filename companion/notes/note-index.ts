import { createHash } from 'node:crypto'
import { NoteNames } from '#shared/notes/note-links.ts'
import { conflictOf, noteName } from '#shared/notes/note-path.ts'
import { frontMatter, linksOf, tagsOf, titleOf } from '#shared/notes/note-text.ts'
import type { Backlink, NoteConflict, NoteHead, NoteLink } from '#shared/protocol/notes.ts'
import type { NoteFile, NoteFiles } from './note-files.ts'

interface Entry extends NoteFile {
  readonly version: string
  readonly title: string
  readonly tags: readonly string[]
  readonly source: string | undefined
  readonly links: readonly { target: string; kind: 'wiki' | 'path'; line: string }[]
}

const lineLength = 200

/** What is known of all notes without opening them. Follows the files: whoever changes them need not say so. */
export class NoteIndex {
  readonly #files: NoteFiles
  readonly #entries = new Map<string, Entry>()
  #folders: readonly string[] = []
  #names = new NoteNames([])
  /** Made when it is asked for, until something changes. */
  #backlinks: Map<string, Backlink[]> | undefined
  #refreshing: Promise<void> | undefined
  #again = false

  constructor(files: NoteFiles) {
    this.#files = files
  }

  /** Looks at all files and reads those that changed. What changed before the call is seen. */
  async refresh(): Promise<void> {
    if (this.#refreshing) {
      this.#again = true
      return this.#refreshing
    }
    this.#refreshing = this.#look().finally(() => (this.#refreshing = undefined))
    return this.#refreshing
  }

  get folders(): readonly string[] {
    return this.#folders
  }

  heads(): NoteHead[] {
    const copies = new Map<string, number>()
    for (const path of this.#entries.keys()) {
      const of = conflictOf(path)?.of
      if (of !== undefined) copies.set(of, (copies.get(of) ?? 0) + 1)
    }
    return [...this.#entries.values()]
      .filter(({ path }) => !conflictOf(path))
      .map((entry) => headOf(entry, copies.get(entry.path) ?? 0))
  }

  head(path: string): NoteHead | undefined {
    const entry = this.#entries.get(path)
    if (!entry) return undefined
    const copies = [...this.#entries.keys()].filter((other) => conflictOf(other)?.of === path)
    return headOf(entry, copies.length)
  }

  conflicts(): NoteConflict[] {
    return [...this.#entries.values()].flatMap(({ path, title, modifiedAt, version }) => {
      const conflict = conflictOf(path)
      if (!conflict) return []
      const of = this.#entries.has(conflict.of) ? conflict.of : null
      return [{ path, of, title, modifiedAt, device: conflict.device, version }]
    })
  }

  resolve(link: { target: string; kind: 'wiki' | 'path' }, from: string): string | undefined {
    return this.#names.resolve(link, from)
  }

  /** The links of a text, each target once. */
  linksOf(text: string, from: string): NoteLink[] {
    const found = new Map<string, NoteLink>()
    for (const link of linksOf(text))
      if (!found.has(link.target))
        found.set(link.target, { target: link.target, path: this.resolve(link, from) ?? null })
    return [...found.values()]
  }

  /** Notes that link to this one. */
  backlinks(path: string): Backlink[] {
    this.#backlinks ??= this.#allBacklinks()
    return this.#backlinks.get(path) ?? []
  }

  #allBacklinks(): Map<string, Backlink[]> {
    const all = new Map<string, Backlink[]>()
    for (const { path, title, links } of this.#entries.values()) {
      if (conflictOf(path)) continue
      const targets = new Set<string>()
      for (const link of links) {
        const target = this.resolve(link, path)
        if (target === undefined || target === path || targets.has(target)) continue
        targets.add(target)
        const known = all.get(target) ?? []
        known.push({ path, title, line: link.line })
        all.set(target, known)
      }
    }
    for (const links of all.values()) links.sort((a, b) => a.title.localeCompare(b.title))
    return all
  }

  async #look(): Promise<void> {
    do {
      this.#again = false
      const { files, folders } = await this.#files.list()
      const there = new Set(files.map(({ path }) => path))
      let changed = false
      for (const path of this.#entries.keys())
        if (!there.has(path)) changed = this.#entries.delete(path)
      for (const file of files) {
        const known = this.#entries.get(file.path)
        if (known?.stamp === file.stamp) continue
        changed = true
        const bytes = await this.#files.read(file.path).catch(() => undefined)
        if (bytes) this.#entries.set(file.path, entryOf(file, bytes))
        else this.#entries.delete(file.path)
      }
      this.#folders = folders
      if (!changed) continue
      this.#backlinks = undefined
      this.#names = new NoteNames([...this.#entries.keys()].filter((path) => !conflictOf(path)))
    } while (this.#again)
  }
}

/** Lower-case hex SHA-256 of the text: what an edit is based on. */
export function versionOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function entryOf(file: NoteFile, bytes: Uint8Array): Entry {
  const text = new TextDecoder().decode(bytes)
  const { source } = frontMatter(text).values
  return {
    ...file,
    version: versionOf(bytes),
    title: titleOf(text) ?? noteName(file.path),
    tags: tagsOf(text),
    source: typeof source === 'string' && /^https?:\/\//.test(source) ? source : undefined,
    links: linksOf(text).map(({ target, kind, start }) => ({ target, kind, line: lineAt(text, start) })), // prettier-ignore
  }
}

function headOf(entry: Entry, conflicts: number): NoteHead {
  const { path, title, size, modifiedAt, tags, version, source } = entry
  const head = { path, title, size, modifiedAt, tags: [...tags], version, conflicts }
  return source === undefined ? head : { ...head, source }
}

function lineAt(text: string, at: number): string {
  const start = text.lastIndexOf('\n', at) + 1
  const end = text.indexOf('\n', at)
  const line = text.slice(start, end < 0 ? undefined : end).trim()
  if (line.length <= lineLength) return line
  const from = Math.max(0, at - start - lineLength / 2)
  return `${from > 0 ? '…' : ''}${line.slice(from, from + lineLength)}…`
}
