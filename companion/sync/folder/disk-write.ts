import { execFileSync } from 'node:child_process'
import { hash } from 'node:crypto'
import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fdatasyncSync,
  fsyncSync,
  fstatSync,
  ftruncateSync,
  futimesSync,
  lstatSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeSync,
  type BigIntStats,
} from 'node:fs'
import { blockCount, hashOfBlock, sameBytes, sizeOfBlock } from './block-list.ts'
import { codeOf } from './disk-read.ts'
import type {
  CopyTask,
  OpenedTemporary,
  OpenTemporaryTask,
  Placed,
  Placement,
  PlaceTask,
  RemoveTemporariesTask,
  WriteTask,
} from './disk-tasks.ts'
import { publish, takeAway } from './disk-exchange.ts'
import { joinName, splitName, temporaryName } from './names.ts'
import { SafeTree, statText } from './safe-tree.ts'

const noFollow = constants.O_NOFOLLOW ?? 0

/** From this many files on one call that flushes the file system is faster than one for each. */
const manyFiles = 8
const flushProgram = ['/usr/bin/sync', '/bin/sync'].find((path) => existsSync(path))
const flushMs = 20_000

/**
 * Brings names into the state they are to have. All data reach the disk before any name changes, and all changed
 * directories before this returns, so that what is recorded afterwards outlives a power cut.
 */
export function place(task: PlaceTask): Placed[] {
  using tree = new SafeTree(task.root)
  const results: Placed[] = []
  const written: number[] = []
  task.items.forEach((item, i) => {
    if (item.make !== 'data') return
    tree.trim()
    const code = writeTemporary(tree, item, task.data)
    if (code) results[i] = { code }
    else written.push(i)
  })
  flush(
    tree,
    task.root,
    written.map((i) => temporaryName(task.items[i]!.name)),
  )
  const touched = new Set<string>()
  task.items.forEach((item, i) => {
    if (results[i]) return
    tree.trim()
    try {
      results[i] = settle(tree, item, touched)
    } catch (error) {
      results[i] = { code: codeOf(error) }
    }
    if ('code' in results[i]! && item.make === 'data') drop(tree, temporaryName(item.name))
  })
  if (touched.size > manyFiles && flushAll(task.root)) return results
  for (const folder of touched) {
    tree.trim()
    try {
      tree.syncDirectory(folder)
    } catch (error) {
      // It may be gone again by a later item.
      if (codeOf(error) !== 'ENOENT') throw error
    }
  }
  return results
}

function writeTemporary(tree: SafeTree, item: Placement, data: Uint8Array): string | undefined {
  const bytes = data.subarray(item.at!, item.at! + item.size!)
  for (let i = 0; i < blockCount(item.size!, item.blockSize!); i++) {
    const from = i * item.blockSize!
    const block = bytes.subarray(from, from + sizeOfBlock(i, item.size!, item.blockSize!))
    if (!sameBytes(hash('sha256', block, 'buffer'), hashOfBlock(item.hashes!, i))) return 'wrong'
  }
  const temporary = temporaryName(item.name)
  try {
    const path = tree.path(temporary, true)
    let fd: number
    try {
      fd = openSync(path, newFile, 0o600)
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error
      unlinkSync(path)
      fd = openSync(path, newFile, 0o600)
    }
    try {
      for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at, bytes.length - at)
    } finally {
      closeSync(fd)
    }
    return undefined
  } catch (error) {
    drop(tree, temporary)
    return codeOf(error)
  }
}

const newFile = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | noFollow

function flush(tree: SafeTree, root: string, names: readonly string[]): void {
  if (names.length >= manyFiles && flushAll(root)) return
  for (const name of names) {
    tree.trim()
    const fd = openSync(tree.path(name), constants.O_RDWR | noFollow)
    try {
      fdatasyncSync(fd)
    } finally {
      closeSync(fd)
    }
  }
}

function flushAll(root: string): boolean {
  if (process.platform !== 'linux' || !flushProgram) return false
  try {
    execFileSync(flushProgram, ['-f', root], { timeout: flushMs, stdio: 'ignore', env: {} })
    return true
  } catch {
    return false
  }
}

