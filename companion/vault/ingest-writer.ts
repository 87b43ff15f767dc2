import { basename } from 'node:path'
import type { StoredChunk } from '#shared/contracts/vault-store.ts'
import { headOfRecord } from './document-rows.ts'
import { writeProblem } from './path-problem.ts'
import type { FileRecord, OwnDocument, OwnDocuments, Staged } from './own-documents.ts'
import type { LanceStore } from './lance-store.ts'
import type { TextFiles } from './text-files.ts'

export type IngestStore = Pick<
  LanceStore,
  | 'deviceId'
  | 'replaceDocuments'
  | 'putHeads'
  | 'removeDocuments'
  | 'optimize'
  | 'countByDocument'
  | 'documents'
>

export interface WriterParts {
  readonly own: OwnDocuments
  readonly store: IngestStore
  readonly texts: TextFiles
}

/** A document read anew: its record without its place, its chunks with their vectors, and its text. */
export interface Content {
  readonly document: OwnDocument
  readonly chunks: readonly StoredChunk[]
  readonly text: string
}

/** One commit of the index takes about as long for many documents as for one. */
const fullChunks = 256
const fullDocuments = 64
const fullMs = 2000
const writeLimitMs = 120_000

/**
 * Writes what an ingest found, several documents at a time, each either as it was or as it is going to be. Holds the
 * present state of the collection in memory: which path leads to which document.
 */
export class IngestWriter {
  readonly files: Map<string, FileRecord>
  readonly documents: Map<string, OwnDocument>
  readonly #collectionId: string
  readonly #parts: WriterParts
  readonly #paths = new Map<string, Set<string>>()
  /** Paths of each document as they are in the records. */
  readonly #stored = new Map<string, Set<string>>()
  readonly #onWritten: (ids: readonly string[]) => void
  #contents = new Map<string, Content>()
  #described = new Set<string>()
  /** Documents whose content is on its way: nothing is written of them before it is here. */
  readonly #expected = new Set<string>()
  #touched = new Set<string>()
  #fresh: FileRecord[] = []
  #chunks = 0
  #since = 0
  #writing: Promise<void> = Promise.resolve()

