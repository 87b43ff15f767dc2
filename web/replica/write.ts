import { SiloError } from '#shared/errors/silo-error.ts'
import { openReplica, type ReplicaStore, type ReplicaWrite } from './database.ts'

/**
 * One transaction over some stores: all of it or nothing. Nothing but requests to it may be awaited inside.
 * @throws SiloError storage_quota, page_storage_failed, and what `body` throws
 */
export async function writeReplica<T>(
  stores: readonly ReplicaStore[],
  body: (tx: ReplicaWrite) => Promise<T>,
): Promise<T> {
  let tx: ReplicaWrite | undefined
  try {
    const db = await openReplica()
    // What is said must outlive the page, not a power cut of that very moment.
    tx = db.transaction([...stores], 'readwrite', { durability: 'relaxed' })
    // Rejects with the transaction; it is awaited below, after the body.
    tx.done.catch(() => {})
    const result = await body(tx)
    await tx.done
    return result
  } catch (error) {
    try {
      tx?.abort()
    } catch {
      // It was over already.
    }
    throw storageError(error)
  }
}

/** Full storage as the error that says so; errors of the database as page_storage_failed; others as they are. `bytes`: what was to be written, about. */
export function storageError(error: unknown, bytes = 1024): unknown {
  if (!(error instanceof DOMException)) return error
  if (error.name !== 'QuotaExceededError')
    return new SiloError('page_storage_failed', { cause: error })
  return new SiloError('storage_quota', {
    params: { available: 0, needed: bytes },
    cause: error,
  })
}
