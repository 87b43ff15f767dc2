import type { Conversation, Message } from '#shared/domain/conversation.ts'
import { titleFrom } from '#shared/domain/conversation.ts'
import { SiloError, type WireError } from '#shared/errors/silo-error.ts'
import { openReplica } from './database.ts'
import { newRow } from './page-records.ts'
import { stored, waitingQuestionSchema, type ChatRun, type WaitingQuestion } from './records.ts'
import { writeReplica } from './write.ts'

/** Keeps a question until a companion is there; its conversation is created where it is new. @throws SiloError storage_quota */
export function addWaiting(run: ChatRun, conversation: Conversation): Promise<void> {
  const plain = structuredClone({ run, conversation })
  return writeReplica(['conversations', 'outbox'], async (tx) => {
    const rows = tx.objectStore('conversations')
    const known = await rows.get(conversation.id)
    const now = Date.now()
    if (!known)
      await rows.put(
        newRow({
          ...plain.conversation,
          title: plain.conversation.title || titleFrom(run.userMessage?.text ?? ''),
          updatedAt: now,
        }),
        conversation.id,
      )
    await tx.objectStore('outbox').put({ run: plain.run, askedAt: now }, run.id)
  })
}

/** All that wait, oldest first. */
export async function waitingQuestions(): Promise<WaitingQuestion[]> {
  const rows = await (await openReplica()).getAll('outbox')
  return rows
    .flatMap((row) => stored(waitingQuestionSchema, row) ?? [])
    .sort((a, b) => a.askedAt - b.askedAt)
}

export async function waitingQuestion(runId: string): Promise<WaitingQuestion | undefined> {
  return stored(waitingQuestionSchema, await (await openReplica()).get('outbox', runId))
}

/** Takes a question out, e.g. because the person gave it up. */
export function dropWaiting(runId: string): Promise<void> {
  return writeReplica(['outbox'], async (tx) => {
    await tx.objectStore('outbox').delete(runId)
  })
}

/** Notes why the companion refused a question, or with undefined that it may be tried again. */
export function markRefused(runId: string, refusal: WireError | undefined): Promise<void> {
  return writeReplica(['outbox'], async (tx) => {
    const row = await tx.objectStore('outbox').get(runId)
    if (!row) throw new SiloError('run_unknown')
    const { refusal: _before, ...rest } = row
    await tx.objectStore('outbox').put(refusal ? { ...rest, refusal } : rest, runId)
  })
}

/** The companion has it: the question and the answer to come are copies of the companion's records now. */
export function markSent({ run, askedAt }: WaitingQuestion): Promise<void> {
  return writeReplica(['conversations', 'messages', 'outbox'], async (tx) => {
    const { conversationId, userMessage, parentId, assistantMessageId } = run
    const messages = tx.objectStore('messages')
    if (userMessage) {
      const message: Message = { ...userMessage, conversationId, role: 'user', createdAt: askedAt }
      await messages.put({ message, unsynced: 0 }, message.id)
    }
    const answer: Message = {
      id: assistantMessageId,
      conversationId,
      parentId,
      role: 'assistant',
      text: '',
      createdAt: Date.now(),
      runId: run.id,
    }
    await messages.put({ message: answer, unsynced: 0 }, answer.id)
    const rows = tx.objectStore('conversations')
    const row = await rows.get(conversationId)
    if (row)
      await rows.put(
        { ...row, conversation: { ...row.conversation, leafId: answer.id } },
        conversationId,
      )
    await tx.objectStore('outbox').delete(run.id)
  })
}
