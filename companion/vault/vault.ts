import type { RunContext, RunExecutor } from '#companion/runs/run.ts'
import type { Collection, Document, DocumentText, Problem } from '#shared/domain/vault.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { textOfChunks } from '#shared/vault/chunk-text.ts'
import { checkVault, type CheckParts, type CheckResult } from './check.ts'
import { changedPaths } from './changed-paths.ts'
import type { Extractor } from './extractor.ts'
import type { IngestOptions, IngestParts } from './ingest.ts'
import { recoverWrites } from './ingest-recovery.ts'
import { IngestRuns, type IngestRequest } from './ingest-runs.ts'
import type { LanceStore } from './lance-store.ts'
import { OwnDocuments } from './own-documents.ts'
import type { VaultRecords } from './vault-records.ts'

export interface VaultInit extends Omit<IngestParts, 'store' | 'own' | 'extractor'> {
  readonly store: LanceStore
  readonly extractor: Pick<Extractor, 'extract'> & AsyncDisposable
  /** Called with the collection that changed. */
  readonly onChange: (collectionId: string) => void
  /** What the documents of a collection are, where it says more than their format. */
  readonly kindOf?: (collectionId: string) => IngestOptions['kindOf']
}

/** The knowledge vault: collections of documents, searched by meaning and by words. */
export class Vault implements AsyncDisposable {
  readonly #init: VaultInit
  readonly #own: OwnDocuments
  readonly #ingests: IngestRuns

  constructor(init: VaultInit) {
    this.#init = init
    this.#own = new OwnDocuments(init.records)
    const { kindOf = () => undefined } = init
    this.#ingests = new IngestRuns({ ...init, own: this.#own, kindOf })
  }

  /** Finishes or undoes what a process that was killed left half written. Called once, before anything is read. */
  async recover(signal: AbortSignal): Promise<void> {
    for (const { id } of this.names())
      await this.#ingests.alone(id, () => recoverWrites(id, { ...this.#init, own: this.#own }, signal)) // prettier-ignore
  }

  collections(): Collection[] {
    return this.#init.records.collections().map((record) => {
      const runId = this.#ingests.runId(record.id)
      return { ...record, ...(runId === undefined ? {} : { runId }) }
    })
  }

  /** Ids, names and homes only. */
  names(): ReturnType<VaultRecords['names']> {
    return this.#init.records.names()
  }

  /** Creating a collection that is there already changes nothing. */
  createCollection(request: { id: string; name: string; roots?: readonly string[] }): Collection {
    const { id, name, roots } = request
    const { records } = this.#init
    const isNew = records.collection(id) === undefined
    records.createCollection(id, name)
    if (isNew && roots) records.setRoots(id, roots)
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
    await this.#ingests.stop(id)
    const { records, store, texts } = this.#init
    const documents = records.findDocumentIds({ collectionIds: [id] })
    await store.removeCollection(id, AbortSignal.timeout(60_000))
    records.removeCollection(id)
    for (const document of documents) await texts.remove(document)
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
    const text = await this.#text(document)
    const from = Math.min(Math.max(0, start), text.length)
    return { document, text: text.slice(from, from + length), start: from, length: text.length }
  }

  /**
   * The run that adds `paths` to a collection's roots and reads all of them, or only some files. A second start for the
   * same collection is refused until it has ended.
   * @throws SiloError collection_unknown, conflict (already reading), path_not_absolute
   */
  ingest(request: IngestRequest): RunExecutor {
    this.#collection(request.collectionId)
    return this.#ingests.start(request)
  }

  /** Compares records, index, texts and files; sets right what differs where that is asked for. */
  check(
    options: { readonly repair: boolean },
    run: Pick<RunContext, 'signal' | 'emit'>,
  ): Promise<CheckResult> {
    const { embedder } = this.#init
    const alone: CheckParts['alone'] = (id, work) => this.#ingests.alone(id, work)
    return checkVault({ ...this.#init, own: this.#own, modelId: embedder.modelId, alone }, options, run) // prettier-ignore
  }

  /** Files that are other than when they were last read. @throws SiloError as a scan of the only root */
  changedPaths(
    collectionId: string,
    options: { readonly only?: readonly string[] | undefined; readonly signal: AbortSignal },
  ): Promise<string[]> {
    return changedPaths(collectionId, { records: this.#init.records, own: this.#own }, options)
  }

  /** Whether a run reads this collection, or is about to. */
  isReading(collectionId: string): boolean {
    return this.#ingests.isBusy(collectionId)
  }

  /** Holds reading between two files until it is resumed, also over a restart. @throws SiloError collection_unknown */
  pause(id: string): Collection {
    this.#collection(id)
    this.#ingests.pause(id)
    return this.#collection(id)
  }

  /** @throws SiloError collection_unknown */
  resume(id: string): Collection {
    this.#collection(id)
    this.#ingests.resume(id)
    return this.#collection(id)
  }

  /** Whether the roots are watched and read again when they change. @throws SiloError collection_unknown */
  setWatched(id: string, watched: boolean): Collection {
    this.#collection(id)
    this.#init.records.setWatched(id, watched)
    this.#init.onChange(id)
    return this.#collection(id)
  }

  /** The root is not read any more; its documents go with the next reading. @throws SiloError collection_unknown */
  removeRoot(id: string, root: string): Collection {
    const { roots } = this.#collection(id)
    this.#init.records.setRoots(id, roots.filter((known) => known !== root)) // prettier-ignore
    this.#init.onChange(id)
    return this.#collection(id)
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

  /** Texts do not travel: of what another device read, the text is put together from the chunks. */
  async #text({ id, collectionId, owner }: Document): Promise<string> {
    const { texts, store, records } = this.#init
    if (owner === undefined) return texts.read(id)
    const chunks = await store.chunksOf(collectionId, [id], AbortSignal.timeout(60_000), owner)
    if (chunks.length === 0) throw new SiloError('document_unknown')
    return textOfChunks(chunks, records.record(id)?.length)
  }

  #collection(id: string): Collection {
    const found = this.collections().find((collection) => collection.id === id)
    if (!found) throw new SiloError('collection_unknown')
    return found
  }
}
