import type { BigIntStats } from 'node:fs'
import { lstat, opendir, realpath, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** Entries of the refused places that are looked at; where there are more, nobody can be sure. */
const mostEntries = 50_000
/** How long what was found holds, ms. */
const freshMs = 10_000

type Identity = string
const identity = ({ dev, ino }: BigIntStats): Identity => `${dev}:${ino}`

/**
 * Refused places by what they are and not by what they are called: a folder that is mounted a second time, and a file
 * that has a second name, keep their numbers.
 */
export class SameFiles {
  readonly #places: () => readonly string[]
  #folders: { at: number; found: Promise<ReadonlySet<Identity>> } | undefined
  #files: { at: number; found: Promise<ReadonlySet<Identity> | undefined> } | undefined

  /** @param places refused files and folders; those that are not there are left out */
  constructor(places: () => readonly string[]) {
    this.#places = places
  }

  /** Is one of the folders above the path, or itself, a refused place under another name? */
  async isWithin(canonical: string): Promise<boolean> {
    const known = await this.#placesNow()
    for (let at = canonical; ; at = dirname(at)) {
      const stats = await lstat(at, { bigint: true }).catch(() => undefined)
      if (stats && known.has(identity(stats))) return true
      if (dirname(at) === at) return false
    }
  }

  /** Is a file with several names also a file of a refused place? `unsure` where that is too much to look through. */
  async isAlso(stats: BigIntStats): Promise<boolean | 'unsure'> {
    if (!stats.isFile() || stats.nlink < 2n) return false
    const now = Date.now()
    if (!this.#files || now - this.#files.at > freshMs)
      this.#files = { at: now, found: this.#linkedFiles() }
    const found = await this.#files.found
    return found ? found.has(identity(stats)) : 'unsure'
  }

  #placesNow(): Promise<ReadonlySet<Identity>> {
    const now = Date.now()
    if (!this.#folders || now - this.#folders.at > freshMs)
      this.#folders = { at: now, found: identitiesOf(this.#places()) }
    return this.#folders.found
  }

  async #linkedFiles(): Promise<ReadonlySet<Identity> | undefined> {
    const found = new Set<Identity>()
    let seen = 0
    const look = async (path: string): Promise<boolean> => {
      if (++seen > mostEntries) return false
      const stats = await lstat(path, { bigint: true }).catch(() => undefined)
      if (stats?.isFile() && stats.nlink > 1n) found.add(identity(stats))
      if (!stats?.isDirectory()) return true
      const folder = await opendir(path).catch(() => undefined)
      if (folder)
        for await (const { name } of folder) if (!(await look(join(path, name)))) return false
      return true
    }
    for (const place of this.#places()) {
      const real = await realpath(place).catch(() => undefined)
      if (real !== undefined && !(await look(real))) return undefined
    }
    return found
  }
}

async function identitiesOf(places: readonly string[]): Promise<ReadonlySet<Identity>> {
  const found = new Set<Identity>()
  for (const place of places) {
    // A place that is a link refuses what it leads to.
    const stats = await stat(place, { bigint: true }).catch(() => undefined)
    if (stats) found.add(identity(stats))
  }
  return found
}
