import { mediaTypesOf } from '#shared/vault/file-types.ts'
import type { DocumentCatalogue } from './retrieval-ports.ts'
import type { VaultRecords } from './vault-records.ts'

/** The catalogue over the vault's records, those of received datasets among them. */
export function documentCatalogue(records: VaultRecords): DocumentCatalogue {
  return {
    document: (id, owner) => records.document(id, owner),
    matching(collectionIds, { kinds, types, since, until }) {
      if (!kinds && !types && since === undefined && until === undefined) return undefined
      return records.findDocumentIds({
        collectionIds,
        ...(kinds ? { kinds } : {}),
        ...(types ? { mediaTypes: types.flatMap((type) => mediaTypesOf[type]) } : {}),
        ...(since === undefined ? {} : { since }),
        ...(until === undefined ? {} : { until }),
      })
    },
  }
}
