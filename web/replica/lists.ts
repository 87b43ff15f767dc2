import * as v from 'valibot'
import { conversationSchema, type Conversation } from '#shared/domain/conversation.ts'
import { localConversations } from './copies.ts'
import { openReplica } from './database.ts'
import { stored } from './records.ts'
import { writeReplica } from './write.ts'

const listSchema = v.array(conversationSchema)

/** Keeps the companion's list of conversations for the time without it. */
export async function keepList(list: readonly Conversation[]): Promise<void> {
  const plain = structuredClone([...list])
  await writeReplica(['lists'], async (tx) => {
    await tx.objectStore('lists').put(plain, 'conversations')
  }).catch(() => {})
}

/** What this device knows of all conversations, newest first: the companion's last list, and its own on top. */
export async function keptList(): Promise<Conversation[]> {
  const mine = await localConversations()
  const kept = await companionList()
  const gone = new Set(await deletedIds())
  const known = new Map(kept.map((conversation) => [conversation.id, conversation]))
  for (const { conversation, companionId, unsynced } of mine) {
    // A copy the companion's list no longer names was deleted there.
    if (companionId === null || unsynced || known.has(conversation.id))
      known.set(conversation.id, conversation)
  }
  return [...known.values()]
    .filter(({ id }) => !gone.has(id))
    .sort((a, b) => b.updatedAt - a.updatedAt)
}

/** Conversations no companion has been told of. */
export async function onlyHere(): Promise<Conversation[]> {
  const mine = await localConversations()
  return mine.flatMap(({ conversation, companionId }) =>
    companionId === null ? [conversation] : [],
  )
}

async function companionList(): Promise<Conversation[]> {
  try {
    return stored(listSchema, await (await openReplica()).get('lists', 'conversations')) ?? []
  } catch {
    return []
  }
}

async function deletedIds(): Promise<string[]> {
  try {
    const rows = await (await openReplica()).getAll('conversations')
    return rows.flatMap((row) => (row.deletedAt === undefined ? [] : [row.conversation.id]))
  } catch {
    return []
  }
}
