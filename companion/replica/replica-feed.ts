import type { AccessPolicy } from '#companion/team/access-policy.ts'
import type { OwnedChunk } from '#shared/contracts/vault-store.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { encodeReplicaPage, quantize } from '#shared/protocol/replica-page.ts'
import {
  maxPageEntries,
  type ReplicaCursor,
  type ReplicaDocument,
  type ReplicaHead,
  type ReplicaList,
} from '#shared/protocol/replica.ts'
import type { DocumentChange, ReplicaAudit, ReplicaChunks, ReplicaRecords } from './ports.ts'

export interface ReplicaFeedInit {
  readonly companionId: string
  readonly modelId: string
  readonly dimensions: number
  readonly records: ReplicaRecords
  readonly chunks: ReplicaChunks
  readonly access: Pick<AccessPolicy, 'accessOf' | 'mayCopy'>
  /** The name of the present count of changes. */
  readonly epoch: () => string
  readonly audit?: ReplicaAudit
}

export interface PageRequest {
  readonly collectionId: string
  readonly cursor: ReplicaCursor
  /** The count of changes the cursor is of; absent for the first page. */
  readonly epoch: string | undefined
  /** Chunks, at most. */
  readonly limit: number
  /** A peer id, or `self` for the owner. */
  readonly device: string
}

/** Text and index of a chunk beside its vector, as measured on real documents, bytes. */
const chunkBytes = 1500
/** UTF-16 units of text after which a page is full, whatever the number of its chunks. */
const pageText = 2_000_000
/** Documents read from the index in one step. */
const batchDocuments = 64

/** Gives devices what they need to search by themselves. Every page is asked for anew whether it may be had. */
export class ReplicaFeed {
  readonly #init: ReplicaFeedInit
  /** The large document whose parts are being fetched. */
  #large: { key: string; chunks: OwnedChunk[] } | undefined

  constructor(init: ReplicaFeedInit) {
    this.#init = init
  }

  /** The collections that `device` may copy. */
  list(device: string): ReplicaList {
    const { companionId, modelId, dimensions, records, access } = this.#init
    const epoch = this.#init.epoch()
    const collections = records
      .collections()
      .filter(({ id }) => access.mayCopy(id, device))
      .map(({ id, name, documents, chunks }) => ({
        id,
        name,
        epoch,
        change: records.lastChange(id),
        documents,
        chunks,
        bytes: chunks * (dimensions + 4 + chunkBytes),
      }))
    return { companionId, modelId, dimensions, collections }
  }

  /** The next page of a copy, encoded. @throws SiloError replica_refused, collection_unknown */
  async page(request: PageRequest, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
    const { collectionId, device } = request
    const { records, access, audit, modelId, dimensions } = this.#init
    if (!access.mayCopy(collectionId, device)) {
      audit?.({ action: 'copy', collectionIds: [collectionId], allowed: false, device })
      throw new SiloError('replica_refused')
    }
    if (!records.collections().some(({ id }) => id === collectionId))
      throw new SiloError('collection_unknown')
    const epoch = this.#init.epoch()
    const change = records.lastChange(collectionId)
    const fresh = request.cursor.since === 0 && !request.cursor.part
    const known = request.epoch === epoch && request.cursor.since <= change
    const cursor = fresh || known ? request.cursor : { since: 0 }
    const filled = await this.#fill(collectionId, cursor, request.limit, signal)
    const { documents, removed, vectors, next, complete } = filled
    if (documents.length > 0)
      audit?.({ action: 'copy', collectionIds: [collectionId], allowed: true, count: documents.length, device }) // prettier-ignore
    const head: ReplicaHead = {
      collectionId,
      epoch,
      modelId,
      dimensions,
      restart: !fresh && !known,
      next,
      // A page that was being filled while something changed is not the last one.
      change: Math.max(change, next.since),
      complete,
      documents,
      removed,
    }
    return encodeReplicaPage({ head, vectors: quantize(vectors, dimensions) })
  }

