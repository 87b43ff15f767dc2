import { mkdir, mkdtemp, open, rm, type FileHandle } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Limits } from './limits.ts'

/** Names that mean one thing on every system: relative, no `..`, nothing a Windows or a terminal would read otherwise. */
export function isSafeName(name: string): boolean {
  if (name.length === 0 || name.length > 1000) return false
  // oxlint-disable-next-line no-control-regex
  if (/[\\:*?"<>|\u0000-\u001f\u007f]/.test(name)) return false
  return name.split('/').every((part) => {
    const plain = part !== '' && part !== '.' && part !== '..' && part.length <= 255
    return plain && !/[. ]$/.test(part) && !/^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i.test(part)
  })
}

/** Thrown when a jail leaves more than it may. */
export class TooManyFiles extends Error {}

/** The folder into which a jail's files are written as they come through the pipe. */
export class LeftFiles {
  readonly folder: string
  readonly #limits: Limits
  readonly #sizes = new Map<string, number>()
  #bytes = 0
  #open: { name: string; handle: FileHandle } | undefined

  private constructor(folder: string, limits: Limits) {
    this.folder = folder
    this.#limits = limits
  }

  static async create(scratch: string, limits: Limits): Promise<LeftFiles> {
    await mkdir(scratch, { recursive: true, mode: 0o700 })
    return new LeftFiles(await mkdtemp(join(scratch, 'left-')), limits)
  }

  get files(): { name: string; size: number }[] {
    return [...this.#sizes].map(([name, size]) => ({ name, size }))
  }

  /** @throws TooManyFiles; Error for names that no honest program sends */
  async write(name: string, first: boolean, bytes: Uint8Array): Promise<void> {
    if (first) {
      if (!isSafeName(name)) return
      if (this.#sizes.has(name)) throw new Error('file sent twice')
      if (this.#sizes.size >= this.#limits.files) throw new TooManyFiles()
      await this.#close()
      const path = join(this.folder, name)
      await mkdir(dirname(path), { recursive: true })
      this.#open = { name, handle: await open(path, 'wx', 0o600) }
      this.#sizes.set(name, 0)
    }
    if (this.#open?.name !== name) return
    this.#bytes += bytes.length
    if (this.#bytes > this.#limits.fileBytes) throw new TooManyFiles()
    await this.#open.handle.writeFile(bytes)
    this.#sizes.set(name, (this.#sizes.get(name) ?? 0) + bytes.length)
  }

  /** No more comes. `keep`: false empties the folder. */
  async finish(keep: boolean): Promise<void> {
    await this.#close()
    if (keep) return
    this.#sizes.clear()
    await rm(this.folder, { recursive: true, force: true })
    await mkdir(this.folder, { mode: 0o700 })
  }

  async #close(): Promise<void> {
    await this.#open?.handle.close()
    this.#open = undefined
  }

  /** For a job that ends without an `end`. */
  async discard(): Promise<void> {
    await this.#close()
    await rm(this.folder, { recursive: true, force: true })
  }
}
