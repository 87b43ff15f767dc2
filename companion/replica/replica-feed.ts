import type { AccessPolicy } from '#companion/team/access-policy.ts'
import type { OwnedChunk } from '#shared/contracts/vault-store.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { encodeReplicaPage, quantize } from '#shared/protocol/replica-page.ts'
import {
  maxPageEntries,
  type ReplicaChunk,
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
    const { records } = this.#init
    const page = new Filling(cursor)
    for (;;) {
      signal.throwIfAborted()
      const changes = records.changesSince(collectionId, page.next.since, batchDocuments)
      const first = changes[0]
      if (!first) return page.end(true)
      const begun = first.change === page.next.part?.change
      const batch = begun ? [] : upTo(changes, limit - page.rows, cursor)
      if (batch.length > 0) {
        const chunks = await this.#chunksOf(collectionId, batch, cursor, signal)
        for (const change of batch) {
          if (page.isFull) return page.end(false)
          if (change.kind === 'removed') page.remove(change)
          else page.add(change, isKept(change, cursor), chunks.get(change.document.id) ?? [])
        }
      } else if (page.isEmpty && first.kind === 'document') {
        // Larger than a page, or begun by the page before.
        const from = begun ? (page.next.part?.chunks ?? 0) : 0
        if (!page.part(first, from, await this.#range(collectionId, first, from, limit, signal)))
          return page.end(false)
      } else return page.end(false)
    }
  }

  /** The chunks of these documents, as their owners' datasets have them. */
  async #chunksOf(
    collectionId: string,
    changes: readonly DocumentChange[],
    cursor: ReplicaCursor,
    signal: AbortSignal,
  ): Promise<Map<string, OwnedChunk[]>> {
    const owners = new Map<string, string>()
    for (const change of changes)
      if (change.kind === 'document' && !isKept(change, cursor))
        owners.set(change.document.id, this.#ownerOf(change))
    const found = new Map<string, OwnedChunk[]>()
    if (owners.size === 0) return found
    for (const chunk of await this.#init.chunks.chunksOf(
      collectionId,
      [...owners.keys()],
      signal,
    )) {
      if (owners.get(chunk.documentId) !== chunk.owner) continue
      const own = found.get(chunk.documentId)
      if (own) own.push(chunk)
      else found.set(chunk.documentId, [chunk])
    }
    return found
  }

  #range(
    collectionId: string,
    change: Changed,
    from: number,
    limit: number,
    signal: AbortSignal,
  ): Promise<OwnedChunk[]> {
    const range = { from, to: from + limit - 1 }
    const ids = [change.document.id]
    return this.#init.chunks.chunksOf(collectionId, ids, signal, this.#ownerOf(change), range)
  }

  #ownerOf({ document }: Changed): string {
    return document.owner ?? this.#init.companionId
  }
}

type Changed = Extract<DocumentChange, { kind: 'document' }>

/** A page while it is being filled. */
class Filling {
  readonly documents: ReplicaDocument[] = []
  readonly removed: string[] = []
  readonly vectors: Float32Array[] = []
  next: ReplicaCursor
  #text = 0

  constructor(cursor: ReplicaCursor) {
    this.next = cursor
  }

  get rows(): number {
    return this.vectors.length
  }
  get isEmpty(): boolean {
    return this.documents.length + this.removed.length === 0
  }
  get isFull(): boolean {
    return this.#text >= pageText || this.documents.length + this.removed.length >= maxPageEntries
  }

  remove({ id, change }: Extract<DocumentChange, { kind: 'removed' }>): void {
    this.removed.push(id)
    this.next = { since: change }
  }

  add(changed: Changed, kept: boolean, chunks: readonly OwnedChunk[]): void {
    const { document, change } = changed
    const state = kept ? 'kept' : 'complete'
    this.documents.push({ document, change, from: 0, state, chunks: this.#take(chunks) })
    this.next = { since: change }
  }

  /** Some chunks of a large document; true where it is whole with them. */
  part({ document, change }: Changed, from: number, chunks: readonly OwnedChunk[]): boolean {
    const sent = from + chunks.length
    // Fewer than the records say: there are no more to be had.
    const whole = chunks.length === 0 || sent >= document.chunks
    const state = whole ? 'complete' : 'more'
    this.documents.push({ document, change, from, state, chunks: this.#take(chunks) })
    this.next = whole ? { since: change } : { since: this.next.since, part: { change, chunks: sent } } // prettier-ignore
    return whole
  }

  end(complete: boolean) {
    const { documents, removed, vectors, next } = this
    return { documents, removed, vectors, next, complete }
  }

  #take(chunks: readonly OwnedChunk[]): ReplicaChunk[] {
    return chunks.map(({ id, start, end, page, headings, text, vector }) => {
      this.vectors.push(vector)
      this.#text += text.length
      return [id, start, end, page, [...headings], text]
    })
  }
}

/** As many changes as have at most `room` chunks together: what is not sent is not read. */
function upTo(
  changes: readonly DocumentChange[],
  room: number,
  cursor: ReplicaCursor,
): readonly DocumentChange[] {
  let chunks = 0
  const end = changes.findIndex((change) => {
    if (change.kind === 'document' && !isKept(change, cursor)) chunks += change.document.chunks
    return chunks > room
  })
  return end < 0 ? changes : changes.slice(0, end)
}

/** The device has its chunks already: only what is said of the document is new. */
function isKept({ contentChange }: Changed, cursor: ReplicaCursor): boolean {
  return contentChange !== undefined && contentChange <= cursor.since
}
