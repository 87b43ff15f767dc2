import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { LanceStore } from '#companion/vault/lance-store.ts'
import { storeDimensions, vaultStoreContract } from './vault-store.ts'

const folders: string[] = []
afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true })
})

vaultStoreContract('LanceDB', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'silo-lance-'))
  folders.push(directory)
  const open = (deviceId: string): LanceStore =>
    new LanceStore({ directory, deviceId, modelId: 'test-model', dimensions: storeDimensions })
  return {
    store: open('test-device'),
    // Another device's dataset is what its own store writes.
    async receive(collectionId, owner, chunks) {
      const signal = AbortSignal.timeout(60_000)
      await using sender = open(owner)
      const documents = Map.groupBy(chunks, (chunk) => chunk.documentId)
      await sender.replaceDocuments(collectionId, documents, signal)
      await sender.optimize(collectionId, signal)
    },
  }
})
