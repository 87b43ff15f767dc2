import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import type { Seal } from '#companion/seal/seal.ts'
import { createE5Embedder, type EmbedLease } from '#companion/vault/embedder.ts'
import type { Extractor } from '#companion/vault/extractor.ts'
import { LanceStore } from '#companion/vault/lance-store.ts'
import { TextFiles } from '#companion/vault/text-files.ts'
import { VaultRecords } from '#companion/vault/vault-records.ts'
import { Vault } from '#companion/vault/vault.ts'
import { noteKind, notesCollectionId, notesFolder } from './notes.ts'
import { sealedNotesReader } from './sealed-notes.ts'
import type { ModelState } from '#shared/domain/model.ts'

interface EmbedModels {
  defaultId(task: 'embed'): string | undefined
  list(): ModelState[]
  acquire(modelId: string, task: 'embed', options: { signal: AbortSignal }): Promise<EmbedLease>
}

/** Used unless the settings name another at the start. */
const defaultEmbedModel = 'multilingual-e5-small'

/** The vault over one embedding model: the vectors of two are never compared. */
export function composeVault(
  home: string,
  seal: Seal,
  deviceId: string,
  database: DatabaseSync,
  models: EmbedModels,
  extractor: Extractor,
  onChange: (collectionId: string) => void,
) {
  const modelId = models.defaultId('embed') ?? defaultEmbedModel
  const entry = models.list().find((model) => model.entry.id === modelId)?.entry
  const dimensions = entry?.dimensions ?? 384
  const folder = join(home, 'vault')
  const store = new LanceStore({ directory: join(folder, 'index'), deviceId, modelId, dimensions })
  const embedder = createE5Embedder(modelId, dimensions, (signal) =>
    models.acquire(modelId, 'embed', { signal }),
  )
  const vault = new Vault({
    records: new VaultRecords(database, deviceId),
    store,
    texts: new TextFiles(join(folder, 'texts'), seal),
    extractor: sealedNotesReader(extractor, notesFolder(home), seal),
    embedder,
    onChange,
    kindOf: (id) => (id === notesCollectionId(deviceId) ? noteKind : undefined),
  })
  return { vault, index: { store, modelId, dimensions, embedder } }
}
