import { createHash } from 'node:crypto'
import { constants, createReadStream } from 'node:fs'
import { copyFile, link, lstat, open, readdir, rename, rm, unlink, utimes } from 'node:fs/promises'
import { basename, dirname, extname, join } from 'node:path'
import type { FileStamp } from '#shared/domain/file-change.ts'
import { SiloError } from '#shared/errors/silo-error.ts'

/** Names tried before a crowded folder is given up. */
const mostNumbers = 10_000

const codeOf = (cause: unknown): string | undefined => (cause as NodeJS.ErrnoException | null)?.code

/** What is at `path` now; undefined where nothing is. A symbolic link is not followed. */
export async function stampOf(
  path: string,
): Promise<
  (FileStamp & { kind: 'file' | 'folder' | 'other'; inode: bigint; device: bigint }) | undefined
> {
  const stats = await lstat(path, { bigint: true }).catch((cause: unknown) => {
    if (codeOf(cause) === 'ENOENT' || codeOf(cause) === 'ENOTDIR') return undefined
    throw cause
  })
  return (
    stats && {
      size: Number(stats.size),
      modifiedAt: Number(stats.mtimeMs),
      kind: stats.isFile() ? 'file' : stats.isDirectory() ? 'folder' : 'other',
      inode: stats.ino,
      device: stats.dev,
    }
  )
}

/** Is it still the file that was planned with? Times are compared in whole ms: not every file system keeps more. */
export function sameStamp(now: FileStamp, planned: FileStamp): boolean {
  return now.size === planned.size && Math.abs(now.modifiedAt - planned.modifiedAt) < 2
}

/** `a.pdf`, `a (2).pdf`, `a (3).pdf`, … */
export function numbered(path: string, number: number): string {
  if (number < 2) return path
  const ending = extname(path)
  return join(dirname(path), `${basename(path, ending)} (${number})${ending}`)
}

/**
 * The path, or the first numbered one, at which nothing is. Somebody may be quicker: what is made there must fail
 * where something is.
 */
export async function freePath(wanted: string): Promise<string> {
  for (let number = 1; number <= mostNumbers; number++) {
    const path = numbered(wanted, number)
    if (!(await stampOf(path))) return path
  }
  throw new SiloError('undo_impossible', { params: { path: wanted, detail: 'EEXIST' } })
}

/**
 * Moves a file or folder to a path at which nothing is; never over something. A crash leaves it at `from`, at `to`, or,
 * whole, at both: `settleMove` finishes what is left.
 * @throws what the file system says; EEXIST where something is at `to`
 */
export async function moveInto(from: string, to: string): Promise<void> {
  const before = await lstat(from)
  try {
    if (before.isDirectory()) {
      // rename(2) would replace an empty folder.
      if (await stampOf(to)) throw Object.assign(new Error('exists'), { code: 'EEXIST' })
      await rename(from, to)
    } else {
      await link(from, to)
      await unlink(from)
    }
  } catch (cause) {
    const code = codeOf(cause)
    if (code === 'EXDEV') return copyInto(from, to)
    // A file system without hard links: what is left of the race is between two calls.
    if (
      !before.isDirectory() &&
      (code === 'EPERM' || code === 'ENOTSUP' || code === 'EMLINK' || code === 'EOPNOTSUPP')
    ) {
      // prettier-ignore
      if (await stampOf(to)) throw Object.assign(new Error('exists'), { code: 'EEXIST' })
      return rename(from, to)
    }
    throw cause
  }
  await syncFolder(dirname(to))
}

/** To another volume: a copy that is whole before it has its name, and only then is the original gone. */
async function copyInto(from: string, to: string): Promise<void> {
  const before = await lstat(from)
  if (before.isDirectory())
    throw Object.assign(new Error('folders stay on their volume'), { code: 'EXDEV' })
  const temporary = `${to}.silo-part`
  await rm(temporary, { force: true })
  try {
    await copyFile(from, temporary, constants.COPYFILE_EXCL)
    await utimes(temporary, before.atime, before.mtime)
    const file = await open(temporary, 'r+')
    await file.sync().finally(() => file.close())
    if ((await hashOf(temporary)) !== (await hashOf(from)))
      throw new SiloError('path_changed', { params: { path: from } })
    await nameInto(temporary, to)
  } catch (cause) {
    await rm(temporary, { force: true })
    throw cause
  }
  await syncFolder(dirname(to))
  await unlink(from)
}

/** Gives a finished temporary file its name. @throws EEXIST */
export async function nameInto(temporary: string, to: string): Promise<void> {
  try {
    await link(temporary, to)
    await unlink(temporary)
  } catch (cause) {
    if (codeOf(cause) === 'EEXIST') throw cause
    if (await stampOf(to)) throw Object.assign(new Error('exists'), { code: 'EEXIST' })
    await rename(temporary, to)
  }
}

/** Finishes or takes back a move that a crash interrupted. Returns where the thing is. */
export async function settleMove(from: string, to: string): Promise<'from' | 'to' | 'nowhere'> {
  await rm(`${to}.silo-part`, { force: true })
  const [source, target] = [await stampOf(from), await stampOf(to)]
  if (!source) return target ? 'to' : 'nowhere'
  if (!target) return 'from'
  const same = source.inode === target.inode && source.device === target.device
  if (
    source.kind === 'file' &&
    (same || (sameStamp(source, target) && (await hashOf(from)) === (await hashOf(to))))
  ) {
    // prettier-ignore
    await unlink(from)
    return 'to'
  }
  return 'from'
}

export async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const bytes of createReadStream(path)) hash.update(bytes as Buffer)
  return hash.digest('hex')
}

/** The folder is empty but for what systems leave in every folder. */
export async function isEmptyFolder(path: string): Promise<boolean> {
  return (await readdir(path)).length === 0
}

/** So that a name survives a power cut. Not every system can. */
async function syncFolder(path: string): Promise<void> {
  try {
    const folder = await open(path, constants.O_RDONLY)
    await folder.sync().finally(() => folder.close())
  } catch {
    // Windows has no such call, and the name is written soon anyway.
  }
}
