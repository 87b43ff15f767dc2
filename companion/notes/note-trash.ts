import { mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import * as v from 'valibot'
import { newId } from '#shared/domain/ids.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { trashedSchema, type Trashed } from '#shared/protocol/notes.ts'

const keptMs = 30 * 24 * 3600 * 1000
const contents = 'contents'

/**
 * What was deleted, for thirty days. Lies beside the notes and not among them, so that it is not synchronised. Each
 * entry is a folder with what was deleted and where it was.
 */
export class NoteTrash {
  readonly #directory: string
  readonly #notes: string

  /** @param notes the folder of the notes, on the same disk */
  constructor(directory: string, notes: string) {
    this.#directory = directory
    this.#notes = notes
  }

  /** Takes a note or a folder out of the notes. */
  async put(path: string, kind: Trashed['kind'], notes: number): Promise<Trashed> {
    const trashed: Trashed = { id: newId(), path, kind, notes, deletedAt: Date.now() }
    const folder = join(this.#directory, trashed.id)
    await mkdir(folder, { recursive: true, mode: 0o700 })
    // Said first: what lies here without a word of where it was could not be put back.
    await writeFile(join(folder, 'trashed.json'), JSON.stringify(trashed), { mode: 0o600 })
    await rename(join(this.#notes, path), join(folder, contents)).catch(async (cause: unknown) => {
      await rm(folder, { recursive: true, force: true })
      throw new SiloError('note_unknown', { cause })
    })
    return trashed
  }

  /** Newest first. What is older than thirty days goes. */
  async list(): Promise<Trashed[]> {
    const ids = await readdir(this.#directory).catch(() => [])
    const found: Trashed[] = []
    for (const id of ids) {
      const trashed = await this.#read(id)
      if (!trashed) continue
      if (Date.now() - trashed.deletedAt > keptMs) await this.remove(id)
      else found.push(trashed)
    }
    return found.sort((a, b) => b.deletedAt - a.deletedAt || (a.id < b.id ? 1 : -1))
  }

  /** @throws SiloError note_unknown */
  async get(id: string): Promise<Trashed> {
    const trashed = await this.#read(id)
    if (!trashed) throw new SiloError('note_unknown')
    return trashed
  }

  /** Puts it back at a path that is free. @throws SiloError note_unknown */
  async restore(id: string, path: string): Promise<void> {
    const target = join(this.#notes, path)
    await mkdir(dirname(target), { recursive: true, mode: 0o700 })
    await rename(join(this.#directory, id, contents), target).catch((cause: unknown) => {
      throw new SiloError('note_unknown', { cause })
    })
    await this.remove(id)
  }

  /** For good. */
  async remove(id: string): Promise<void> {
    if (/^[A-Za-z0-9_-]{8,64}$/.test(id))
      await rm(join(this.#directory, id), { recursive: true, force: true })
  }

  async #read(id: string): Promise<Trashed | undefined> {
    if (!/^[A-Za-z0-9_-]{8,64}$/.test(id)) return undefined
    try {
      const text = await readFile(join(this.#directory, id, 'trashed.json'), 'utf8')
      const trashed = v.parse(trashedSchema, JSON.parse(text))
      return trashed.id === id ? trashed : undefined
    } catch {
      return undefined
    }
  }
}
