import { deleteDB, openDB, type DBSchema, type IDBPDatabase, type IDBPTransaction } from 'idb'
import type {
  StoredConversation,
  StoredEvent,
  StoredMessage,
  StoredRun,
  WaitingQuestion,
} from './records.ts'
import { replicaName } from './present.ts'

export interface ReplicaSchema extends DBSchema {
  conversations: { key: string; value: StoredConversation; indexes: { openedAt: number } }
  messages: {
    key: string
    value: StoredMessage
    indexes: { conversationId: string; unsynced: number }
  }
  runs: { key: string; value: StoredRun; indexes: { active: number } }
  /** The append-only logs of the page's runs, by run and `seq`. */
  events: { key: [runId: string, seq: number]; value: StoredEvent }
  outbox: { key: string; value: WaitingQuestion; indexes: { conversationId: string } }
  lists: { key: string; value: unknown }
}

export type Replica = IDBPDatabase<ReplicaSchema>
export type ReplicaStore = 'conversations' | 'messages' | 'runs' | 'events' | 'outbox' | 'lists'
export type ReplicaWrite = IDBPTransaction<ReplicaSchema, ReplicaStore[], 'readwrite'>

let database: Promise<Replica> | undefined

/** This device's copy of conversations, and what was said and done on it alone. Shared by all tabs. */
export function openReplica(): Promise<Replica> {
  database ??= openDB<ReplicaSchema>(replicaName, 1, {
    upgrade(db) {
      db.createObjectStore('conversations').createIndex('openedAt', 'openedAt')
      const messages = db.createObjectStore('messages')
      messages.createIndex('conversationId', 'message.conversationId')
      messages.createIndex('unsynced', 'unsynced')
      db.createObjectStore('runs').createIndex('active', 'active')
      db.createObjectStore('events')
      db.createObjectStore('outbox').createIndex('conversationId', 'run.conversationId')
      db.createObjectStore('lists')
      // Copies of the first version, which held nothing that a companion does not hold.
      void deleteDB('silo').catch(() => {})
    },
    blocking(_current, _blocked, event) {
      // A newer version of the app in another tab: it goes first, this tab opens anew when it writes next.
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
export async function closeReplica(): Promise<void> {
  const open = await database?.catch(() => undefined)
  database = undefined
  open?.close()
}
