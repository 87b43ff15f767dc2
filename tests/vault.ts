import { join } from 'node:path'
import { openDatabase } from '#companion/records/database.ts'
import type { RunContext } from '#companion/runs/run.ts'
import type { Embedder } from '#companion/vault/embedder.ts'
import { Extractor } from '#companion/vault/extractor.ts'
import { LanceStore } from '#companion/vault/lance-store.ts'
import { documentCatalogue } from '#companion/vault/retrieval-documents.ts'
import { LocalPassages } from '#companion/vault/retrieval-local.ts'
import { Retrieval } from '#companion/vault/retrieval.ts'
import { TextFiles } from '#companion/vault/text-files.ts'
import { VaultRecords } from '#companion/vault/vault-records.ts'
import { Vault } from '#companion/vault/vault.ts'

type Emitted = Parameters<RunContext['emit']>[0]

export interface OpenVault {
  readonly vault: Vault
  readonly store: LanceStore
  readonly records: VaultRecords
  readonly retrieval: Retrieval
  close(): Promise<void>
}

/** A vault in `home` as the companion builds it, with the embedder given. */
export function openVault(home: string, embedder: Embedder): OpenVault {
  const database = openDatabase(join(home, 'silo.db'))
  const store = new LanceStore({
    directory: join(home, 'vault', 'index'),
    deviceId: 'test-device',
    modelId: embedder.modelId,
    dimensions: embedder.dimensions,
  })
  const records = new VaultRecords(database, 'test-device')
  const vault = new Vault({
    records,
    store,
    texts: new TextFiles(join(home, 'vault', 'text')),
    extractor: new Extractor(),
    embedder,
    onChange: () => {},
  })
  const retrieval = new Retrieval({
    embedder,
    store,
    local: new LocalPassages({
      store,
      documents: documentCatalogue(records),
      nameOf: (id) => (id === 'test-device' ? 'this device' : undefined),
    }),
    collections: () => records.names().map(({ id }) => id),
    owners: () => [],
  })
  return {
    vault,
    store,
    records,
    retrieval,
    async close() {
      await vault[Symbol.asyncDispose]()
      database.close()
    },
  }
}

/** A run that keeps its events. */
export function runOf(
  signal: AbortSignal,
  onEvent: (event: Emitted) => void = () => {},
): { context: RunContext; events: Emitted[] } {
  const events: Emitted[] = []
  const emit = (body: Emitted): void => {
    events.push(body)
    onEvent(body)
  }
  return { context: { id: 'run-test-1', signal, emit }, events }
}
