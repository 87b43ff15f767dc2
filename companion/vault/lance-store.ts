import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Table } from '@lancedb/lancedb'
import { silentLog, type Log } from '#companion/observe/log.ts'
import type {
  DatasetState,
  IndexState,
  OwnedChunk,
  StoreHit,
  StoreSearch,
  StoredChunk,
  VaultStore,
} from '#shared/contracts/vault-store.ts'
import type { DocumentHead } from '#shared/vault/document-head.ts'
import { fuse } from '#shared/vault/fusion.ts'
import { searchTerms } from '#shared/vault/query-terms.ts'
import { folderBytes } from './folder-bytes.ts'
import { ReceivedDataset } from './lance-dataset.ts'
import { OwnDataset } from './lance-own.ts'
import { denseSearch, textSearch } from './lance-query.ts'
import { chunkOf, headOf, hitColumns, isSafeName, ofDocuments, ownedChunkOf, safeName, type Row } from './lance-rows.ts' // prettier-ignore

/** Candidates of each list that fusion sees, per hit wanted. */
const candidates = 4

export interface LanceStoreInit {
  /** Datasets lie at `<directory>/<collection>/<device>`: a device writes only its own. */
  readonly directory: string
  readonly deviceId: string
  /** Identity of the vectors; a dataset of another model is not opened. */
  readonly modelId: string
  readonly dimensions: number
  readonly log?: Log
  /** How long what compaction replaced stays on disk, for readers and for peers that fetch it. Ms. */
  readonly graceMs?: number
  /** From how many chunks on an approximate index is tried. */
  readonly indexFrom?: number
}

/** A dataset that can be read now. */
interface Readable {
  readonly collectionId: string
  readonly owner: string
  readonly table: Table
  readonly index: IndexState
  readonly received?: ReceivedDataset
}

/**
 * Chunks in LanceDB: exact vector search unless an index was measured to find the same, and a full text index over
 * the terms of terms.ts. One commit per write; readers keep the version they opened.
 */
export class LanceStore implements VaultStore {
  readonly specVersion = 2
  readonly deviceId: string
  readonly #init: LanceStoreInit
  readonly #log: Log
  readonly #tableName: string
  readonly #own = new Map<string, OwnDataset>()
  /** By collection, then owner. */
  readonly #received = new Map<string, Map<string, ReceivedDataset>>()

  constructor(init: LanceStoreInit) {
    this.#init = init
    this.#log = init.log ?? silentLog
    this.deviceId = init.deviceId
    this.#tableName = `chunks-${safeName(init.modelId)}-${init.dimensions}`
  }

  replaceDocument(
    collectionId: string,
    documentId: string,
    chunks: readonly StoredChunk[],
    signal: AbortSignal,
  ): Promise<void> {
    return this.replaceDocuments(collectionId, new Map([[documentId, chunks]]), signal)
  }

  async replaceDocuments(
    collectionId: string,
    documents: ReadonlyMap<string, readonly StoredChunk[]>,
    signal: AbortSignal,
  ): Promise<void> {
    signal.throwIfAborted()
    if (documents.size > 0) await this.#ownOf(collectionId).replace(documents, signal)
  }

  async putHeads(
    collectionId: string,
    heads: ReadonlyMap<string, DocumentHead>,
    signal: AbortSignal,
  ): Promise<void> {
    signal.throwIfAborted()
    if (heads.size > 0) await this.#ownOf(collectionId).putHeads(heads, signal)
  }

  async removeDocuments(
    collectionId: string,
    documentIds: readonly string[],
    signal: AbortSignal,
  ): Promise<void> {
    signal.throwIfAborted()
    if (documentIds.length > 0) await this.#ownOf(collectionId).remove(documentIds, signal)
  }

