import type { FileType } from '#shared/protocol/search.ts'
import type { DocumentCatalogue } from './retrieval-ports.ts'
import type { VaultRecords } from './vault-records.ts'

const office = 'application/vnd.openxmlformats-officedocument'
const mediaTypes: Record<FileType, readonly string[]> = {
  pdf: ['application/pdf'],
  word: [`${office}.wordprocessingml.document`],
  excel: [`${office}.spreadsheetml.sheet`],
  csv: ['text/csv', 'text/tab-separated-values'],
  powerpoint: [`${office}.presentationml.presentation`],
  epub: ['application/epub+zip'],
  html: ['text/html'],
  markdown: ['text/markdown'],
  text: ['text/plain'],
}

/** The catalogue over the vault's records, those of received datasets among them. */
export function documentCatalogue(records: VaultRecords): DocumentCatalogue {
  return {
    document: (id, owner) => records.document(id, owner),
    matching(collectionIds, { kinds, types, since, until }) {
      if (!kinds && !types && since === undefined && until === undefined) return undefined
      return records.findDocumentIds({
        collectionIds,
        ...(kinds ? { kinds } : {}),
        ...(types ? { mediaTypes: types.flatMap((type) => mediaTypes[type]) } : {}),
        ...(since === undefined ? {} : { since }),
        ...(until === undefined ? {} : { until }),
      })
    },
  }
}
