import type { DocumentHead } from '#shared/vault/document-head.ts'

/**
 * Vectors and full text of chunks. A collection has one dataset for each device that has documents in it: this
 * store writes that of its own device, and reads the others as they arrive by sync. Suite: tests/contracts/vault-store.ts.
 */
export interface VaultStore extends AsyncDisposable {
  readonly specVersion: 2
  /** The device whose datasets are written here. */
  readonly deviceId: string

  /** Replaces all chunks of a document in one step: readers see the old ones or the new ones. */
  replaceDocument(
    collectionId: string,
    documentId: string,
    chunks: readonly StoredChunk[],
    signal: AbortSignal,
  ): Promise<void>
  /** Several documents in one step, and faster than one by one. */
  replaceDocuments(
    collectionId: string,
    documents: ReadonlyMap<string, readonly StoredChunk[]>,
    signal: AbortSignal,
  ): Promise<void>
  /** Changes what is said of documents (path, title, date) and leaves their chunks alone. Unknown ids are passed over. */
  putHeads(
    collectionId: string,
    heads: ReadonlyMap<string, DocumentHead>,
    signal: AbortSignal,
  ): Promise<void>
  removeDocuments(
    collectionId: string,
    documentIds: readonly string[],
    signal: AbortSignal,
  ): Promise<void>
  /** Removes the datasets of all devices, or of the one named. */
  removeCollection(collectionId: string, signal: AbortSignal, owner?: string): Promise<void>
  /**
   * Makes what was written since quickly findable by full text, compacts, and decides on an index. Called after an
   * ingest. What compaction replaces stays on disk for a grace time, for readers and for peers that fetch it.
   */
  optimize(collectionId: string, signal: AbortSignal): Promise<void>

  search(request: StoreSearch, signal: AbortSignal): Promise<StoreHit[]>
  /** Of all datasets that can be read, or of one. */
  countChunks(collectionId: string, signal: AbortSignal, owner?: string): Promise<number>
  /** How many chunks each of the own documents has: what an ingest compares its records with. */
  countByDocument(collectionId: string, signal: AbortSignal): Promise<Map<string, number>>
  /** The documents of one dataset, by id; a dataset written before heads were kept has none to say. */
  documents(
    collectionId: string,
    owner: string,
    signal: AbortSignal,
  ): Promise<Map<string, DocumentHead | undefined>>
  /** The chunks of the documents named, by document and ordinal, vectors included. */
  chunksOf(
    collectionId: string,
    documentIds: readonly string[],
    signal: AbortSignal,
    owner?: string,
    /** Only chunks with these ordinals, both inclusive. */
    range?: { readonly from: number; readonly to: number },
  ): Promise<OwnedChunk[]>
  /** Vectors from all over the collections, fewer where there are fewer: what is usual, to compare a find with. */
  sample(
    collectionIds: readonly string[],
    count: number,
    signal: AbortSignal,
  ): Promise<Float32Array[]>
  /** Every dataset that lies here, the unusable ones with the reason. Reads anew what has changed on disk. */
  datasets(collectionId: string, signal: AbortSignal): Promise<DatasetState[]>
}

export interface StoredChunk {
  readonly id: string
  readonly documentId: string
  /** Order within the document. */
  readonly ordinal: number
  readonly text: string
  readonly headings: readonly string[]
  /** Searched with the chunk without being part of it: title of the document, names of columns. */
  readonly context?: string
  /** UTF-16 offsets into the document's extracted text. */
  readonly start: number
  readonly end: number
  /** 1-based; 0 where the format has none. */
  readonly page: number
  /** Unit length. */
  readonly vector: Float32Array
  /** On the chunk with ordinal 0: what is said of the document. */
  readonly document?: DocumentHead
}

export type OwnedChunk = Omit<StoredChunk, 'context' | 'document'> & { readonly owner: string }

export interface StoreSearch {
  readonly collectionIds: readonly string[]
  readonly text: string
  readonly vector: Float32Array
  readonly limit: number
  /** Only datasets of these devices; absent: all. */
  readonly owners?: readonly string[]
  /** Only these documents; absent: all. */
  readonly documentIds?: readonly string[]
  /** How much the list by words counts beside the list by meaning (1 = as much); 0 leaves it out. */
  readonly textWeight?: number
  /** Compares with every vector whatever index there is: for measuring. */
  readonly exact?: boolean
}

export interface StoreHit {
  readonly collectionId: string
  /** The device whose dataset it is from. */
  readonly owner: string
  readonly chunk: Omit<StoredChunk, 'vector' | 'context' | 'document'>
  /** Weighted reciprocal rank fusion, k = 60. */
  readonly score: number
  readonly denseRank?: number
  readonly textRank?: number
  /** Cosine; only where it was found by meaning. Never to be compared with a fixed number: e5's bunch. */
  readonly similarity?: number
  /** BM25, comparable within one dataset; only where it was found by words. */
  readonly textScore?: number
}

export interface DatasetState {
  readonly owner: string
  readonly own: boolean
  /** Absent where it can be used. `other-model`: of vectors that cannot be compared; `damaged`: does not open. */
  readonly unusable?: 'other-model' | 'damaged'
  /** For the log and for check; names no contents. */
  readonly reason?: string
  /** A newer version lies on disk and does not open; the last good one is in use. */
  readonly stale?: boolean
  readonly chunks: number
  /** What it takes on the disk; where the store can tell. */
  readonly bytes?: number
  /** The version in use. */
  readonly version: number
  readonly index: IndexState
}

/** How vectors are searched. */
export interface IndexState {
  /** `exact` compares with every vector. */
  readonly kind: 'exact' | 'ivf-flat'
  /** Recall@10 of the index, measured against exact search on the dataset's own vectors; also of one that was not kept. */
  readonly recall?: number
  /** Partitions asked for a query. */
  readonly probes?: number
  /** Ms since 1970 when this was decided. */
  readonly decidedAt?: number
}
