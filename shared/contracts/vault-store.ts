/** Vectors and full text of chunks. Suite: tests/contracts/vault-store.ts. */
export interface VaultStore extends AsyncDisposable {
  readonly specVersion: 1
  /** Replaces all chunks of a document in one step: readers see the old ones or the new ones. */
  replaceDocument(
    collectionId: string,
    documentId: string,
    chunks: readonly StoredChunk[],
    signal: AbortSignal,
  ): Promise<void>
  removeDocuments(
    collectionId: string,
    documentIds: readonly string[],
    signal: AbortSignal,
  ): Promise<void>
  removeCollection(collectionId: string, signal: AbortSignal): Promise<void>
  /** Makes what was written since findable by full text, and compacts. Called after an ingest. */
  optimize(collectionId: string, signal: AbortSignal): Promise<void>
  search(request: StoreSearch, signal: AbortSignal): Promise<StoreHit[]>
  countChunks(collectionId: string, signal: AbortSignal): Promise<number>
  /** How many chunks each document has: what an ingest compares its records with. */
  countByDocument(collectionId: string, signal: AbortSignal): Promise<Map<string, number>>
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
}

export interface StoreSearch {
  readonly collectionIds: readonly string[]
  readonly text: string
  readonly vector: Float32Array
  readonly limit: number
}

export interface StoreHit {
  readonly collectionId: string
  readonly chunk: Omit<StoredChunk, 'vector' | 'context'>
  /** Reciprocal rank fusion, k = 60. */
  readonly score: number
  readonly denseRank?: number
  readonly textRank?: number
}