  /** @param onWritten called with the documents whose content is in the index and in the records */
  constructor(
    collectionId: string,
    parts: WriterParts,
    onWritten: (ids: readonly string[]) => void = () => {},
  ) {
    this.#collectionId = collectionId
    this.#parts = parts
    this.#onWritten = onWritten
    this.files = parts.own.files(collectionId)
    this.documents = parts.own.documents(collectionId)
    for (const { path, documentId } of this.files.values()) {
      add(this.#paths, documentId, path)
      add(this.#stored, documentId, path)
    }
  }

  pathsOf(documentId: string): ReadonlySet<string> {
    return this.#paths.get(documentId) ?? new Set()
  }

  /** Documents that no path leads to. */
  homeless(): OwnDocument[] {
    return [...this.documents.values()].filter(({ id }) => this.pathsOf(id).size === 0)
  }

  /** From now on the path leads to this document, and to no other. */
  link(file: FileRecord): void {
    this.unlink(file.path)
    this.files.set(file.path, file)
    add(this.#paths, file.documentId, file.path)
    this.#fresh.push(file)
    this.#touch(file.documentId)
  }

  unlink(path: string): void {
    const file = this.files.get(path)
    if (!file) return
    this.files.delete(path)
    this.#paths.get(file.documentId)?.delete(path)
    this.#touch(file.documentId)
  }

  /** The content of this document comes with `put`, or turns out to be what it was with `describe`. */
  expect(id: string): void {
    this.#expected.add(id)
  }

  /** What is said of a document is other than before; its chunks are not. */
  describe(document: OwnDocument): void {
    this.#expected.delete(document.id)
    this.documents.set(document.id, document)
    this.#described.add(document.id)
    this.#touch(document.id)
  }

  put(content: Content): void {
    this.#expected.delete(content.document.id)
    this.#contents.set(content.document.id, content)
    this.documents.set(content.document.id, content.document)
    this.#chunks += content.chunks.length
    this.#touch(content.document.id)
  }

  get isFull(): boolean {
    return (
      this.#chunks >= fullChunks ||
      this.#contents.size >= fullDocuments ||
      (this.#since > 0 && Date.now() - this.#since > fullMs)
    )
  }

  /** Writes what has come together. Resolves when what was written before is done, not when this is. */
  async flush(): Promise<void> {
    await this.#writing
    if (this.#touched.size === 0 && this.#fresh.length === 0) return
    const contents = this.#contents
    const documents: OwnDocument[] = []
    const gone: string[] = []
    const later = new Set<string>()
    for (const id of this.#touched) {
      if (this.#expected.has(id)) {
        later.add(id)
        continue
      }
      const document = this.documents.get(id)
      const paths = this.pathsOf(id)
      // What has no path yet may still be found elsewhere, or is removed in the end.
      if (!document || paths.size === 0) continue
      const placed = this.#place(document, paths)
      if (placed !== document || contents.has(id) || this.#described.has(id)) {
        this.documents.set(id, placed)
        documents.push(placed)
      }
      for (const path of this.#stored.get(id) ?? [])
        if (this.files.get(path) === undefined) gone.push(path)
      this.#stored.set(id, new Set(paths))
    }
    const present = this.#fresh.filter((file) => this.files.get(file.path) === file)
    const files = present.filter(({ documentId }) => !later.has(documentId))
    this.#contents = new Map()
    this.#described = new Set()
    this.#touched = later
    this.#fresh = present.filter(({ documentId }) => later.has(documentId))
    this.#chunks = 0
    this.#since = 0
    if (documents.length + files.length + gone.length === 0) return
    this.#writing = this.#write(documents, contents, files, gone)
    this.#writing.catch(() => {})
  }

  /** Resolves when all that was flushed is on disk. @throws SiloError no_space, and what the store throws */
  async settled(): Promise<void> {
    await this.#writing
  }

  /** Removes documents from index, records and texts. */
  async remove(ids: readonly string[]): Promise<void> {
    await this.#writing
    if (ids.length === 0) return
    await removeDocuments(this.#collectionId, ids, this.#parts)
    for (const id of ids) {
      this.documents.delete(id)
      this.#touched.delete(id)
      this.#stored.delete(id)
    }
  }

  #touch(id: string): void {
    this.#touched.add(id)
    if (this.#since === 0) this.#since = Date.now()
  }

  /** The document at its first path, with the others as copies; the same object where nothing is other. */
  #place(document: OwnDocument, paths: ReadonlySet<string>): OwnDocument {
    const path = paths.has(document.path) ? document.path : [...paths].sort()[0]!
    const copies = [...paths].filter((other) => other !== path).sort()
    const { size = document.size, modifiedAt = document.modifiedAt } = this.files.get(path) ?? {}
    const known = document.copies ?? []
    const same =
      path === document.path &&
      size === document.size &&
      modifiedAt === document.modifiedAt &&
      copies.length === known.length &&
      copies.every((copy, index) => copy === known[index])
    if (same) return document
    const { copies: _copies, ...rest } = document
    // A title that was the file's name goes with the name.
    const title = document.title === stemOf(document.path) ? stemOf(path) : document.title
    return { ...rest, path, title, size, modifiedAt, ...(copies.length ? { copies } : {}) }
  }

  async #write(
    documents: readonly OwnDocument[],
    contents: ReadonlyMap<string, Content>,
    files: readonly FileRecord[],
    gone: readonly string[],
  ): Promise<void> {
    const { own, store, texts } = this.#parts
    const collectionId = this.#collectionId
    const signal = AbortSignal.timeout(writeLimitMs)
    try {
      own.stage(collectionId, documents.map((document): Staged => ({ id: document.id, document }))) // prettier-ignore
      for (const { document, text } of contents.values()) await texts.stage(document.id, text)
      const heads = new Map(documents.map((document) => [document.id, headOfRecord(document)]))
      const chunks = new Map(
        [...contents].map(([id, content]) => [
          id,
          content.chunks.map((chunk) => ({ ...chunk, ...(chunk.ordinal === 0 ? { document: heads.get(id)! } : {}) })), // prettier-ignore
        ]),
      )
      await store.replaceDocuments(collectionId, chunks, signal)
      for (const id of contents.keys()) heads.delete(id)
      await store.putHeads(collectionId, heads, signal)
      own.apply(collectionId, { documents, contents: new Set(contents.keys()), files, gone })
      for (const id of contents.keys()) await texts.promote(id)
      own.settle(collectionId, documents.map(({ id }) => id)) // prettier-ignore
    } catch (error) {
      throw writeProblem(error)
    }
    this.#onWritten([...contents.keys()])
  }
}

/** Removes documents and says so before it begins. */
export async function removeDocuments(
  collectionId: string,
  ids: readonly string[],
  { own, store, texts }: WriterParts,
): Promise<void> {
  try {
    own.stage(collectionId, ids.map((id): Staged => ({ id, document: null }))) // prettier-ignore
    await store.removeDocuments(collectionId, ids, AbortSignal.timeout(writeLimitMs))
    own.apply(collectionId, { removed: ids })
    for (const id of ids) await texts.remove(id)
    own.settle(collectionId, ids)
  } catch (error) {
    throw writeProblem(error)
  }
}

/** The name of a file without its ending. */
export function stemOf(path: string): string {
  return basename(path).replace(/\.[^.]+$/, '')
}

function add(map: Map<string, Set<string>>, key: string, value: string): void {
  const set = map.get(key)
  if (set) set.add(value)
  else map.set(key, new Set([value]))
}
