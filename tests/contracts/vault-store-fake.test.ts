import { createFakeVaultStore } from '#tests/fakes/vault-store.ts'
import { vaultStoreContract } from './vault-store.ts'

vaultStoreContract('fake', async () => {
  const store = createFakeVaultStore()
  return { store, receive: store.receive }
})
