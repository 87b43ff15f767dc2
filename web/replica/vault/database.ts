import { openDB, type DBSchema, type IDBPDatabase, type IDBPTransaction } from 'idb'
import { storageError } from '../write.ts'
import type { VaultCopy, VaultSettings } from './records.ts'
import type { StoredSegment } from './segment.ts'

interface VaultSchema extends DBSchema {
  copies: { key: string; value: VaultCopy }
  /** By collection and order. */
  segments: { key: [collectionId: string, number: number]; value: StoredSegment }
  /** Texts of a segment, by its id and block. */
  texts: { key: [collectionId: string, segmentId: string, block: number]; value: ArrayBuffer }
  settings: { key: string; value: VaultSettings }
}

export type VaultDatabase = IDBPDatabase<VaultSchema>
export type VaultStoreName = 'copies' | 'segments' | 'texts' | 'settings'
export type VaultWrite = IDBPTransaction<VaultSchema, VaultStoreName[], 'readwrite'>

const databaseName = 'silo-vault'

let database: Promise<VaultDatabase> | undefined

/** This device's copies of collections, beside the conversations: it may be dropped without losing anything. */
export function openVaultDatabase(): Promise<VaultDatabase> {
  database ??= openDB<VaultSchema>(databaseName, 1, {
    upgrade(db) {
      db.createObjectStore('copies')
      db.createObjectStore('segments')
      db.createObjectStore('texts')
      db.createObjectStore('settings')
    },
    blocking(_current, _blocked, event) {
      ;(event.target as IDBDatabase | null)?.close()
      database = undefined
    },
    terminated() {
      database = undefined
    },
  }).catch((error: unknown) => {
    database = undefined
    throw error
  })
  return database
}

/** Closes the database, e.g. at the end of a test. */
export async function closeVaultDatabase(): Promise<void> {
  const open = await database?.catch(() => undefined)
  database = undefined
  open?.close()
}

/** Everything of one collection: its segments, or its texts, in order. */
export function ofCollection(id: string): IDBKeyRange {
  return IDBKeyRange.bound([id], [id, []])
}

/**
 * One transaction: all of it or nothing. Nothing but requests to it may be awaited inside.
 * @throws SiloError storage_quota, page_storage_failed, and what `body` throws
 */
export async function writeVault<T>(
  body: (tx: VaultWrite) => Promise<T>,
  bytes?: number,
): Promise<T> {
  let tx: VaultWrite | undefined
  try {
    const db = await openVaultDatabase()
    tx = db.transaction(['copies', 'segments', 'texts', 'settings'], 'readwrite', {
      durability: 'relaxed',
    })
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
    throw storageError(error, bytes)
  }
}
