/// <reference lib="webworker" />
import { sha256 } from '@noble/hashes/sha2.js'
import type { FileAnswer, FileRequest } from './files.ts'

/**
 * Writes model files. In a worker because only there a file can be written in place, so that what has arrived
 * stays when the page goes; and because hashing half a gigabyte would hold the page up.
 */

interface Open {
  readonly handle: FileSystemSyncAccessHandle
  readonly hash: ReturnType<typeof sha256.create>
  size: number
}

const open = new Map<string, Open>()
const pieceBytes = 4 * 1024 * 1024

async function begin(path: readonly string[]): Promise<number> {
  let folder = await navigator.storage.getDirectory()
  for (const name of path.slice(0, -1))
    folder = await folder.getDirectoryHandle(name, { create: true })
  const file = await folder.getFileHandle(path.at(-1)!, { create: true })
  const handle = await file.createSyncAccessHandle()
  const hash = sha256.create()
  const size = handle.getSize()
  const piece = new Uint8Array(Math.min(pieceBytes, size))
  for (let at = 0; at < size;) {
    const read = handle.read(piece, { at })
    hash.update(piece.subarray(0, read))
    at += read
  }
  open.set(path.join('/'), { handle, hash, size })
  return size
}

function write(key: string, bytes: Uint8Array<ArrayBuffer>): number {
  const file = find(key)
  const written = file.handle.write(bytes, { at: file.size })
  file.hash.update(bytes.subarray(0, written))
  file.size += written
  if (written < bytes.length) throw new DOMException('no room', 'QuotaExceededError')
  return file.size
}

function close(key: string): string {
  const { handle, hash } = find(key)
  open.delete(key)
  handle.flush()
  handle.close()
  return [...hash.digest()].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

function find(key: string): Open {
  const file = open.get(key)
  if (!file) throw new Error('the file is not open')
  return file
}

async function answer(request: FileRequest): Promise<number | string> {
  const key = request.path.join('/')
  switch (request.op) {
    case 'begin':
      return begin(request.path)
    case 'write':
      return write(key, request.bytes)
    case 'close':
      return close(key)
  }
}

// One after the other: a file is written in the order its pieces were sent.
let last: Promise<unknown> = Promise.resolve()
addEventListener('message', ({ data }: MessageEvent<FileRequest>) => {
  last = last
    .then(() => answer(data))
    .then(
      (value): FileAnswer => ({ id: data.id, value }),
      (error: unknown): FileAnswer => ({
        id: data.id,
        error: error instanceof Error ? `${error.name}: ${error.message}` : String(error),
      }),
    )
    .then((message) => postMessage(message))
})
