import type { Document, DocumentText, Problem } from '#shared/domain/vault.ts'
import { documentTextSchema } from '#shared/domain/vault.ts'
import { documentListSchema, problemListSchema } from '#shared/protocol/api.ts'
import { Resource } from '#web/client/resource.svelte.ts'
import { requestVault } from '#web/client/vault-request.ts'

/** Documents on one page of the table. */
export const documentsPerPage = 50
/** Characters of a document shown before and after a passage. */
export const textMargin = 4000

/** The documents of one collection, a page at a time, filtered by name. */
export class DocumentsStore {
  readonly #collectionId: string
  #query = $state('')
  #offset = $state(0)
  readonly page: Resource<{ documents: Document[]; total: number }>
  readonly problems: Resource<Problem[]>

  constructor(collectionId: string) {
    this.#collectionId = collectionId
    const base = `/api/collections/${collectionId}`
    this.page = new Resource(async (signal) => {
      const params = new URLSearchParams({
        query: this.#query,
        offset: String(this.#offset),
        limit: String(documentsPerPage),
      })
      const page = await requestVault(`${base}/documents?${params}`, documentListSchema, { signal })
      if (page.documents.length || this.#offset === 0 || page.total === 0) return page
      // Documents went away below the page that was shown.
      this.#offset = Math.floor((page.total - 1) / documentsPerPage) * documentsPerPage
      params.set('offset', String(this.#offset))
      return requestVault(`${base}/documents?${params}`, documentListSchema, { signal })
    })
    this.problems = new Resource(async (signal) => {
      const { problems } = await requestVault(`${base}/problems`, problemListSchema, { signal })
      return problems
    })
  }

  get collectionId(): string {
    return this.#collectionId
  }
  get query(): string {
    return this.#query
  }
  get offset(): number {
    return this.#offset
  }

  load(): void {
    void this.page.load()
    void this.problems.load()
  }

  filter(query: string): void {
    this.#query = query
    this.#offset = 0
    void this.page.load()
  }

  turn(pages: number): void {
    const next = this.#offset + pages * documentsPerPage
    if (next < 0 || next >= (this.page.value?.total ?? 0)) return
    this.#offset = next
    void this.page.load()
  }

  dispose(): void {
    this.page.dispose()
    this.problems.dispose()
  }
}

/**
 * The text of a document around `start`–`end` (UTF-16 code units).
 * @throws SiloError: document_unknown
 */
export function readAround(
  documentId: string,
  start: number,
  end: number,
  signal?: AbortSignal,
): Promise<DocumentText> {
  const from = Math.max(0, start - textMargin)
  const params = new URLSearchParams({
    start: String(from),
    length: String(end - from + textMargin),
  })
  const path = `/api/documents/${encodeURIComponent(documentId)}/text?${params}`
  return requestVault(path, documentTextSchema, signal ? { signal } : {})
}

/** A slice of a document cut at the passage `start`–`end`, which are offsets into the whole text. */
export function splitPassage(
  slice: Pick<DocumentText, 'text' | 'start'>,
  start: number,
  end: number,
): { before: string; passage: string; after: string } {
  const clamp = (offset: number) => Math.min(slice.text.length, Math.max(0, offset - slice.start))
  const [from, to] = [clamp(start), clamp(Math.max(start, end))]
  return {
    before: slice.text.slice(0, from),
    passage: slice.text.slice(from, to),
    after: slice.text.slice(to),
  }
}

/** A media type in a word: `application/pdf` → `pdf`, `text/x-python` → `python`. */
export function kindOf(mediaType: string, path: string): string {
  const extension = /\.([A-Za-z0-9]{1,8})$/.exec(path)?.[1]
  if (extension) return extension.toLowerCase()
  return mediaType.replace(/^.*\//, '').replace(/^x-/, '')
}
