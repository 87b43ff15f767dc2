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
  return new LanceStore({
    directory,
    deviceId: 'test-device',
    modelId: 'test-model',
    dimensions: storeDimensions,
  })
})
