import { createHash } from 'node:crypto'
import { createReadStream, globSync, rmSync, statSync, type ReadStream } from 'node:fs'
import { mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { newId } from '#shared/domain/ids.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { changeError } from './change-error.ts'

const dayMs = 24 * 3600 * 1000

/** Contents of planned files, by hash, until they are written or given up. */
export class Blobs {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  /** @throws SiloError disk_full, storage_failed, what the content throws */
  async keep(
    content: Uint8Array | AsyncIterable<Uint8Array>,
  ): Promise<{ sha256: string; size: number }> {
    const hash = createHash('sha256')
    let size = 0
    const temporary = join(this.#folder, `part-${newId()}`)
    await mkdir(this.#folder, { recursive: true, mode: 0o700 })
    try {
      const file = await open(temporary, 'wx', 0o600)
      try {
        for await (const bytes of content instanceof Uint8Array ? [content] : content) {
          hash.update(bytes)
          size += bytes.length
          await file.writeFile(bytes)
        }
        await file.sync()
      } finally {
        await file.close()
      }
      const sha256 = hash.digest('hex')
      await rename(temporary, this.#path(sha256))
      return { sha256, size }
    } catch (cause) {
      await rm(temporary, { force: true })
      throw changeError(this.#folder, cause)
    }
  }

  /** @throws SiloError storage_failed where it is not kept */
  async open(sha256: string): Promise<ReadStream> {
    const path = this.#path(sha256)
    await stat(path).catch((cause: unknown) => {
      throw new SiloError('storage_failed', { cause })
    })
    return createReadStream(path)
  }

  /** Removes what is older than a day and named by nobody. Returns how many. */
  sweep(named: ReadonlySet<string>, now: number = Date.now()): number {
    let removed = 0
    for (const name of globSync('*', { cwd: this.#folder })) {
      const path = join(this.#folder, name)
      const stats = statSync(path, { throwIfNoEntry: false })
      if (!stats || named.has(basename(name)) || stats.mtimeMs > now - dayMs) continue
      rmSync(path, { force: true })
      removed++
    }
    return removed
  }

  #path(sha256: string): string {
    return join(this.#folder, sha256)
  }
}
