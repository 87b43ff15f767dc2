import { watch, type FSWatcher } from 'node:fs'
import { join } from 'node:path'
import type { Log } from '#companion/observe/log.ts'
import { isInternal, joinName } from './names.ts'

/** Quiet for this long, or this long after the first change, and it is told, ms. */
const quietMs = 60
const longestMs = 300
/** More names than this are told as "look everywhere". */
const maxNames = 2000

/**
 * Tells which names changed. On Linux each directory is watched by itself, as they become known from scans: that costs
 * nothing at start, and nothing for files. Elsewhere the system watches the whole tree.
 */
export class Watcher implements Disposable {
  readonly #root: string
  readonly #log: Log
  readonly #changed: (names: readonly string[] | undefined) => void
  readonly #watched = new Map<string, FSWatcher>()
  readonly #names = new Set<string>()
  #all = false
  #first = 0
  #timer: NodeJS.Timeout | undefined
  /** The system gives no more watches: only scans find changes. */
  exhausted = false

  constructor(root: string, log: Log, changed: (names: readonly string[] | undefined) => void) {
    this.#root = root
    this.#log = log
    this.#changed = changed
    if (recursive) this.#watch('')
  }

  /** Returns those not watched before: what came into them since they were listed may have been missed. */
  add(folders: readonly string[]): string[] {
    if (recursive) return []
    return folders.filter((folder) => !this.#watched.has(folder) && this.#watch(folder))
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
    for (const watcher of this.#watched.values()) watcher.close()
    this.#watched.clear()
  }

  #watch(folder: string): boolean {
    if (this.exhausted) return false
    try {
      const watcher = watch(
        join(this.#root, folder),
        { persistent: false, recursive, encoding: 'utf8' },
        (_event, name) => this.#event(folder, name),
      )
      watcher.on('error', () => this.#drop(folder))
      this.#watched.set(folder, watcher)
      return true
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOSPC' || code === 'EMFILE') {
        this.exhausted = true
        this.#log.warn('not all directories can be watched', { root: this.#root, code })
      }
      return false
    }
  }

  #event(folder: string, name: string | null): void {
    if (name === null) this.#all = true
    else {
      const full = joinName(
        folder,
        name.replaceAll('\\', process.platform === 'win32' ? '/' : '\\'),
      )
      if (isInternal(full)) {
        if (full === '.stignore') this.#all = true
        else return
      } else this.#names.add(full)
      // A directory that is gone is watched anew when it comes back.
      if (this.#watched.has(full)) this.#drop(full)
    }
    if (this.#names.size > maxNames) this.#all = true
    const now = Date.now()
    if (!this.#timer) this.#first = now
    clearTimeout(this.#timer)
    this.#timer = setTimeout(
      () => this.#tell(),
      Math.max(0, Math.min(quietMs, this.#first + longestMs - now)),
    )
  }

  #tell(): void {
    this.#timer = undefined
    const names = this.#all ? undefined : [...this.#names]
    this.#names.clear()
    this.#all = false
    this.#changed(names)
  }

  #drop(folder: string): void {
    for (const [name, watcher] of this.#watched)
      if (name === folder || name.startsWith(`${folder}/`)) {
        watcher.close()
        this.#watched.delete(name)
      }
  }
}

const recursive = process.platform === 'darwin' || process.platform === 'win32'
