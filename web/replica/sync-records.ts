import type { Conversation, Message } from '#shared/domain/conversation.ts'
import type { WireError } from '#shared/errors/silo-error.ts'
import { openReplica } from './database.ts'
import {
  byAge,
  stored,
  storedConversationSchema,
  storedMessageSchema,
  type StoredConversation,
} from './records.ts'
import { writeReplica } from './write.ts'

/** What a companion does not know of a conversation yet. */
export interface Unsynced {
  readonly row: StoredConversation
  /** Finished ones that were never handed over, oldest first; for another companion than the one that has it, all. */
  readonly messages: Message[]
}

/** Conversations of which something was said or changed on this device alone. */
export async function unsyncedIds(): Promise<string[]> {
  const db = await openReplica()
  const ids = new Set<string>()
  for (const { message } of await db.getAllFromIndex('messages', 'unsynced', 1))
    ids.add(message.conversationId)
  for (const row of await db.getAll('conversations'))
    if (row.unsynced || row.deletedAt !== undefined) ids.add(row.conversation.id)
  return [...ids]
}

/** @returns undefined where there is no such conversation on this device */
export async function unsyncedOf(id: string, companionId: string): Promise<Unsynced | undefined> {
  const db = await openReplica()
  const tx = db.transaction(['conversations', 'messages'])
  const [value, values] = await Promise.all([
    tx.objectStore('conversations').get(id),
    tx.objectStore('messages').index('conversationId').getAll(id),
  ])
  const row = stored(storedConversationSchema, value)
  if (!row) return undefined
  const all = values.flatMap((each) => stored(storedMessageSchema, each) ?? [])
  const wanted = row.companionId === companionId ? all.filter(({ unsynced }) => unsynced === 1) : all // prettier-ignore
  const messages = wanted
    .map(({ message }) => message)
    .filter(({ role, outcome }) => role === 'user' || outcome !== undefined)
    .sort(byAge)
  return { row, messages }
}

/** The companion has taken these messages. */
export function markSynced(
  id: string,
  companionId: string,
  messageIds: readonly string[],
): Promise<void> {
  return writeReplica(['conversations', 'messages'], async (tx) => {
    const messages = tx.objectStore('messages')
    for (const messageId of messageIds) {
      const row = await messages.get(messageId)
      if (row) await messages.put({ ...row, unsynced: 0 }, messageId)
    }
    const row = await tx.objectStore('conversations').get(id)
    if (!row) return
    const { refusal: _past, ...rest } = row
    await tx.objectStore('conversations').put({ ...rest, companionId }, id)
  })
}

/** The companion was told of changes; what it says of the conversation now is kept. */
export function markChangesSynced(id: string, conversation: Conversation): Promise<void> {
  return writeReplica(['conversations'], async (tx) => {
    const row = await tx.objectStore('conversations').get(id)
    if (!row) return
    const { unsynced: _told, ...rest } = row
    const { leafId } = row.conversation
    await tx
      .objectStore('conversations')
      .put({ ...rest, conversation: { ...structuredClone(conversation), leafId } }, id)
  })
}

/** Notes why the companion did not take what was said here. */
export function markNotTaken(id: string, refusal: WireError): Promise<void> {
  return writeReplica(['conversations'], async (tx) => {
    const row = await tx.objectStore('conversations').get(id)
    if (row) await tx.objectStore('conversations').put({ ...row, refusal }, id)
  })
}

/** Removes a conversation from this device for good. */
export function dropConversation(id: string): Promise<void> {
  return writeReplica(['conversations', 'messages', 'runs', 'events', 'outbox'], async (tx) => {
    await tx.objectStore('conversations').delete(id)
    for (const store of ['messages', 'outbox'] as const)
      for (const key of await tx.objectStore(store).index('conversationId').getAllKeys(id))
        await tx.objectStore(store).delete(key)
    for (const { run } of await tx.objectStore('runs').getAll()) {
      if (run.subject !== id) continue
      await tx.objectStore('runs').delete(run.id)
      await tx
        .objectStore('events')
        .delete(IDBKeyRange.bound([run.id, 0], [run.id, Number.MAX_SAFE_INTEGER]))
    }
  })
}
