import { blockError, fileType, maxBlockBytes } from '#companion/sync/bep-peer.ts'
import type { BlockError, BlockRequest } from '#companion/sync/bep-peer.ts'
import { hashOfBlock, sameBytes } from './block-list.ts'
import type { FolderContext } from './folder-context.ts'
import { isSafeName } from './names.ts'

type Answer = { data: Uint8Array } | { error: BlockError }

interface Asked {
  readonly request: BlockRequest
  readonly stat: string
  resolve(answer: Answer): void
}

const batchBlocks = 256
const batchBytes = 8 * 1024 * 1024

/** Answers blocks. Requests that come together are read together. */
export class BlockAnswers {
  readonly #context: FolderContext
  #asked: Asked[] = []
  #scheduled = false

  constructor(context: FolderContext) {
    this.#context = context
  }

  async answer(request: BlockRequest, signal: AbortSignal): Promise<Answer> {
    signal.throwIfAborted()
    const { name, offset, size } = request
    if (request.fromTemporary || !isSafeName(name)) return { error: blockError.noSuchFile }
    const row = this.#context.index.local(name)
    if (!row || row.deleted || row.ignored || row.changedHere || row.type !== fileType.file)
      return { error: blockError.noSuchFile }
    const valid =
      Number.isSafeInteger(offset) && Number.isSafeInteger(size) && offset >= 0 && size > 0
    if (!valid || size > maxBlockBytes || offset + size > row.size)
      return { error: blockError.generic }
    // Of another version than is here: saying so now spares the other side a block it would take for wrong.
    const ours = hashOfBlock(row.hashes, offset / row.blockSize)
    const asked = request.hash.length > 0 && offset % row.blockSize === 0
    if (asked && !sameBytes(ours, request.hash)) return { error: blockError.invalidFile }
    const { promise, resolve } = Promise.withResolvers<Answer>()
    this.#asked.push({ request, stat: asked ? row.stat : '', resolve })
    if (!this.#scheduled) {
      this.#scheduled = true
      setImmediate(() => this.#send())
    }
    return promise
  }

  #send(): void {
    this.#scheduled = false
    const all = this.#asked
    this.#asked = []
    let batch: Asked[] = []
    let bytes = 0
    for (const asked of all) {
      if (batch.length >= batchBlocks || bytes + asked.request.size > batchBytes) {
        void this.#read(batch)
        batch = []
        bytes = 0
      }
      batch.push(asked)
      bytes += asked.request.size
    }
    if (batch.length > 0) void this.#read(batch)
  }

  async #read(batch: readonly Asked[]): Promise<void> {
    const { disk, root } = this.#context
    try {
      const blocks = batch.map(({ request: { name, offset, size, hash }, stat }) => ({
        name,
        offset,
        size,
        hash,
        stat,
      }))
      const { data, sizes } = await disk.run({ kind: 'read', root, blocks })
      let at = 0
      const stale: string[] = []
      batch.forEach(({ request, resolve }, i) => {
        const size = sizes[i]!
        if (size < 0) {
          stale.push(request.name)
          resolve({ error: size === -1 ? blockError.noSuchFile : blockError.invalidFile })
        } else {
          resolve({ data: data.subarray(at, at + size) })
          at += size
        }
      })
      // Not what the index says: it is read again, and the peer will hear of what it is now.
      if (stale.length > 0) this.#context.rescanSoon([...new Set(stale)])
    } catch {
      for (const { resolve } of batch) resolve({ error: blockError.generic })
    }
  }
}
