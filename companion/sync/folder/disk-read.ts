import { hash } from 'node:crypto'
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readSync,
  readdirSync,
  readlinkSync,
  type BigIntStats,
} from 'node:fs'
import { fileType } from '#companion/sync/bep-peer.ts'
import { blockCount, blockSizeFor, hashBytes, sameBytes, sizeOfBlock } from './block-list.ts'
import { isDatasetScrap, versionsFolder } from './dataset-order.ts'
import type {
  Entry,
  Failure,
  Hashed,
  HashedFile,
  HashTask,
  Listing,
  ListTask,
  LookTask,
  ReadResult,
  ReadTask,
} from './disk-tasks.ts'
import { IgnorePatterns, type IgnoreSource } from './ignores.ts'
import { isInternal, isSafeName, isTemporary, joinName } from './names.ts'
import { SafeTree, statText } from './safe-tree.ts'

/** Times on disk move in ticks of some ms. */
const grainMs = 20

let lastIgnores: { source: IgnoreSource; patterns: IgnorePatterns } | undefined

function patternsOf(source: IgnoreSource): IgnorePatterns {
  if (lastIgnores?.source.lines.join('\n') !== source.lines.join('\n'))
    lastIgnores = { source, patterns: new IgnorePatterns(source) }
  return lastIgnores!.patterns
}

/** Lists directories until `limit` names are found; links are named, never followed. */
export function list(task: ListTask): Listing {
  const patterns = patternsOf(task.ignore)
  const entries: Entry[] = []
  const folders: string[] = []
  const temporaries: string[] = []
  const failures: Failure[] = []
  const open = [...task.folders]
  while (open.length > 0 && entries.length < task.limit) {
    const folder = open.shift()!
    using tree = new SafeTree(task.root)
    const below: string[] = []
    try {
      const path = tree.directory(folder)
      for (const found of readdirSync(path, { withFileTypes: true })) {
        const name = joinName(folder, found.name)
        if (isTemporary(name)) temporaries.push(name)
        if (isInternal(name) || (task.dataset && isDatasetScrap(name))) continue
        const { ignored } = patterns.check(name)
        if (ignored && !(found.isDirectory() && patterns.hasExceptions)) continue
        if (!isSafeName(name)) {
          failures.push({ name, code: 'unsafe' })
          continue
        }
        const entry = ignored ? undefined : entryOf(`${path}/${found.name}`, name)
        if (entry) entries.push(entry)
        if (found.isDirectory()) below.push(name)
      }
      folders.push(folder)
    } catch (error) {
      failures.push({ name: folder, code: codeOf(error) })
    }
    // Manifests are listed before the files they name: what they name is there then.
    below.sort((a, b) => Number(isVersions(b)) - Number(isVersions(a)) || (a < b ? -1 : 1))
    open.unshift(...below)
  }
  return { entries, folders, rest: open, temporaries, failures }
}

function isVersions(name: string): boolean {
  return name.endsWith(`/${versionsFolder}`)
}

export function look(task: LookTask): (Entry | undefined)[] {
  using tree = new SafeTree(task.root)
  return task.names.map((name) => {
    tree.trim()
    try {
      return entryOf(tree.path(name), name)
    } catch {
      return undefined
    }
  })
}

/** Undefined for what is neither file nor directory nor link, and for what is gone. */
function entryOf(path: string, name: string): Entry | undefined {
  let stats: BigIntStats
  try {
    stats = lstatSync(path, { bigint: true })
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
  if (stats.isSymbolicLink()) return { ...entry(name, stats), target: readlinkSync(path) }
  return stats.isFile() || stats.isDirectory() ? entry(name, stats) : undefined
}

function entry(name: string, stats: BigIntStats): Entry {
  const type = stats.isFile()
    ? fileType.file
    : stats.isDirectory()
      ? fileType.directory
      : fileType.symlink
  const ns = ((stats.mtimeNs % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n
  return {
    name,
    type,
    size: type === fileType.file ? Number(stats.size) : 0,
    mode: Number(stats.mode) & 0o777,
    modifiedS: Number((stats.mtimeNs - ns) / 1_000_000_000n),
    modifiedNs: Number(ns),
    stat: statText(stats),
  }
}

const buffer = Buffer.allocUnsafeSlow(1024 * 1024)

/** The blocks of files; `changed` where a file did not hold still meanwhile. */
export function hashFiles(task: HashTask): (Hashed | Failure)[] {
  using tree = new SafeTree(task.root)
  return task.files.map((file) => {
    tree.trim()
    try {
      return hashFile(tree, file, task.cancel)
    } catch (error) {
      return { name: file.name, code: codeOf(error) }
    }
  })
}

function hashFile(
  tree: SafeTree,
  { name, blockSize: before, part = { index: 0, count: 1 } }: HashedFile,
  cancel: Int32Array,
): Hashed | Failure {
  const fd = openSync(tree.path(name), readFlags)
  try {
    const stats = fstatSync(fd, { bigint: true })
    if (!stats.isFile()) return { name, code: 'changed' }
    const size = Number(stats.size)
    const blockSize = blockSizeFor(size, before)
    const blocks = blockCount(size, blockSize)
    const from = Math.floor((blocks * part.index) / part.count)
    const to = Math.floor((blocks * (part.index + 1)) / part.count)
    const hashes = new Uint8Array((to - from) * hashBytes)
    for (let i = from; i < to; i++) {
      if (Atomics.load(cancel, 0) !== 0) return { name, code: 'cancelled' }
      const block = readBlock(fd, i * blockSize, sizeOfBlock(i, size, blockSize))
      if (!block) return { name, code: 'changed' }
      hashes.set(hash('sha256', block, 'buffer'), (i - from) * hashBytes)
    }
    const after = fstatSync(fd, { bigint: true })
    if (statText(after) !== statText(stats)) return { name, code: 'changed' }
    const fresh = Math.abs(Date.now() - Number(stats.mtimeMs)) < grainMs
    return { entry: entry(name, stats), blockSize, hashes, fresh }
  } finally {
    closeSync(fd)
  }
}

/** A pipe with the name of a file must not hold the thread. */
const readFlags = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)

let large = buffer

/** Undefined where the file ends before. Valid until the next call. */
function readBlock(fd: number, offset: number, size: number): Buffer | undefined {
  if (size > large.length) large = Buffer.allocUnsafeSlow(size)
  for (let at = 0; at < size;) {
    const read = readSync(fd, large, at, size - at, offset + at)
    if (read === 0) return undefined
    at += read
  }
  return large.subarray(0, size)
}

export function read(task: ReadTask): ReadResult {
  using tree = new SafeTree(task.root)
  const total = task.blocks.reduce((sum, { size }) => sum + size, 0)
  const data = new Uint8Array(total)
  let at = 0
  const sizes = task.blocks.map((block) => {
    let fd: number
    tree.trim()
    try {
      fd = openSync(tree.path(block.name), readFlags)
    } catch {
      return -1
    }
    try {
      const stats = fstatSync(fd, { bigint: true })
      if (!stats.isFile()) return -1
      const bytes = readBlock(fd, block.offset, block.size)
      if (!bytes) return -2
      const known = block.stat !== '' && statText(stats) === block.stat
      if (
        !known &&
        block.hash.length > 0 &&
        !sameBytes(hash('sha256', bytes, 'buffer'), block.hash)
      )
        return -2
      data.set(bytes, at)
      at += block.size
      return block.size
    } catch {
      return -2
    } finally {
      closeSync(fd)
    }
  })
  return { data: at === total ? data : data.slice(0, at), sizes }
}

export function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException | undefined)?.code ?? 'unknown'
}
