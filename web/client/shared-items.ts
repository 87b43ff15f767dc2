import { openDB, type DBSchema, type IDBPDatabase } from 'idb'
import type { WireError } from '#shared/errors/silo-error.ts'

export interface SharedFile {
  /** Also the id of its upload. */
  readonly id: string
  readonly name: string
  readonly type: string
  readonly size: number
  /** Dropped once the companion has it. */
  readonly content?: Blob
}

/** What another app shared with this one, until it has arrived where the person wants it. */
export interface SharedItem {
  readonly id: string
  readonly receivedAt: number
  readonly title: string
  readonly text: string
  readonly url: string
  /** The page itself, as a browser has it. */
  readonly html?: string
  readonly files: readonly SharedFile[]
  /** `new`: nobody has said what for. `waiting`: to be sent. `sent`: arrived. */
  readonly state: 'new' | 'waiting' | 'sent' | 'failed'
  readonly target?: SharedTarget
  readonly error?: WireError
  readonly sentAt?: number
  /** Names of files that were kept and cannot be read yet. */
  readonly unread?: readonly string[]
}

export interface SharedTarget {
  /** `task`: the person goes on with a question about it. */
  readonly kind: 'collection' | 'task'
  readonly collectionId: string
  readonly collectionName: string
}

interface Schema extends DBSchema {
  items: { key: string; value: SharedItem }
}

/** Its presence tells the page, without opening it, that something was shared once. */
export const sharedDatabase = 'silo-shared'
const sentKeptMs = 7 * 24 * 3600_000

let database: Promise<IDBPDatabase<Schema>> | undefined

function open(): Promise<IDBPDatabase<Schema>> {
  database ??= openDB<Schema>(sharedDatabase, 1, {
    upgrade: (db) => void db.createObjectStore('items', { keyPath: 'id' }),
    terminated() {
      database = undefined
    },
  })
  database.catch(() => (database = undefined))
  return database
}

const channel = 'BroadcastChannel' in globalThis ? new BroadcastChannel('silo-shared') : undefined

/** Calls `listener` when another page or the service worker changed the items. Returns the end of it. */
export function onSharedChange(listener: () => void): () => void {
  channel?.addEventListener('message', listener)
  return () => channel?.removeEventListener('message', listener)
}

function announce(id: string): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel of this origin, not a window
  channel?.postMessage(id)
}

/** Newest first; what arrived more than a week ago is forgotten. */
export async function sharedItems(now = Date.now()): Promise<SharedItem[]> {
  const db = await open()
  const items = await db.getAll('items')
  const old = items.filter(({ sentAt }) => sentAt !== undefined && now - sentAt > sentKeptMs)
  for (const { id } of old) await db.delete('items', id)
  return items.filter((item) => !old.includes(item)).sort((a, b) => b.receivedAt - a.receivedAt)
}

/** The browser's refusal, e.g. QuotaExceededError, is passed on. */
export async function putShared(item: SharedItem): Promise<void> {
  await (await open()).put('items', item)
  announce(item.id)
}

/** Changes an item that is still there; one that was removed meanwhile stays removed. */
export async function changeShared(id: string, change: Partial<SharedItem>): Promise<void> {
  const transaction = (await open()).transaction('items', 'readwrite')
  const item = await transaction.store.get(id)
  if (item) await transaction.store.put({ ...item, ...change })
  await transaction.done
  announce(id)
}

export async function removeShared(id: string): Promise<void> {
  await (await open()).delete('items', id)
  announce(id)
}
