import { titleFrom, type Conversation, type Message } from '#shared/domain/conversation.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import type { RunEvent, RunSummary } from '#shared/protocol/run-event.ts'
import { openReplica, type ReplicaWrite } from './database.ts'
import {
  stored,
  storedConversationSchema,
  storedEventSchema,
  storedRunSchema,
  type ChatRun,
  type StoredConversation,
  type StoredRun,
  type UnsyncedChanges,
} from './records.ts'
import { writeReplica } from './write.ts'

/** What the page writes of conversations and runs of its own. Every function is one transaction. */

/** Creates a conversation on this device, or returns the one of that id. @throws SiloError storage_quota, … */
export function createConversation(wanted: Conversation): Promise<Conversation> {
  return writeReplica(['conversations'], async (tx) => {
    const rows = tx.objectStore('conversations')
    const row = await rows.get(wanted.id)
    if (row?.deletedAt !== undefined) throw new SiloError('conversation_unknown')
    if (row) return row.conversation
    const conversation = structuredClone(wanted)
    await rows.put(newRow(conversation), wanted.id)
    return conversation
  })
}

/** A conversation that is on this device only. A companion gets title and messages of it, and is told the rest. */
export function newRow(conversation: Conversation): StoredConversation {
  const { collectionIds, modelId } = conversation
  const unsynced: UnsyncedChanges = {
    ...(collectionIds.length > 0 ? { collectionIds } : {}),
    ...(modelId === undefined ? {} : { modelId }),
  }
  return {
    conversation,
    openedAt: Date.now(),
    companionId: null,
    ...(Object.keys(unsynced).length > 0 ? { unsynced } : {}),
  }
}

/** Changes a conversation; what a companion must be told is remembered. @throws SiloError conversation_unknown, … */
export function changeConversation(id: string, changes: UnsyncedChanges): Promise<Conversation> {
  return writeReplica(['conversations', 'messages'], async (tx) => {
    const row = await requireConversation(tx, id)
    if (changes.leafId !== undefined) await requireMessage(tx, id, changes.leafId, 'leafId')
    const { modelId: before, ...base } = row.conversation
    const { modelId, ...rest } = changes
    const model = modelId === undefined ? before : (modelId ?? undefined)
    const onlyLeaf = changes.leafId !== undefined && Object.keys(changes).length === 1
    const conversation: Conversation = {
      ...base,
      ...rest,
      ...(model === undefined ? {} : { modelId: model }),
      updatedAt: onlyLeaf ? base.updatedAt : Date.now(),
    }
    const next: StoredConversation = { ...row, conversation }
    // Which branch is shown goes along with the next message; the rest is told by itself.
    const { leafId: _leaf, ...told } = changes
    if (Object.keys(told).length > 0) next.unsynced = { ...row.unsynced, ...told }
    await tx.objectStore('conversations').put(next, id)
    return conversation
  })
}

/** Deletes or brings back. @throws SiloError conversation_unknown */
export function setDeleted(id: string, deletedAt: number | undefined): Promise<Conversation> {
  return writeReplica(['conversations'], async (tx) => {
    const rows = tx.objectStore('conversations')
    const row = stored(storedConversationSchema, await rows.get(id))
    if (!row) throw new SiloError('conversation_unknown')
    const { deletedAt: _before, ...rest } = row
    await rows.put(deletedAt === undefined ? rest : { ...rest, deletedAt }, id)
    return row.conversation
  })
}

/**
 * Writes the question, the answer to come, the run and its first event. The same request again is the same run. With
 * `instead` a waiting question goes out of the outbox in the same step.
 * @throws SiloError run_conflict, conversation_unknown, message_unknown, conflict, storage_quota
 */
export function beginRun(
  request: ChatRun,
  first: RunEvent,
  instead?: string,
): Promise<{ run: RunSummary; fresh: boolean }> {
  return writeReplica(
    ['conversations', 'messages', 'runs', 'events', 'outbox'],
    async (tx): Promise<{ run: RunSummary; fresh: boolean }> => {
      const text = JSON.stringify(request)
      const known = stored(storedRunSchema, await tx.objectStore('runs').get(request.id))
      if (known) {
        if (known.request !== text) throw new SiloError('run_conflict', { field: 'id' })
        return { run: known.run, fresh: false }
      }
      const row = await requireConversation(tx, request.conversationId)
      const { conversation } = row
      const at = first.at
      await addQuestion(tx, request, at)
      const messages = tx.objectStore('messages')
      if ((await messages.getKey(request.assistantMessageId)) !== undefined)
        throw conflict('assistantMessageId')
      const answer: Message = {
        id: request.assistantMessageId,
        conversationId: conversation.id,
        parentId: request.parentId,
        role: 'assistant',
        text: '',
        createdAt: at + 1,
        runId: request.id,
      }
      await messages.put({ message: answer, unsynced: 1 }, answer.id)
      await tx.objectStore('conversations').put(
        {
          ...row,
          conversation: {
            ...conversation,
            leafId: answer.id,
            updatedAt: at,
            title: conversation.title || titleFrom(request.userMessage?.text ?? ''),
          },
        },
        conversation.id,
      )
      const run: RunSummary = {
        id: request.id,
        kind: 'chat',
        subject: conversation.id,
        messageId: answer.id,
        startedAt: at,
        lastSeq: first.seq,
      }
      await tx.objectStore('runs').put({ run, request: text, active: 1 }, run.id)
      await tx.objectStore('events').put(first, [run.id, first.seq])
      if (instead !== undefined) await tx.objectStore('outbox').delete(instead)
      return { run, fresh: true }
    },
  )
}

