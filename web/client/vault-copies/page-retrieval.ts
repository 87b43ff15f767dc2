import type { PageFound } from '../page-host/ports.ts'
import { usableCopies, vaultCopies } from '#web/replica/vault/copies.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { leaseDays } from '#web/replica/vault/lease.ts'
import { searchCopies } from './reader.ts'

/**
 * Passages for an answer of the page; undefined where no copy of what is asked about is on this device.
 * @throws SiloError replica_expired where there is one that may not be used now
 */
export async function retrieveHere(
  request: { query: string; collectionIds: readonly string[]; limit: number },
  signal: AbortSignal,
): Promise<PageFound | undefined> {
  const usable = new Set(await usableCopies())
  const collectionIds = request.collectionIds.filter((id) => usable.has(id))
  if (collectionIds.length > 0) {
    const { hits, found, wordsOnly } = await searchCopies({ ...request, collectionIds }, signal)
    return { hits, missing: !found, ...(wordsOnly ? { wordsOnly } : {}) }
  }
  const wanted = new Set(request.collectionIds)
  const kept = (await vaultCopies()).some(({ id, syncedAt }) => wanted.has(id) && syncedAt !== undefined) // prettier-ignore
  if (kept) throw new SiloError('replica_expired', { params: { days: leaseDays } })
  return undefined
}
