import { randomBytes } from 'node:crypto'
import { lstat, mkdir, open, readFile, readdir, rename, rm, rmdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { SiloError } from '#shared/errors/silo-error.ts'
import { isNotePath } from '#shared/notes/note-path.ts'
import { maxNoteBytes } from '#shared/protocol/notes.ts'

/** Encryption at rest; passes through where it is off. */
export interface NoteSeal {
  seal(bytes: Uint8Array): Uint8Array
  open(bytes: Uint8Array): Uint8Array
}

export interface NoteFile {
  readonly path: string
  /** Bytes on disk. */
  readonly size: number
  /** Ms since 1970. */
  readonly modifiedAt: number
  /** Another one after every write. */
  readonly stamp: string
}

/**
 * The one way to the files of the notes. Paths are relative, `/` between; none leads out of the folder, not by links
 * either. Written files are whole at any moment.
 */
export interface NoteFiles {
  list(): Promise<{ files: NoteFile[]; folders: string[] }>
  stat(path: string): Promise<NoteFile | undefined>
  /** Undefined where there is none. @throws SiloError note_unreadable, seal_damaged, home_locked */
  read(path: string): Promise<Uint8Array | undefined>
  write(path: string, bytes: Uint8Array): Promise<void>
  /** Also over the border of the folder, into and out of the trash. Folders too. @throws SiloError note_exists */
  rename(from: string, to: string): Promise<void>
  makeFolder(path: string): Promise<void>
  /** The folder and those above it, as far as they are empty. */
  removeEmptyFolders(path: string): Promise<void>
  remove(path: string): Promise<void>
}

const plain: NoteSeal = { seal: (bytes) => bytes, open: (bytes) => bytes }
/** Notes with folders, beyond which a listing ends: a folder full of something else. */
const maxEntries = 200_000
const statsAtOnce = 64

export class DiskNoteFiles implements NoteFiles {
  readonly root: string
  readonly #seal: NoteSeal

  constructor(root: string, seal: NoteSeal = plain) {
    this.root = root
    this.#seal = seal
  }

  async list(): Promise<{ files: NoteFile[]; folders: string[] }> {
    const files: NoteFile[] = []
    const folders: string[] = []
    const waiting = ['']
    for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
      const entries = await readdir(join(this.root, folder), { withFileTypes: true }).catch(
        () => [],
      )
      const found: string[] = []
      for (const entry of entries) {
        if (entry.name.startsWith('.')) continue
        const path = folder === '' ? entry.name : `${folder}/${entry.name}`
        if (entry.isDirectory()) {
          folders.push(path)
          waiting.push(path)
        } else if (entry.isFile() && isNotePath(path)) found.push(path)
      }
      for (let at = 0; at < found.length; at += statsAtOnce) {
        const some = found.slice(at, at + statsAtOnce)
        for (const file of await Promise.all(some.map((path) => this.stat(path))))
          if (file) files.push(file)
      }
      if (files.length + folders.length > maxEntries) break
    }
    return { files, folders: folders.sort() }
  }

  async stat(path: string): Promise<NoteFile | undefined> {
    const stats = await lstat(this.#at(path), { bigint: true }).catch(() => undefined)
    if (!stats?.isFile()) return undefined
    return {
      path,
      size: Number(stats.size),
      modifiedAt: Math.round(Number(stats.mtimeNs) / 1e6),
      stamp: `${stats.ino} ${stats.mtimeNs} ${stats.size}`,
    }
  }

  async read(path: string): Promise<Uint8Array | undefined> {
    await this.#refuseLinks(path)
    const file = await this.stat(path)
    if (!file) return undefined
    // What sealing adds is little.
    if (file.size > maxNoteBytes + 4096)
      throw new SiloError('note_unreadable', { params: { limit: maxNoteBytes } })
    const bytes = await readFile(this.#at(path)).catch(() => undefined)
    return bytes && this.#seal.open(bytes)
  }

  async write(path: string, bytes: Uint8Array): Promise<void> {
    await this.#refuseLinks(path)
    const place = this.#at(path)
    await mkdir(dirname(place), { recursive: true, mode: 0o700 })
    const temporary = join(dirname(place), `.silo-${randomBytes(6).toString('hex')}.tmp`)
    try {
      const mode = (await stat(place).catch(() => undefined))?.mode ?? 0o600
      const file = await open(temporary, 'wx', mode & 0o777)
      try {
        await file.writeFile(this.#seal.seal(bytes))
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(temporary, place)
    } catch (error) {
      await rm(temporary, { force: true })
      throw error
    }
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#refuseLinks(from)
    await this.#refuseLinks(to)
    const target = this.#at(to)
    const there = await lstat(target).catch(() => undefined)
    const self = await lstat(this.#at(from)).catch(() => undefined)
    // On a disk that does not know case, a new spelling of the same name is the file itself.
    if (there && there.ino !== self?.ino)
      throw new SiloError('note_exists', { params: { path: to } })
    await mkdir(dirname(target), { recursive: true, mode: 0o700 })
    await rename(this.#at(from), target)
  }

  async makeFolder(path: string): Promise<void> {
    await this.#refuseLinks(`${path}/x`)
    await mkdir(this.#at(path), { recursive: true, mode: 0o700 })
  }

  async removeEmptyFolders(path: string): Promise<void> {
    for (let folder = path; folder !== '' && folder !== '.'; folder = dirname(folder)) {
      try {
        await rmdir(this.#at(folder))
      } catch {
        return
      }
    }
  }

  async remove(path: string): Promise<void> {
    await this.#refuseLinks(path)
    await rm(this.#at(path), { recursive: true, force: true })
  }

  #at(path: string): string {
    if (path.includes('\0') || path.split('/').some((part) => part === '..' || part === ''))
      throw new SiloError('note_unknown')
    return join(this.root, path)
  }

  /** Links may arrive by sync: nothing is read or written behind one. */
  async #refuseLinks(path: string): Promise<void> {
    let place = this.root
    for (const part of path.split('/')) {
      place = join(place, part)
      const stats = await lstat(place).catch(() => undefined)
      if (stats?.isSymbolicLink()) throw new SiloError('note_unknown')
      if (!stats) return
    }
  }
}
