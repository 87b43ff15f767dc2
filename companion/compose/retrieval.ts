import { hostname } from 'node:os'
import type { DatabaseSync } from 'node:sqlite'
import { DeviceBook } from '#companion/link/device-book.ts'
import type { Log } from '#companion/observe/log.ts'
import type { Policies } from '#companion/team/policies.ts'
import type { Embedder } from '#companion/vault/embedder.ts'
import { GgufReranker } from '#companion/vault/reranker.ts'
import { documentCatalogue } from '#companion/vault/retrieval-documents.ts'
import { LocalPassages } from '#companion/vault/retrieval-local.ts'
import { Retrieval } from '#companion/vault/retrieval.ts'
import { VaultRecords } from '#companion/vault/vault-records.ts'
import type { PassageSource } from '#shared/contracts/passage-source.ts'
import type { VaultStore } from '#shared/contracts/vault-store.ts'

interface Parts {
  readonly companionId: string
  readonly database: DatabaseSync
  readonly index: { readonly store: VaultStore; readonly embedder: Embedder }
  readonly policies: Pick<Policies, 'allowed'>
  readonly collections: () => readonly { id: string }[]
  /** Names of owners that are no paired devices. */
  readonly ownerName?: (deviceId: string) => string | undefined
  /** Companions that are asked live. */
  readonly sources?: readonly PassageSource[]
  /** A ranking model as GGUF. */
  readonly reranker: string | undefined
  readonly threads: number | undefined
  readonly log: Log
}

/** Questions to the vault: what lies here, and what other companions let this one ask. */
export function composeRetrieval(parts: Parts): Retrieval {
  const { companionId, index, policies } = parts
  const book = new DeviceBook(parts.database)
  const records = new VaultRecords(parts.database, companionId)
  const nameOf = (id: string): string | undefined =>
    id === companionId ? hostname() : (book.get(id)?.name ?? parts.ownerName?.(id))
  const reranker =
    parts.reranker === undefined
      ? undefined
      : new GgufReranker({
          path: parts.reranker,
          log: parts.log,
          ...(parts.threads === undefined ? {} : { threads: parts.threads }),
        })
  const retrieval = new Retrieval({
    log: parts.log,
    ...(reranker ? { reranker } : {}),
    embedder: index.embedder,
    store: index.store,
    local: new LocalPassages({
      store: index.store,
      documents: documentCatalogue(records),
      nameOf,
    }),
    collections: () => parts.collections().map(({ id }) => id),
    allowed: (caller) => policies.allowed(caller, 'read'),
    owners: () => [
      { id: companionId, name: hostname() },
      ...book.list().map(({ id, name }) => ({ id, name })),
    ],
  })
  for (const source of parts.sources ?? []) retrieval.addSource(source)
  return retrieval
}
