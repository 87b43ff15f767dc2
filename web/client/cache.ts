import { openDB, type DBSchema, type IDBPDatabase } from 'idb'
import * as v from 'valibot'
import { conversationSchema, messageSchema } from '#shared/domain/conversation.ts'

const storedConversation = v.object({
  conversation: conversationSchema,
  messages: v.array(messageSchema),
  openedAt: v.number(),
})
type StoredConversation = v.InferOutput<typeof storedConversation>
const storedList = v.array(conversationSchema)

interface Schema extends DBSchema {
  conversations: { key: string; value: StoredConversation; indexes: { openedAt: number } }
  lists: { key: string; value: unknown }
}

/** Conversations kept for reading while the companion is away; the oldest opened go first. */
const keptConversations = 200

let database: Promise<IDBPDatabase<Schema>> | undefined

function open(): Promise<IDBPDatabase<Schema>> {
  database ??= openDB<Schema>('silo', 1, {
    upgrade(db) {
      db.createObjectStore('conversations').createIndex('openedAt', 'openedAt')
      db.createObjectStore('lists')
    },
    terminated() {
      database = undefined
    },
  })
  return database
}

/** A copy for reading offline. Failing to keep one harms nothing: the companion holds the record. */
export async function keepConversation(
  stored: Omit<StoredConversation, 'openedAt'>,
): Promise<void> {
  try {
    const db = await open()
    const plain = { ...structuredClone(stored), openedAt: Date.now() }
    await db.put('conversations', plain, stored.conversation.id)
    const surplus = (await db.count('conversations')) - keptConversations
    if (surplus <= 0) return
    const keys = await db.getAllKeysFromIndex('conversations', 'openedAt', undefined, surplus)
    for (const key of keys) await db.delete('conversations', key)
  } catch {
    database = undefined
  }
}

export async function keptConversation(id: string): Promise<StoredConversation | undefined> {
  try {
    const value = await (await open()).get('conversations', id)
    const parsed = v.safeParse(storedConversation, value)
    return parsed.success ? parsed.output : undefined
  } catch {
    return undefined
  }
}

export async function forgetConversation(id: string): Promise<void> {
  try {
    await (await open()).delete('conversations', id)
  } catch {
    database = undefined
  }
}

export async function keepList(list: v.InferOutput<typeof storedList>): Promise<void> {
  try {
    await (await open()).put('lists', structuredClone(list), 'conversations')
  } catch {
    database = undefined
  }
}

export async function keptList(): Promise<v.InferOutput<typeof storedList> | undefined> {
  try {
    const parsed = v.safeParse(storedList, await (await open()).get('lists', 'conversations'))
    return parsed.success ? parsed.output : undefined
  } catch {
    return undefined
  }
}