/** Appends to the logs of runs. */
export function appendEvents(events: readonly RunEvent[]): Promise<void> {
  return writeReplica(['events'], async (tx) => {
    for (const event of events) await tx.objectStore('events').put(event, [event.runId, event.seq])
  })
}

/** Writes the finished answer with the end of its run. */
export function finishRun(
  run: RunSummary,
  end: RunEvent,
  answer: Message,
  sentFrom?: string,
): Promise<RunSummary> {
  return writeReplica(['conversations', 'messages', 'runs', 'events'], async (tx) => {
    const row = await tx.objectStore('runs').get(run.id)
    const outcome = end.body.type === 'run-ended' ? end.body.outcome : 'interrupted'
    const ended: RunSummary = { ...run, endedAt: end.at, outcome, lastSeq: end.seq }
    await tx.objectStore('events').put(end, [run.id, end.seq])
    await tx.objectStore('runs').put({ run: ended, request: row?.request ?? '', active: 0 }, run.id)
    await tx
      .objectStore('messages')
      .put(
        { message: answer, unsynced: 1, ...(sentFrom === undefined ? {} : { sentFrom }) },
        answer.id,
      )
    const conversations = tx.objectStore('conversations')
    const known = await conversations.get(run.subject)
    if (known)
      await conversations.put(
        { ...known, conversation: { ...known.conversation, updatedAt: end.at } },
        run.subject,
      )
    return ended
  })
}

/** @throws SiloError run_unknown */
export async function pageRun(runId: string): Promise<StoredRun> {
  const row = stored(storedRunSchema, await (await openReplica()).get('runs', runId))
  if (!row) throw new SiloError('run_unknown')
  return row
}

/** Those that have not ended, as far as this device's records say. */
export async function activePageRuns(): Promise<RunSummary[]> {
  const rows = await (await openReplica()).getAllFromIndex('runs', 'active', 1)
  return rows.flatMap((row) => stored(storedRunSchema, row)?.run ?? [])
}

/** Newest first. */
export async function pageRuns(): Promise<RunSummary[]> {
  const rows = await (await openReplica()).getAll('runs')
  return rows
    .flatMap((row) => stored(storedRunSchema, row)?.run ?? [])
    .sort((a, b) => b.startedAt - a.startedAt)
}

/** Removes the logs of ended runs but for the newest `keep`; their answers stay. */
export async function pruneRuns(keep: number): Promise<void> {
  const ended = (await pageRuns()).filter(({ outcome }) => outcome !== undefined)
  const old = ended.slice(keep)
  if (old.length === 0) return
  await writeReplica(['runs', 'events'], async (tx) => {
    for (const { id } of old) {
      await tx.objectStore('runs').delete(id)
      await tx
        .objectStore('events')
        .delete(IDBKeyRange.bound([id, 0], [id, Number.MAX_SAFE_INTEGER]))
    }
  })
}

/** The log after `after`, oldest first. */
export async function pageEvents(runId: string, after = -1): Promise<RunEvent[]> {
  const range = IDBKeyRange.bound([runId, after + 1], [runId, Number.MAX_SAFE_INTEGER])
  const rows = await (await openReplica()).getAll('events', range)
  return rows.flatMap((row) => stored(storedEventSchema, row) ?? [])
}

/** A message that was already written (its run was refused, or it is answered once more) is left as it is. */
async function addQuestion(tx: ReplicaWrite, request: ChatRun, at: number): Promise<void> {
  const { userMessage: wanted, conversationId } = request
  const messages = tx.objectStore('messages')
  if (!wanted) {
    const question = await requireMessage(tx, conversationId, request.parentId, 'parentId')
    if (question.role !== 'user') throw new SiloError('message_unknown', { field: 'parentId' })
    return
  }
  if (wanted.id !== request.parentId) throw conflict('parentId')
  if (wanted.parentId !== null) {
    const field = 'userMessage.parentId'
    const before = await requireMessage(tx, conversationId, wanted.parentId, field)
    if (before.role !== 'assistant') throw new SiloError('message_unknown', { field })
  }
  const known = (await messages.get(wanted.id))?.message
  const same =
    known?.text === wanted.text &&
    known.parentId === wanted.parentId &&
    known.conversationId === conversationId
  if (same) return
  if (known) throw conflict('userMessage.id')
  const message: Message = { ...wanted, conversationId, role: 'user', createdAt: at }
  await messages.put({ message, unsynced: 1 }, wanted.id)
}

async function requireConversation(tx: ReplicaWrite, id: string): Promise<StoredConversation> {
  const row = stored(storedConversationSchema, await tx.objectStore('conversations').get(id))
  if (!row || row.deletedAt !== undefined) throw new SiloError('conversation_unknown')
  return row
}

async function requireMessage(
  tx: ReplicaWrite,
  conversationId: string,
  id: string,
  field: string,
): Promise<Message> {
  const message = (await tx.objectStore('messages').get(id))?.message
  if (message?.conversationId !== conversationId) throw new SiloError('message_unknown', { field })
  return message
}

function conflict(field: string): SiloError {
  return new SiloError('conflict', { params: { detail: field }, field })
}