  async removeCollection(collectionId: string, signal: AbortSignal, owner?: string): Promise<void> {
    signal.throwIfAborted()
    if (owner === undefined || owner === this.deviceId) {
      await this.#own.get(collectionId)?.close()
      this.#own.delete(collectionId)
    }
    for (const [id, dataset] of this.#received.get(collectionId) ?? [])
      if (owner === undefined || owner === id) {
        dataset.close()
        this.#received.get(collectionId)?.delete(id)
      }
    const folder = join(this.#init.directory, safeName(collectionId))
    const gone = owner === undefined ? folder : join(folder, safeName(owner))
    await rm(gone, { recursive: true, force: true })
  }

  async optimize(collectionId: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    await this.#ownOf(collectionId).optimize(signal)
  }

  async search(request: StoreSearch, signal: AbortSignal): Promise<StoreHit[]> {
    signal.throwIfAborted()
    if (request.documentIds?.length === 0) return []
    const limit = request.limit * candidates
    const textWeight = request.textWeight ?? 1
    const terms = textWeight > 0 ? searchTerms(request.text).join(' ') : ''
    const where = request.documentIds && ofDocuments(request.documentIds)
    const datasets = (await Promise.all(request.collectionIds.map((id) => this.#readable(id))))
      .flat()
      .filter(({ owner }) => request.owners?.includes(owner) ?? true)
    signal.throwIfAborted()
    const found = await Promise.all(
      datasets.map(async (dataset) => {
        const lists = await this.#guarded(dataset, async ({ table, index }) =>
          Promise.all([
            denseSearch(table, request.vector, limit, request.exact ? undefined : index, where),
            terms ? textSearch(table, terms, limit, where) : [],
          ]),
        )
        const { collectionId, owner } = dataset
        return (lists ?? [[], []]).map((rows) => rows.map((row) => ({ collectionId, owner, row })))
      }),
    )
    signal.throwIfAborted()
    const dense = found
      .flatMap(([list]) => list!)
      .sort((a, b) => (a.row._distance ?? 0) - (b.row._distance ?? 0))
    const text = found
      .flatMap(([, list]) => list!)
      .sort((a, b) => (b.row._score ?? 0) - (a.row._score ?? 0))
    const keyOf = ({ collectionId, owner, row }: (typeof dense)[number]): string =>
      `${collectionId}/${owner}/${row.id}`
    const scores = new Map(text.map((item) => [keyOf(item), item.row._score]))
    const distances = new Map(dense.map((item) => [keyOf(item), item.row._distance]))
    return fuse([dense, text], keyOf, [1, textWeight])
      .slice(0, request.limit)
      .map(({ item, score, ranks: [denseRank, textRank] }) => ({
        collectionId: item.collectionId,
        owner: item.owner,
        chunk: chunkOf(item.row),
        score,
        ...(denseRank === undefined
          ? {}
          : { denseRank, similarity: 1 - (distances.get(keyOf(item)) ?? 1) }),
        ...(textRank === undefined ? {} : { textRank, textScore: scores.get(keyOf(item)) ?? 0 }),
      }))
  }

  async countChunks(collectionId: string, signal: AbortSignal, owner?: string): Promise<number> {
    signal.throwIfAborted()
    let sum = 0
    for (const dataset of await this.#readable(collectionId, owner))
      sum += (await this.#guarded(dataset, ({ table }) => table.countRows())) ?? 0
    return sum
  }

  async countByDocument(collectionId: string, signal: AbortSignal): Promise<Map<string, number>> {
    signal.throwIfAborted()
    const counts = new Map<string, number>()
    for (const { table } of await this.#readable(collectionId, this.deviceId)) {
      const rows = (await table.query().select(['document_id']).toArray()) as Row[]
      for (const { document_id: id } of rows) counts.set(id, (counts.get(id) ?? 0) + 1)
    }
    return counts
  }

  async documents(
    collectionId: string,
    owner: string,
    signal: AbortSignal,
  ): Promise<Map<string, DocumentHead | undefined>> {
    signal.throwIfAborted()
    const heads = new Map<string, DocumentHead | undefined>()
    for (const dataset of await this.#readable(collectionId, owner)) {
      const rows = await this.#guarded(dataset, async ({ table }) => {
        const known = (await table.schema()).fields.some((field) => field.name === 'document')
        const columns = known ? ['document_id', 'document'] : ['document_id']
        return (await table.query().where('ordinal = 0').select(columns).toArray()) as Row[]
      })
      for (const row of rows ?? []) heads.set(row.document_id, headOf(row))
    }
    return heads
  }

  async chunksOf(
    collectionId: string,
    documentIds: readonly string[],
    signal: AbortSignal,
    owner?: string,
    range?: { readonly from: number; readonly to: number },
  ): Promise<OwnedChunk[]> {
    signal.throwIfAborted()
    if (documentIds.length === 0) return []
    const chunks: OwnedChunk[] = []
    const inRange = range && `ordinal BETWEEN ${Math.trunc(range.from)} AND ${Math.trunc(range.to)}`
    const where = [ofDocuments(documentIds), ...(inRange ? [inRange] : [])].join(' AND ')
    for (const dataset of await this.#readable(collectionId, owner)) {
      const rows = await this.#guarded(
        dataset,
        async ({ table }) =>
          (await table.query().where(where).select([...hitColumns, 'vector']).toArray()) as Row[], // prettier-ignore
      )
      for (const row of rows ?? []) chunks.push(ownedChunkOf(row, dataset.owner))
    }
    return chunks.sort((a, b) => (a.documentId < b.documentId ? -1 : a.documentId > b.documentId ? 1 : a.ordinal - b.ordinal)) // prettier-ignore
  }

  async sample(
    collectionIds: readonly string[],
    count: number,
    signal: AbortSignal,
  ): Promise<Float32Array[]> {
    signal.throwIfAborted()
    const datasets = (await Promise.all(collectionIds.map((id) => this.#readable(id)))).flat()
    const counted = await Promise.all(
      datasets.map(async (dataset) => ({
        dataset,
        rows: (await this.#guarded(dataset, ({ table }) => table.countRows())) ?? 0,
      })),
    )
    const total = counted.reduce((sum, { rows }) => sum + rows, 0)
    const vectors: Float32Array[] = []
    for (const { dataset, rows } of counted) {
      if (rows === 0) continue
      // Spread evenly, so that the same data always give the same sample.
      const share = Math.max(1, Math.min(rows, Math.round((count * rows) / total)))
      const offsets = Array.from({ length: share }, (_, i) => Math.floor((i * rows) / share))
      const found = await this.#guarded(
        dataset,
        async ({ table }) =>
          (await table.takeOffsets(offsets).select(['vector']).toArray()) as Row[],
      )
      for (const row of found ?? []) vectors.push(Float32Array.from(row.vector ?? []))
    }
    return vectors
  }

  async datasets(collectionId: string, signal: AbortSignal): Promise<DatasetState[]> {
    signal.throwIfAborted()
    const received = await this.#receivedOf(collectionId)
    const states = [this.#ownOf(collectionId), ...received].map(async (dataset) => {
      const state = await dataset.state()
      const folder = join(this.#init.directory, safeName(collectionId), safeName(state.owner))
      return { ...state, bytes: await folderBytes(folder) }
    })
    return Promise.all(states)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const dataset of this.#own.values()) await dataset.close()
    this.#own.clear()
    for (const datasets of this.#received.values())
      for (const dataset of datasets.values()) dataset.close()
    this.#received.clear()
  }

  #ownOf(collectionId: string): OwnDataset {
    let own = this.#own.get(collectionId)
    if (!own) {
      const { directory, deviceId, dimensions, graceMs, indexFrom } = this.#init
      own = new OwnDataset({
        folder: join(directory, safeName(collectionId), safeName(deviceId)),
        owner: deviceId,
        tableName: this.#tableName,
        dimensions,
        log: this.#log,
        ...(graceMs === undefined ? {} : { graceMs }),
        ...(indexFrom === undefined ? {} : { indexFrom }),
      })
      this.#own.set(collectionId, own)
    }
    return own
  }

  /** The datasets of other devices that lie here now. */
  async #receivedOf(collectionId: string): Promise<ReceivedDataset[]> {
    const folder = join(this.#init.directory, safeName(collectionId))
    const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
    const owners = entries
      .filter((entry) => entry.isDirectory() && isSafeName(entry.name))
      .map((entry) => entry.name)
      .filter((name) => name !== this.deviceId)
    const known = this.#received.get(collectionId) ?? new Map<string, ReceivedDataset>()
    this.#received.set(collectionId, known)
    for (const [owner, dataset] of known)
      if (!owners.includes(owner)) {
        dataset.close()
        known.delete(owner)
      }
    for (const owner of owners)
      if (!known.has(owner))
        known.set(
          owner,
          new ReceivedDataset({
            folder: join(folder, owner),
            owner,
            tableName: this.#tableName,
            log: this.#log,
          }),
        )
    return [...known.values()]
  }

  async #readable(collectionId: string, owner?: string): Promise<Readable[]> {
    const readable: Readable[] = []
    if (owner === undefined || owner === this.deviceId) {
      const opened = await this.#ownOf(collectionId).forReading()
      if (opened) readable.push({ collectionId, owner: this.deviceId, ...opened })
    }
    for (const received of await this.#receivedOf(collectionId)) {
      if (owner !== undefined && owner !== received.owner) continue
      const opened = await received.current()
      if (opened) readable.push({ collectionId, owner: received.owner, received, ...opened })
    }
    return readable
  }

  /** A received dataset whose files are changed under a reader is opened anew once, then left out of this answer. */
  async #guarded<T>(
    dataset: Readable,
    read: (dataset: { table: Table; index: IndexState }) => Promise<T>,
  ): Promise<T | undefined> {
    try {
      return await read(dataset)
    } catch (error) {
      if (!dataset.received) throw error
      const again = await dataset.received.failed(error)
      return again ? await read(again).catch(() => undefined) : undefined
    }
  }
}
