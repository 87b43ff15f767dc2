import type { OwnedChunk } from '#shared/contracts/vault-store.ts'
import type { AuditEntry } from '#shared/domain/sharing.ts'
import type { Collection, Document } from '#shared/domain/vault.ts'

/** What happened to one document since a change number: its newest state, or that it is gone. */
export type DocumentChange =
  | {
      readonly kind: 'document'
      readonly change: number
      readonly document: Document
      /** The change by which its chunks came to be as they are; absent where that is not known. */
      readonly contentChange?: number
    }
  | { readonly kind: 'removed'; readonly change: number; readonly id: string }

/** What the feed needs of the vault's records. */
export interface ReplicaRecords {
  collections(): Pick<Collection, 'id' | 'name' | 'documents' | 'chunks'>[]
  /** The number of the collection's last change; 0 before the first. */
  lastChange(collectionId: string): number
  /** Documents and deletions after `since`, each once and with its last change, ascending by it. */
  changesSince(collectionId: string, since: number, limit: number): DocumentChange[]
}

/** What the feed needs of the vault's index. */
export interface ReplicaChunks {
  /** By document and ordinal; `range` names ordinals, both included. */
  chunksOf(
    collectionId: string,
    documentIds: readonly string[],
    signal: AbortSignal,
    owner?: string,
    range?: { readonly from: number; readonly to: number },
  ): Promise<OwnedChunk[]>
}

/** Keeps a line of the audit log. */
export type ReplicaAudit = (
  entry: Pick<AuditEntry, 'action' | 'collectionIds' | 'allowed' | 'count'> & {
    readonly device: string
  },
) => void