  async #fill(collectionId: string, cursor: ReplicaCursor, limit: number, signal: AbortSignal) {
    const documents: ReplicaDocument[] = []
    const removed: string[] = []
    const vectors: Float32Array[] = []
    let next: ReplicaCursor = cursor
    let text = 0
    for (;;) {
      signal.throwIfAborted()
      const since = this.#init.records.changesSince(collectionId, next.since, batchDocuments)
      const changes = upTo(since, limit - vectors.length)
      if (changes.length === 0) return { documents, removed, vectors, next, complete: true }
      const chunks = await this.#chunksOf(collectionId, changes, cursor, signal)
      for (const change of changes) {
        const room = limit - vectors.length
        const full = room <= 0 || text >= pageText || documents.length + removed.length >= maxPageEntries // prettier-ignore
        if (full) return { documents, removed, vectors, next, complete: false }
        if (change.kind === 'removed') {
          removed.push(change.id)
          next = { since: change.change }
          continue
        }
        const own = chunks.get(change.document.id) ?? []
        const { entry, rows } = entryOf(change, own, cursor, next, Math.max(1, room))
        documents.push(entry)
        for (const row of rows) {
          vectors.push(row.vector)
          text += row.text.length
        }
        const sent = entry.from + rows.length
        if (entry.state === 'more') {
          next = { since: next.since, part: { change: change.change, chunks: sent } }
          return { documents, removed, vectors, next, complete: false }
        }
        next = { since: change.change }
      }
    }
  }

  /** The chunks of these documents. A document in parts is read once for all of them. */
  async #chunksOf(
    collectionId: string,
    changes: readonly DocumentChange[],
    cursor: ReplicaCursor,
    signal: AbortSignal,
  ): Promise<Map<string, OwnedChunk[]>> {
    const found = new Map<string, OwnedChunk[]>()
    const wanted: string[] = []
    for (const change of changes) {
      if (change.kind === 'removed' || isKept(change, cursor)) continue
      const key = keyOf(collectionId, change)
      if (this.#large?.key === key) found.set(change.document.id, this.#large.chunks)
      else wanted.push(change.document.id)
    }
    if (wanted.length > 0)
      for (const chunk of await this.#init.chunks.chunksOf(collectionId, wanted, signal)) {
        const own = found.get(chunk.documentId)
        if (own) own.push(chunk)
        else found.set(chunk.documentId, [chunk])
      }
    const first = changes[0]
    if (first?.kind === 'document') {
      const chunks = found.get(first.document.id)
      this.#large = chunks && chunks.length > 500 ? { key: keyOf(collectionId, first), chunks } : undefined // prettier-ignore
    }
    return found
  }
}

/** As many changes as have about `room` chunks together, and always one: what is not sent is not read. */
function upTo(changes: readonly DocumentChange[], room: number): readonly DocumentChange[] {
  let chunks = 0
  const end = changes.findIndex((change, index) => {
    chunks += change.kind === 'document' ? change.document.chunks : 0
    return index > 0 && chunks > room
  })
  return end < 0 ? changes : changes.slice(0, end)
}

type Changed = Extract<DocumentChange, { kind: 'document' }>

function keyOf(collectionId: string, { document, change }: Changed): string {
  return JSON.stringify([collectionId, document.id, change])
}

/** The device has its chunks already: only what is said of the document is new. */
function isKept({ contentChange }: Changed, cursor: ReplicaCursor): boolean {
  return contentChange !== undefined && contentChange <= cursor.since
}

function entryOf(
  changed: Changed,
  chunks: readonly OwnedChunk[],
  cursor: ReplicaCursor,
  next: ReplicaCursor,
  room: number,
): { entry: ReplicaDocument; rows: readonly OwnedChunk[] } {
  const { document, change } = changed
  if (isKept(changed, cursor))
    return { entry: { document, change, from: 0, state: 'kept', chunks: [] }, rows: [] }
  // A part of what the document was before is of no use: it begins again.
  const from = next.part?.change === change ? Math.min(next.part.chunks, chunks.length) : 0
  const rows = chunks.slice(from, from + room)
  const state = from + rows.length < chunks.length ? 'more' : 'complete'
  return {
    entry: {
      document: { ...document, chunks: chunks.length },
      change,
      from,
      state,
      chunks: rows.map(({ id, start, end, page, headings, text }) => [id, start, end, page, [...headings], text]), // prettier-ignore
    },
    rows,
  }
}
