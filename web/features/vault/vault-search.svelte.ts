import type { SearchResponse } from '#shared/protocol/search.ts'
import { searchResponseSchema } from '#shared/protocol/search.ts'
import { Resource } from '#web/client/resource.svelte.ts'
import { requestVault } from '#web/client/vault-request.ts'

/** Hybrid search within one collection. */
export class VaultSearch {
  readonly #collectionId: string
  query = $state('')
  /** What the shown answer is for; empty before the first search. */
  asked = $state('')
  /** What was understood and taken away again. */
  #ignored = $state.raw<readonly string[]>([])
  readonly answer: Resource<SearchResponse>

  constructor(collectionId: string) {
    this.#collectionId = collectionId
    this.answer = new Resource((signal) =>
      requestVault('/api/search', searchResponseSchema, {
        method: 'POST',
        body: {
          query: this.asked,
          collectionIds: [this.#collectionId],
          limit: 10,
          ignore: [...this.#ignored],
        },
        signal,
        timeoutMs: 60_000,
      }),
    )
  }

  search(): void {
    const query = this.query.trim()
    if (!query) return
    if (query !== this.asked) this.#ignored = []
    this.asked = query
    this.answer.reset()
    void this.answer.load()
  }

  /** Searches again without something that was understood. */
  ignore(id: string): void {
    this.#ignored = [...this.#ignored, id]
    this.answer.reset()
    void this.answer.load()
  }

  clear(): void {
    this.query = ''
    this.asked = ''
    this.#ignored = []
    this.answer.reset()
  }
}
