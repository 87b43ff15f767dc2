import {
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  type BigIntStats,
} from 'node:fs'
import { join } from 'node:path'
import { splitName } from './names.ts'

/**
 * Where names from others become paths. A directory on the way that is (or meanwhile became) a symbolic link would lead
 * out of the folder, so on Linux each is opened from the one above without following links, and what follows is done
 * relative to the open directory. Elsewhere each is looked at first. Calls block: for worker threads.
 */
export class SafeTree implements Disposable {
  readonly #root: string
  readonly #open = new Map<string, number>()

  constructor(root: string) {
    this.#root = root
  }

  /** A path for the last part of a name; nothing above it is a link. Good until the next `trim`. */
  path(name: string, create = false): string {
    const [folder, base] = splitName(name)
    return join(this.directory(folder, create), base)
  }

  /** @throws ENOTDIR where something on the way is a link or a file */
  directory(folder: string, create = false): string {
    return byDescriptor
      ? `/proc/self/fd/${this.#descriptor(folder, create)}`
      : this.#checked(folder, create)
  }

  stat(name: string): BigIntStats | undefined {
    try {
      return lstatSync(this.path(name), { bigint: true })
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') return undefined
      throw error
    }
  }

  /** So that renames in a directory outlive a power cut. Windows has no such call. */
  syncDirectory(folder: string): void {
    if (process.platform === 'win32') return
    if (byDescriptor) {
      fsyncSync(this.#descriptor(folder, false))
      return
    }
    const fd = openSync(this.directory(folder), constants.O_RDONLY)
    try {
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
  }

  /** Called between items of a long list: open directories are few on some systems. */
  trim(): void {
    if (this.#open.size > 100) this[Symbol.dispose]()
  }

  [Symbol.dispose](): void {
    for (const fd of this.#open.values()) closeSync(fd)
    this.#open.clear()
  }

  #descriptor(folder: string, create: boolean): number {
    const known = this.#open.get(folder)
    if (known !== undefined) return known
    const flags = constants.O_RDONLY | constants.O_DIRECTORY
    let fd: number
    if (folder === '') fd = openSync(this.#root, flags)
    else {
      const [above, part] = splitName(folder)
      const path = `/proc/self/fd/${this.#descriptor(above, create)}/${part}`
      fd = openOrMake(path, flags | constants.O_NOFOLLOW, create)
    }
    this.#open.set(folder, fd)
    return fd
  }

  #checked(folder: string, create: boolean): string {
    const path = join(this.#root, folder)
    if (folder === '' || this.#open.has(folder)) return path
    this.#checked(splitName(folder)[0], create)
    if (create && !existsSync(path)) mkdirSync(path)
    if (!lstatSync(path).isDirectory())
      throw Object.assign(new Error('not a directory'), { code: 'ENOTDIR' })
    return path
  }
}

const byDescriptor = process.platform === 'linux' && existsSync('/proc/self/fd')

function openOrMake(path: string, flags: number, create: boolean): number {
  try {
    return openSync(path, flags)
  } catch (error) {
    if (!create || (error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    mkdirSync(path)
    return openSync(path, flags)
  }
}

/** What tells that a file was not touched: modification time, inode and size. */
export function statText(stats: BigIntStats): string {
  return `${stats.mtimeNs}.${stats.ino}.${stats.size}`
}
