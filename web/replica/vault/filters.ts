import type { Document } from '#shared/domain/vault.ts'
import type { SearchFilters } from '#shared/protocol/search.ts'
import { mediaTypesOf } from '#shared/vault/file-types.ts'
import type { LoadedCollection, LoadedSegment } from './loaded-collection.ts'

/** Whether a document is of what a question is narrowed to. */
export function fitsFilters(document: Document, filters: SearchFilters): boolean {
  const { owners, kinds, types, since, until } = filters
  if (owners && !owners.includes(document.owner ?? '')) return false
  if (kinds && !kinds.includes(document.kind ?? 'document')) return false
  if (types && !types.some((type) => mediaTypesOf[type].includes(document.mediaType))) return false
  const at = document.date ?? document.modifiedAt
  return at >= (since ?? -Infinity) && at < (until ?? Infinity)
}

/** Says of each segment which of its rows hold and are of documents that fit. */
export function fittingRows(
  collections: ReadonlyMap<LoadedSegment, LoadedCollection>,
  filters: SearchFilters,
): (loaded: LoadedSegment) => Uint8Array {
  if (Object.values(filters).every((value) => value === undefined)) return ({ alive }) => alive
  const known = new Map<LoadedSegment, Uint8Array>()
  return (loaded) => {
    let rows = known.get(loaded)
    if (rows) return rows
    const { alive, entryOf, segment } = loaded
    const documents = collections.get(loaded)!.documents
    const fits = segment.entries.map(({ document }) => fitsFilters(documents.get(document.id)?.document ?? document, filters)) // prettier-ignore
    rows = alive.map((one, row) => (one === 1 && fits[entryOf[row]!] ? 1 : 0))
    known.set(loaded, rows)
    return rows
  }
}
