import { vaultCopies } from '#web/replica/vault/copies.ts'

/** Keeps this device's copies up to date from now on. False where there are none: then nothing more is loaded. */
export async function keepCopies(): Promise<boolean> {
  if ((await vaultCopies()).length === 0) return false
  const [{ deviceCopies }] = await Promise.all([
    import('./copies.svelte.ts'),
    // What a search without a companion needs is stored while it can be had.
    import('./page-retrieval.ts'),
    import('./vault-road.ts'),
  ])
  deviceCopies.start()
  return true
}
