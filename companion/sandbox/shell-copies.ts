import { constants, type BigIntStats } from 'node:fs'
import {
  copyFile,
  lstat,
  mkdir,
  open,
  opendir,
  readlink,
  rename,
  rm,
  symlink,
  utimes,
} from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { SiloError } from '#shared/errors/silo-error.ts'

export interface CopyLimits {
  readonly files: number
  readonly fileBytes: number
}

interface Known {
  readonly kind: 'file' | 'folder' | 'link'
  /** Of the copy. Cannot be set by a program, so whatever is written shows. */
  readonly changed: bigint
  readonly inode: bigint
}

export interface CopyChanges {
  readonly files: { name: string; size: number }[]
  readonly removed: string[]
  readonly made: string[]
}

/** More than this is no working folder but somebody's whole disk. */
const entriesMost = 20_000

/** The copy of a folder that a command may write to, and what became of it. Symbolic links are copied as links. */
export class ShellCopy {
  readonly path: string
  readonly #source: string
  readonly #known = new Map<string, Known>()

  private constructor(source: string, path: string) {
    this.#source = source
    this.path = path
  }

  /** @throws SiloError sandbox_input_invalid when it is larger than the limits */
  static async make(
    source: string,
    path: string,
    hidden: readonly string[],
    limits: CopyLimits,
    signal: AbortSignal,
  ): Promise<ShellCopy> {
    const copy = new ShellCopy(source, path)
    await mkdir(path, { recursive: true, mode: 0o700 })
    let bytes = 0
    let entries = 0
    for await (const { name, stat } of walk(source)) {
      signal.throwIfAborted()
      const from = join(source, name)
      if (hidden.some((place) => from === place || from.startsWith(`${place}/`))) continue
      bytes += stat.isFile() ? Number(stat.size) : 0
      if (++entries > entriesMost || bytes > limits.fileBytes)
        throw new SiloError('sandbox_input_invalid', { params: { detail: `${source} is too large for a copy` } }) // prettier-ignore
      await copy.#take(name, stat)
    }
    for (const [name, known] of copy.#known)
      copy.#known.set(name, {
        ...known,
        changed: (await lstat(join(path, name), { bigint: true })).ctimeNs,
      })
    return copy
  }

  async #take(name: string, stat: BigIntStats): Promise<void> {
    const [from, to] = [join(this.#source, name), join(this.path, name)]
    if (stat.isDirectory()) await mkdir(to, { mode: 0o700 })
    else if (stat.isSymbolicLink()) await symlink(await readlink(from), to)
    else if (stat.isFile()) {
      await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE)
      await utimes(to, Number(stat.atimeMs) / 1000, Number(stat.mtimeMs) / 1000)
    } else return
    const now = await lstat(to, { bigint: true })
    const kind = stat.isDirectory() ? 'folder' : stat.isFile() ? 'file' : 'link'
    this.#known.set(name, { kind, changed: now.ctimeNs, inode: now.ino })
  }

  /** How much is there beyond what was copied; stops counting at the limits. */
  async growth(limits: CopyLimits): Promise<{ files: number; bytes: number }> {
    let files = -this.#known.size
    let bytes = 0
    for await (const { stat } of walk(this.path)) {
      files++
      if (stat.isFile()) bytes += Number(stat.blocks) * 512
      if (files > limits.files || bytes > 2 * limits.fileBytes) break
    }
    return { files, bytes }
  }

  /** Moves what is new or changed to `target`, under the same names. Links that a command made are left out. */
  async collect(target: string, signal: AbortSignal): Promise<CopyChanges> {
    const changes: CopyChanges = { files: [], removed: [], made: [] }
    const seen = new Set<string>()
    const kept: string[] = []
    for await (const { name, stat } of walk(this.path)) {
      signal.throwIfAborted()
      seen.add(name)
      const known = this.#known.get(name)
      if (stat.isDirectory() && known?.kind !== 'folder') changes.made.push(name)
      if (!stat.isFile()) continue
      const same =
        known?.kind === 'file' && known.inode === stat.ino && known.changed === stat.ctimeNs
      if (
        same ||
        (known?.kind === 'file' && (await equal(join(this.#source, name), join(this.path, name))))
      )
        continue
      kept.push(name)
      changes.files.push({ name, size: Number(stat.size) })
    }
    for (const name of kept) {
      const to = join(target, name)
      await mkdir(dirname(to), { recursive: true })
      await rename(join(this.path, name), to)
    }
    for (const [name, { kind }] of this.#known)
      if (kind === 'file' && !seen.has(name)) changes.removed.push(name)
    return changes
  }

  async remove(): Promise<void> {
    await rm(this.path, { recursive: true, force: true })
  }
}

/** Everything below, parents first; links are not followed. What disappears meanwhile is left out. */
async function* walk(root: string): AsyncGenerator<{ name: string; stat: BigIntStats }> {
  const folders = ['']
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    const opened = await opendir(join(root, folder)).catch(() => undefined)
    if (!opened) continue
    for await (const entry of opened) {
      const name = folder ? `${folder}/${entry.name}` : entry.name
      const stat = await lstat(join(root, name), { bigint: true }).catch(() => undefined)
      if (!stat) continue
      if (stat.isDirectory()) folders.push(name)
      yield { name, stat }
    }
  }
}

async function equal(one: string, other: string): Promise<boolean> {
  const [a, b] = await Promise.all([open(one, 'r'), open(other, 'r')]).catch(() => [])
  if (!a || !b) return false
  try {
    if ((await a.stat()).size !== (await b.stat()).size) return false
    const [left, right] = [Buffer.alloc(262_144), Buffer.alloc(262_144)]
    for (;;) {
      const [{ bytesRead }, second] = await Promise.all([a.read(left), b.read(right)])
      if (bytesRead !== second.bytesRead || left.compare(right, 0, bytesRead, 0, bytesRead) !== 0)
        return false
      if (bytesRead === 0) return true
    }
  } finally {
    await Promise.all([a.close(), b.close()])
  }
}
