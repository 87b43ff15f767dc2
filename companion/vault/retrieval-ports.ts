import type { Document } from '#shared/domain/vault.ts'
import type { SearchFilters } from '#shared/protocol/search.ts'

/** What retrieval needs to know of documents: the records of this companion, received ones among them. */
export interface DocumentCatalogue {
  document(id: string, owner: string): Document | undefined
  /** Ids of the documents whose kind, type and date fit; undefined where the filters ask for none of these. */
  matching(collectionIds: readonly string[], filters: SearchFilters): string[] | undefined
}
