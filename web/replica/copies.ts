import {
  branchOf,
  newestLeaf,
  type Conversation,
  type Message,
} from '#shared/domain/conversation.ts'
import { SiloError, type WireError } from '#shared/errors/silo-error.ts'
import type { SentPrompt } from '#shared/generation/context.ts'
import { openReplica, type Replica, type ReplicaWrite } from './database.ts'
import {
  byAge,
  stored,
  storedConversationSchema,
  storedMessageSchema,
  waitingQuestionSchema,
  type StoredConversation,
  type StoredMessage,
  type WaitingQuestion,
} from './records.ts'
import { writeReplica } from './write.ts'

/** A conversation as this device has it. */
export interface LocalConversation {
  readonly conversation: Conversation
  readonly messages: Message[]
  /** Questions that wait for a companion, oldest first. */
  readonly waiting: WaitingQuestion[]
  /** The companion that has it; null while it is on this device only. */
  readonly companionId: string | null
  /** Something was said or changed here that the companion does not know. */
  readonly unsynced: boolean
  /** Why the companion did not take it. */
  readonly refusal?: WireError
}

/** Copies of the companion's conversations that are kept; those opened longest ago go first. */
const keptCopies = 200

/**
 * What the companion says of a conversation, kept for the time without it, and with what was said on this device since.
 * Failing to keep it harms nothing: the companion holds the record.
 */
export async function keepConversation(
  remote: { conversation: Conversation; messages: Message[] },
  companionId: string,
): Promise<LocalConversation> {
  try {
    const plain = structuredClone(remote)
    await writeReplica(['conversations', 'messages'], (tx) => merge(tx, plain, companionId))
    void dropOldCopies().catch(() => {})
    const local = await localConversation(remote.conversation.id)
    if (local) return local
  } catch {
    // Private windows and full disks: what the companion says is still shown.
  }
  return { ...remote, waiting: [], companionId, unsynced: false }
}

/** This device's copy, or undefined where it has none, or none any more. */
export async function localConversation(id: string): Promise<LocalConversation | undefined> {
  try {
    const db = await openReplica()
    const tx = db.transaction(['conversations', 'messages', 'outbox'])
    const [row, messages, waiting] = await Promise.all([
      tx.objectStore('conversations').get(id),
      tx.objectStore('messages').index('conversationId').getAll(id),
      tx.objectStore('outbox').index('conversationId').getAll(id),
    ])
    const known = stored(storedConversationSchema, row)
    if (!known || known.deletedAt !== undefined) return undefined
    const parsed = messages.flatMap((value) => stored(storedMessageSchema, value) ?? [])
    return {
      conversation: known.conversation,
      messages: parsed.map(({ message }) => message).sort(byAge),
      waiting: waiting
        .flatMap((value) => stored(waitingQuestionSchema, value) ?? [])
        .sort((a, b) => a.askedAt - b.askedAt),
      companionId: known.companionId,
      ...(known.refusal ? { refusal: known.refusal } : {}),
      unsynced: known.unsynced !== undefined || parsed.some(({ unsynced }) => unsynced === 1),
    }
  } catch {
    return undefined
  }
}

/** What this device has of all conversations, newest first; without those it deleted. */
export async function localConversations(): Promise<StoredConversation[]> {
  try {
    const rows = await (await openReplica()).getAll('conversations')
    return rows
      .flatMap((row) => stored(storedConversationSchema, row) ?? [])
      .filter(({ deletedAt }) => deletedAt === undefined)
      .sort((a, b) => b.conversation.updatedAt - a.conversation.updatedAt)
  } catch {
    return []
  }
}

/** Whether a run is the page's, and so its log is here. */
export async function isPageRun(runId: string): Promise<boolean> {
  try {
    return (await (await openReplica()).getKey('runs', runId)) !== undefined
  } catch {
    return false
  }
}

/** Whether anything is unfinished, unsynced or waiting on this device. */
export async function pageWork(): Promise<boolean> {
  try {
    const db = await openReplica()
    const counts = await Promise.all([
      db.count('outbox'),
      db.countFromIndex('runs', 'active', 1),
      db.countFromIndex('messages', 'unsynced', 1),
    ])
    if (counts.some((count) => count > 0)) return true
    const rows = await db.getAll('conversations')
    return rows.some((row) => row.unsynced !== undefined || row.deletedAt !== undefined)
  } catch {
    return false
  }
}

