import { close } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { promisify } from 'node:util'
import { SiloError } from '#shared/errors/silo-error.ts'
import { blockCount, hashOfBlock, sizeOfBlock } from './block-list.ts'
import type { CopyTask } from './disk-tasks.ts'
import type { FolderContext } from './folder-context.ts'
import { dressed, perform } from './placement.ts'
import type { Job } from './jobs.ts'
import type { Sources } from './sources.ts'

/** Bytes asked for and not yet on disk, for one file. */
const inFlightBytes = 32 * 1024 * 1024
const maxInFlight = 256
const copyBatch = 64
/** What has to stay free on the disk. */
const spareBytes = 16 * 1024 * 1024

type Block = CopyTask['blocks'][number]

/**
 * Puts a large file together in a temporary file: what an earlier try left there, blocks of the old version and of
 * other files here, and the rest from peers, several at once. Every block is checked against its hash before it
 * counts. `progress` is told the bytes that came to be there.
 * @throws SiloError disk_full, sync_no_source; DiskError; the signal's reason
 */
export async function pullLarge(
  context: FolderContext,
  sources: Sources,
  job: Job,
  progress: (bytes: number) => void,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { disk, root } = context
  const { file } = job
  await checkSpace(root, file.size)
  const opened = await disk.run({
    kind: 'open-temporary',
    root,
    name: job.target,
    size: file.size,
    blockSize: file.blockSize,
    hashes: file.hashes,
  })
  let finished = false
  try {
    const have = opened.have
    have.forEach((there, i) => there && progress(sizeOfBlock(i, file.size, file.blockSize)))
    await copyBlocks(context, job, opened.fd, have, progress, signal)
    await fetchBlocks(context, sources, job, opened.fd, have, progress, signal)
    finished = true
    await disk.run({ kind: 'finish', fd: opened.fd })
  } finally {
    if (!finished) await promisify(close)(opened.fd)
  }
  signal.throwIfAborted()
  const item = {
    name: job.target,
    make: 'temporary',
    ...job.replacing,
    ...dressed(context, file),
  } as const
  const [failure] = await perform(context, [{ item, records: [job.record] }])
  return failure?.code
}

async function checkSpace(root: string, size: number): Promise<void> {
  const { bavail, bsize } = await statfs(root)
  const needed = size + spareBytes
  if (bavail * bsize < needed)
    throw new SiloError('disk_full', { params: { needed: `${Math.ceil(needed / 1e6)} MB` } })
}

/** Blocks that lie here already: in the version that is replaced, or anywhere in the folder. */
async function copyBlocks(
  context: FolderContext,
  { file, need }: Job,
  fd: number,
  have: Uint8Array,
  progress: (bytes: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const { index, disk, root } = context
  const old = index.local(need.name)
  const places = new Map<string, number>()
  if (old && !old.deleted && old.blockSize === file.blockSize)
    for (let i = 0; i < blockCount(old.size, old.blockSize); i++)
      places.set(keyOf(hashOfBlock(old.hashes, i)), i * old.blockSize)
  const found: Block[] = []
  for (let i = 0; i < have.length; i++) {
    if (have[i]) continue
    const hash = hashOfBlock(file.hashes, i)
    const offset = places.get(keyOf(hash))
    const place = offset === undefined ? index.findBlock(hash) : { name: need.name, offset }
    if (!place) continue
    const size = sizeOfBlock(i, file.size, file.blockSize)
    found.push({
      index: i,
      to: i * file.blockSize,
      size,
      hash,
      from: place.name,
      offset: place.offset,
    })
    // Looking up blocks the thread: others get their turn.
    if (found.length % 1000 === 0) await new Promise(setImmediate)
  }
  for (let at = 0; at < found.length; at += copyBatch) {
    signal.throwIfAborted()
    const blocks = found.slice(at, at + copyBatch)
    for (const i of await disk.run({ kind: 'copy', root, fd, blocks })) {
      have[i] = 1
      progress(sizeOfBlock(i, file.size, file.blockSize))
    }
  }
}

async function fetchBlocks(
  context: FolderContext,
  sources: Sources,
  { file, need }: Job,
  fd: number,
  have: Uint8Array,
  progress: (bytes: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const wanted = new Map<string, number[]>()
  for (let i = 0; i < have.length; i++) {
    if (have[i]) continue
    const key = keyOf(hashOfBlock(file.hashes, i))
    const same = wanted.get(key)
    if (same) same.push(i)
    else wanted.set(key, [i])
  }
  const queue = [...wanted.values()]
  const stop = new AbortController()
  const both = AbortSignal.any([signal, stop.signal])
  const width = Math.min(maxInFlight, Math.max(2, Math.floor(inFlightBytes / file.blockSize)))
  const work = async () => {
    for (let indices = queue.shift(); indices; indices = queue.shift())
      await fetchBlock(context, sources, { file, need }, fd, indices, progress, both)
  }
  const workers = Array.from({ length: Math.min(width, queue.length) }, () =>
    work().catch((error: unknown) => {
      stop.abort(error)
      throw error
    }),
  )
  // All have ended before the file is closed: a late write must not hit another file's descriptor.
  const results = await Promise.allSettled(workers)
  const failed = results.find((result) => result.status === 'rejected')
  if (failed) throw stop.signal.reason
}

async function fetchBlock(
  { id, disk }: FolderContext,
  sources: Sources,
  { file, need }: Pick<Job, 'file' | 'need'>,
  fd: number,
  indices: readonly number[],
  progress: (bytes: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const [first] = indices
  const size = sizeOfBlock(first!, file.size, file.blockSize)
  const offset = first! * file.blockSize
  const hash = hashOfBlock(file.hashes, first!)
  const request = { folder: id, name: file.name, offset, size, hash, fromTemporary: false }
  const accept = async (data: Uint8Array) => {
    for (const i of indices) {
      const last = i === indices.at(-1)
      const own = ownBuffer(data, last)
      const to = i * file.blockSize
      const written = disk.run({ kind: 'write', fd, offset: to, hash, data: own }, [own.buffer])
      if (!(await written)) return false
      progress(size)
    }
    return true
  }
  await sources.fetch(need, request, accept, signal)
}

/** Bytes that may be given to another thread: the buffer they came in if it holds nothing else, or a copy. */
function ownBuffer(data: Uint8Array, mayTake: boolean): Uint8Array<ArrayBuffer> {
  // Beside the data there is the head of its message at most.
  const whole = data.byteLength > 16 * 1024 && data.buffer.byteLength - data.byteLength < 64
  return mayTake && whole && data.buffer instanceof ArrayBuffer
    ? (data as Uint8Array<ArrayBuffer>)
    : new Uint8Array(data)
}

function keyOf(hash: Uint8Array): string {
  return Buffer.from(hash.buffer, hash.byteOffset, hash.byteLength).toString('latin1')
}
