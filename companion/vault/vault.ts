import { stat } from 'node:fs/promises'
import { isAbsolute, resolve } from 'node:path'
import type { RunExecutor } from '#companion/runs/run.ts'
import type {
  Collection,
  Document,
  DocumentText,
  Problem,
  SearchHit,
} from '#shared/domain/vault.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { pathError } from './extract-file.ts'
import { ingest, type IngestParts } from './ingest.ts'
import type { LanceStore } from './lance-store.ts'
import type { VaultRecords } from './vault-records.ts'

export interface VaultInit extends Omit<IngestParts, 'store'> {
  readonly store: LanceStore
  /** Called with the collection that changed. */
  readonly onChange: (collectionId: string) => void
}

/** The knowledge vault: collections of documents, searched by meaning and by words. */
export class Vault implements AsyncDisposable {
  readonly #init: VaultInit
  /** The ingest that runs, by collection. */
  readonly #running = new Map<string, { runId: string; finished: Promise<unknown> }>()
  readonly #cancel = new Map<string, AbortController>()

  constructor(init: VaultInit) {
    this.#init = init
  }

  collections(): Collection[] {
    return this.#init.records.collections().map((record) => {
      const running = this.#running.get(record.id)
      return { ...record, ...(running ? { runId: running.runId } : {}) }
    })
  }

  /** Ids, names and homes only. */
  names(): ReturnType<VaultRecords['names']> {
    return this.#init.records.names()
  }

  /** Creating a collection that is there already changes nothing. */
  createCollection({ id, name }: { id: string; name: string }): Collection {
    this.#init.records.createCollection(id, name)
    this.#init.onChange(id)
    return this.#collection(id)
  }

  /** @throws SiloError collection_unknown */
  renameCollection(id: string, name: string): Collection {
    this.#collection(id)
    this.#init.records.renameCollection(id, name)
    this.#init.onChange(id)
    return this.#collection(id)
  }

  /** Removes the index and the extracted texts; the documents on disk stay. @throws SiloError collection_unknown */
  async removeCollection(id: string): Promise<void> {
    this.#collection(id)
    this.#cancel.get(id)?.abort(new SiloError('cancelled'))
    await this.#running.get(id)?.finished.catch(() => {})
    const { records, store, texts } = this.#init
    const documents = [...records.documentsByPath(id).values()]
    await store.removeCollection(id, AbortSignal.timeout(60_000))
    records.removeCollection(id)
    for (const document of documents) await texts.remove(document.id)
    this.#init.onChange(id)
  }

  /** @throws SiloError collection_unknown */
  documents(
    collectionId: string,
    page: { query: string; offset: number; limit: number },
  ): { documents: Document[]; total: number } {
    this.#collection(collectionId)
    return this.#init.records.documents(collectionId, page)
  }

  /** @throws SiloError collection_unknown */
  problems(collectionId: string): Problem[] {
    this.#collection(collectionId)
    return this.#init.records.problems(collectionId)
  }

  /** A slice of a document's extracted text, in UTF-16 code units. @throws SiloError document_unknown */
  async documentText(
    id: string,
    { start, length }: { start: number; length: number },
  ): Promise<DocumentText> {
    const document = this.#init.records.document(id)
    if (!document) throw new SiloError('document_unknown')
    const text = await this.#init.texts.read(id)
    const from = Math.min(Math.max(0, start), text.length)
    return { document, text: text.slice(from, from + length), start: from, length: text.length }
  }

  /**
   * The best passages first. No collection named means all.
   * @throws SiloError collection_unknown, and what the embedding model throws
   */
  async search(
    request: { query: string; collectionIds: readonly string[]; limit: number },
    signal: AbortSignal,
  ): Promise<SearchHit[]> {
    const { records, embedder, store } = this.#init
    const known = new Set(records.collections().map((collection) => collection.id))
    for (const id of request.collectionIds)
      if (!known.has(id)) throw new SiloError('collection_unknown')
    const collectionIds = request.collectionIds.length ? [...request.collectionIds] : [...known]
    if (collectionIds.length === 0) return []
    const [vector] = await embedder.embed([request.query.slice(0, 1000)], 'query', signal)
    if (!vector) return []
    const hits = await store.search({ collectionIds, text: request.query, vector, limit: request.limit }, signal) // prettier-ignore
    return hits.flatMap((hit) => {
      // A chunk whose document is gone from the records is about to be removed.
      const document = records.document(hit.chunk.documentId)
      if (!document) return []
      const { chunk } = hit
      return [
        {
          documentId: document.id,
          collectionId: hit.collectionId,
          chunkId: chunk.id,
          title: document.title,
          path: document.path,
          ...(chunk.page > 0 ? { page: chunk.page } : {}),
          headings: [...chunk.headings],
          start: chunk.start,
          end: chunk.end,
          text: chunk.text,
          score: hit.score,
          ...(hit.denseRank === undefined ? {} : { denseRank: hit.denseRank }),
          ...(hit.textRank === undefined ? {} : { textRank: hit.textRank }),
        },
      ]
    })
  }

  /**
   * The run that adds `paths` to a collection's roots and reads all of them.
   * @throws SiloError collection_unknown, conflict (already reading), path_not_absolute
   */
  ingest({ collectionId, paths }: { collectionId: string; paths: readonly string[] }): RunExecutor {
    const { roots } = this.#collection(collectionId)
    if (this.#running.has(collectionId))
      throw new SiloError('conflict', { params: { detail: 'this collection is being read' } })
    for (const path of paths)
      if (!isAbsolute(path)) throw new SiloError('path_not_absolute', { params: { path } })
    return async (run) => {
      const cancel = new AbortController()
      const { promise: finished, resolve: finish } = Promise.withResolvers<void>()
      this.#running.set(collectionId, { runId: run.id, finished })
      this.#cancel.set(collectionId, cancel)
      this.#init.onChange(collectionId)
      try {
        const all = [...new Set([...roots, ...paths.map((path) => resolve(path))])]
        for (const path of paths)
          await stat(path).catch((cause: unknown) => {
            throw pathError(path, cause)
          })
        this.#init.records.setRoots(collectionId, all)
        const signal = AbortSignal.any([run.signal, cancel.signal])
        return await ingest(collectionId, all, this.#init, {
          id: run.id,
          signal,
          emit: (body) => run.emit(body),
        })
      } finally {
        this.#running.delete(collectionId)
        this.#cancel.delete(collectionId)
        finish()
        this.#init.onChange(collectionId)
      }
    }
  }

  counts(): { collections: number; documents: number; chunks: number } {
    const collections = this.#init.records.collections()
    return {
      collections: collections.length,
      documents: collections.reduce((sum, collection) => sum + collection.documents, 0),
      chunks: collections.reduce((sum, collection) => sum + collection.chunks, 0),
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#init.extractor[Symbol.asyncDispose]()
    await this.#init.store[Symbol.asyncDispose]()
  }

  #collection(id: string): Collection {
    const found = this.collections().find((collection) => collection.id === id)
    if (!found) throw new SiloError('collection_unknown')
    return found
  }
}