/** What the page needs to answer in a conversation. @throws SiloError conversation_unknown */
export async function conversationRecords(id: string): Promise<{
  conversation: Conversation
  messages: Message[]
  /** Where the contexts of earlier answers of the page began. */
  sent: Map<string, SentPrompt>
}> {
  const db = await openReplica()
  const tx = db.transaction(['conversations', 'messages'])
  const [row, values] = await Promise.all([
    tx.objectStore('conversations').get(id),
    tx.objectStore('messages').index('conversationId').getAll(id),
  ])
  const known = stored(storedConversationSchema, row)
  if (!known) throw new SiloError('conversation_unknown')
  const parsed = values.flatMap((value) => stored(storedMessageSchema, value) ?? [])
  return {
    conversation: known.conversation,
    messages: parsed.map(({ message }) => message).sort(byAge),
    sent: new Map(
      parsed.flatMap(({ message, sentFrom }) =>
        sentFrom === undefined ? [] : [[message.id, { from: sentFrom }]],
      ),
    ),
  }
}

/** Forgets a copy, because the companion has deleted the conversation. What it never saw stays. */
export async function forgetConversation(id: string): Promise<void> {
  await writeReplica(['conversations', 'messages'], async (tx) => {
    const messages = tx.objectStore('messages')
    const kept = await messages.index('conversationId').getAll(id)
    if (kept.some(({ unsynced }) => unsynced === 1)) return
    await tx.objectStore('conversations').delete(id)
    for (const { message } of kept) await messages.delete(message.id)
  }).catch(() => {})
}

async function merge(
  tx: ReplicaWrite,
  remote: { conversation: Conversation; messages: Message[] },
  companionId: string,
): Promise<void> {
  const { id } = remote.conversation
  const rows = tx.objectStore('conversations')
  const messages = tx.objectStore('messages')
  const [row, kept] = await Promise.all([rows.get(id), messages.index('conversationId').getAll(id)])
  const mine = new Map(kept.map((value) => [value.message.id, value]))
  const all: Message[] = []
  for (const message of remote.messages) {
    const known = mine.get(message.id)
    mine.delete(message.id)
    const next = merged(known, message)
    all.push(next.message)
    if (!known || JSON.stringify(known) !== JSON.stringify(next))
      await messages.put(next, message.id)
  }
  for (const [messageId, value] of mine) {
    // What the companion has deleted goes; what it has never seen stays.
    if (value.unsynced === 0) await messages.delete(messageId)
    else all.push(value.message)
  }
  const unsynced = row?.unsynced
  const ahead = [...mine.values()].filter((value) => value.unsynced === 1)
  const leafId = leafOf(all, remote.conversation.leafId, row?.conversation.leafId, ahead)
  const { modelId, ...changes } = unsynced ?? {}
  const next: StoredConversation = {
    conversation: {
      ...remote.conversation,
      ...changes,
      ...(modelId ? { modelId } : {}),
      leafId,
    },
    openedAt: Date.now(),
    companionId,
    ...(unsynced ? { unsynced } : {}),
    ...(row?.deletedAt === undefined ? {} : { deletedAt: row.deletedAt }),
  }
  await rows.put(next, id)
}

/** The run of an answer of the page is known only here, and so is where its context began. */
function merged(known: StoredMessage | undefined, message: Message): StoredMessage {
  const runId = message.runId ?? known?.message.runId
  return {
    ...(known?.sentFrom === undefined ? {} : { sentFrom: known.sentFrom }),
    message: runId === undefined ? message : { ...message, runId },
    unsynced: 0,
  }
}

/** Here the branch that was gone on with on this device is shown, else the companion's. */
function leafOf(
  messages: readonly Message[],
  remote: string | null,
  local: string | null | undefined,
  ahead: readonly StoredMessage[],
): string | null {
  const newest = ahead.toSorted((a, b) => byAge(a.message, b.message)).at(-1)?.message
  if (!newest) return remote
  const shown = local ? branchOf(messages, local) : []
  const mine = new Set(ahead.map(({ message }) => message.id))
  if (local && shown.some(({ id }) => mine.has(id))) return newestLeaf(messages, local)
  const there = messages.find(({ id }) => id === remote)
  return there && there.createdAt > newest.createdAt ? there.id : newestLeaf(messages, newest.id)
}

async function dropOldCopies(): Promise<void> {
  const db: Replica = await openReplica()
  const surplus = (await db.count('conversations')) - keptCopies
  if (surplus <= 0) return
  await writeReplica(['conversations', 'messages', 'outbox'], async (tx) => {
    const waiting = tx.objectStore('outbox').index('conversationId')
    let left = surplus
    for (
      let cursor = await tx.objectStore('conversations').index('openedAt').openCursor();
      cursor && left > 0;
      cursor = await cursor.continue()
    ) {
      const { conversation, companionId, unsynced } = cursor.value
      const kept = await tx.objectStore('messages').index('conversationId').getAll(conversation.id)
      const precious = kept.some((value) => value.unsynced === 1) || unsynced !== undefined
      if (precious || companionId === null || (await waiting.count(conversation.id)) > 0) continue
      for (const { message } of kept) await tx.objectStore('messages').delete(message.id)
      await cursor.delete()
      left--
    }
  })
}