/** One name's step, done only where what is there is what was decided on. */
function settle(tree: SafeTree, item: Placement, touched: Set<string>): Placed {
  const { name } = item
  const creates = item.make !== 'nothing' && item.make !== 'metadata'
  // Gone already, whoever did it; maybe with the directory it was in.
  if (item.make === 'nothing' && !tree.stat(name)) return { stat: '' }
  const path = tree.path(name, creates)
  const there = tree.stat(name)
  const [folder] = splitName(name)
  // A directory that is to be one is as good whatever its time.
  const isWanted = item.make === 'directory' && there?.isDirectory()
  if (!isWanted && !there?.isDirectory() && (there ? statText(there) : '') !== item.expect)
    return { code: 'changed' }
  if (
    there?.isDirectory() &&
    !isWanted &&
    item.replaces !== 'directory' &&
    item.make !== 'metadata'
  )
    return { code: 'changed' }
  if (there && item.conflict !== undefined && !there.isDirectory()) {
    if (tree.stat(item.conflict)) return { code: 'changed' }
    return beside(tree, item, item.conflict, touched)
  }
  touched.add(folder)
  let replaced = there
  if (there?.isDirectory() && item.replaces === 'directory') {
    clearDirectory(tree, name, path, item.deletable ?? [])
    replaced = undefined
  } else if (
    there &&
    !there.isDirectory() &&
    (item.replaces === 'other' || item.make === 'nothing')
  ) {
    takeAway(tree, name, item.expect)
    replaced = undefined
  }
  if (item.make === 'nothing') return { stat: '' }
  return { stat: make(tree, item, path, replaced, touched) }
}

/** What is there becomes a conflict copy; it stays what it was where the other cannot be made. */
function beside(
  tree: SafeTree,
  item: Placement,
  conflict: string,
  touched: Set<string>,
): { stat: string } {
  const path = tree.path(item.name)
  renameSync(path, tree.path(conflict))
  touched.add(splitName(item.name)[0])
  try {
    return { stat: make(tree, item, path, undefined, touched) }
  } catch (error) {
    if (!tree.stat(item.name)) renameSync(tree.path(conflict), path)
    throw error
  }
}

/**
 * Returns the state on disk of what was made, taken before it has its name: what a person writes there in the next
 * moment must not be taken for what was made.
 */
function make(
  tree: SafeTree,
  item: Placement,
  path: string,
  there: BigIntStats | undefined,
  touched: Set<string>,
): string {
  switch (item.make) {
    case 'directory': {
      if (!there) mkdirSync(path)
      if (item.mode !== undefined) chmodSync(path, item.mode)
      const made = tree.stat(item.name)
      return made ? statText(made) : ''
    }
    case 'symlink': {
      const temporary = temporaryName(item.name)
      rmSync(tree.path(temporary), { force: true })
      symlinkSync(item.target!, tree.path(temporary))
      const made = tree.stat(temporary)
      renameSync(tree.path(temporary), path)
      return made ? statText(made) : ''
    }
    case 'moved': {
      const from = tree.stat(item.from!)
      if (!from?.isFile() || statText(from) !== item.fromExpect)
        throw Object.assign(new Error('the file to move has changed'), { code: 'moved-changed' })
      const source = tree.path(item.from!)
      const stat = dress(source, item)
      publish(tree, item.name, source, there)
      touched.add(splitName(item.from!)[0])
      return stat
    }
    case 'metadata':
      return dress(path, item)
    default: {
      const temporary = tree.path(temporaryName(item.name))
      const stat = dress(temporary, item)
      publish(tree, item.name, temporary, there)
      return stat
    }
  }
}

/** Time and permissions, set through a descriptor: a link put in the way is not followed. Returns the state then. */
function dress(path: string, item: Placement): string {
  if (process.platform === 'win32') {
    setTime(item, (time) => utimesSync(path, time, time))
    return statText(lstatSync(path, { bigint: true }))
  }
  const fd = openSync(path, constants.O_RDONLY | noFollow | (constants.O_NONBLOCK ?? 0))
  try {
    if (item.mode !== undefined) fchmodSync(fd, item.mode)
    else if (item.make === 'data' || item.make === 'temporary') fchmodSync(fd, 0o666 & ~umask)
    setTime(item, (time) => futimesSync(fd, time, time))
    return statText(fstatSync(fd, { bigint: true }))
  } finally {
    closeSync(fd)
  }
}

function setTime(item: Placement, set: (seconds: number) => void): void {
  if (item.modifiedS !== undefined) set(item.modifiedS + (item.modifiedNs ?? 0) / 1e9)
}

/** Worker threads may not ask for it without changing it. */
const umask = 0o022

/** Takes away a directory with nothing in it but what may go. @throws ENOTEMPTY */
function clearDirectory(
  tree: SafeTree,
  name: string,
  path: string,
  deletable: readonly string[],
): void {
  for (const child of deletable) {
    // Only direct children, which the caller found to be ignored and deletable, or our own temporary files.
    if (splitName(child)[0] !== name) continue
    rmSync(tree.path(child), { recursive: true, force: true })
  }
  rmdirSync(path)
}

function drop(tree: SafeTree, name: string): void {
  try {
    rmSync(tree.path(name), { force: true })
  } catch {
    // It is found and removed by the next scan.
  }
}

/** Opens the temporary file of a large file, and finds which blocks an earlier try left in it. */
export function openTemporary(task: OpenTemporaryTask): OpenedTemporary {
  using tree = new SafeTree(task.root)
  const path = tree.path(temporaryName(task.name), true)
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | noFollow, 0o600)
  try {
    const have = new Uint8Array(blockCount(task.size, task.blockSize))
    const before = fstatSync(fd)
    if (!before.isFile()) throw Object.assign(new Error('not a file'), { code: 'EEXIST' })
    const buffer = Buffer.allocUnsafeSlow(task.blockSize)
    for (let i = 0; i < have.length && before.blocks > 0; i++) {
      const size = sizeOfBlock(i, task.size, task.blockSize)
      if (i * task.blockSize + size > before.size) break
      if (holds(fd, buffer, i * task.blockSize, size, hashOfBlock(task.hashes, i))) have[i] = 1
    }
    ftruncateSync(fd, task.size)
    return { fd, have }
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

function holds(
  fd: number,
  buffer: Buffer,
  offset: number,
  size: number,
  wanted: Uint8Array,
): boolean {
  for (let at = 0; at < size;) {
    const read = readSync(fd, buffer, at, size - at, offset + at)
    if (read === 0) return false
    at += read
  }
  return sameBytes(hash('sha256', buffer.subarray(0, size), 'buffer'), wanted)
}

/** Blocks that lie in files here already. The indices of those that were what they should be. */
export function copy(task: CopyTask): number[] {
  using tree = new SafeTree(task.root)
  const done: number[] = []
  let open: { name: string; fd: number } | undefined
  const largest = Math.max(0, ...task.blocks.map(({ size }) => size))
  const buffer = Buffer.allocUnsafeSlow(largest)
  try {
    for (const block of task.blocks) {
      tree.trim()
      try {
        if (open?.name !== block.from) {
          if (open) closeSync(open.fd)
          open = undefined
          const flags = constants.O_RDONLY | noFollow | (constants.O_NONBLOCK ?? 0)
          open = { name: block.from, fd: openSync(tree.path(block.from), flags) }
        }
        if (!holds(open.fd, buffer, block.offset, block.size, block.hash)) continue
        writeAll(task.fd, buffer.subarray(0, block.size), block.to)
        done.push(block.index)
      } catch (error) {
        // What cannot be read here is asked of a peer; what cannot be written is for the caller.
        if (isFull(codeOf(error))) throw error
      }
    }
  } finally {
    if (open) closeSync(open.fd)
  }
  return done
}

function writeAll(fd: number, bytes: Uint8Array, offset: number): void {
  for (let at = 0; at < bytes.length;)
    at += writeSync(fd, bytes, at, bytes.length - at, offset + at)
}

function isFull(code: string): boolean {
  return code === 'ENOSPC' || code === 'EDQUOT'
}

/** False where the data are not what the hash says; then nothing is written. */
export function write(task: WriteTask): boolean {
  if (!sameBytes(hash('sha256', task.data, 'buffer'), task.hash)) return false
  writeAll(task.fd, task.data, task.offset)
  return true
}

/** Brings a temporary file to the disk and closes it; it is placed next. */
export function finish(fd: number): void {
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

export function removeTemporaries(task: RemoveTemporariesTask): void {
  using tree = new SafeTree(task.root)
  for (const name of task.names) {
    tree.trim()
    drop(tree, joinName(...splitName(name)))
  }
}
