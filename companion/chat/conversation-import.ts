import type { DatabaseSync } from 'node:sqlite'
import type * as v from 'valibot'
import { transaction } from '#companion/records/database.ts'
import { branchOf, type Conversation, type Message } from '#shared/domain/conversation.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { languageOf } from '#shared/generation/language.ts'
import type { importConversationSchema, ImportedMessage } from '#shared/protocol/hand-off.ts'
import { ArtifactExtractor } from './artifact-extractor.ts'
import type { ArtifactStore } from './artifact-store.ts'
import type { ConversationStore } from './conversation-store.ts'

type Import = v.InferOutput<typeof importConversationSchema>

export interface ImportDeps {
  readonly database: DatabaseSync
  readonly conversations: ConversationStore
  readonly artifacts: ArtifactStore
}

/**
 * Takes in messages that a device wrote without this companion, all or none. What is here already stays as it is, so
 * that a repeated import changes nothing; branches of both sides are kept. Returns how many messages were new.
 * @throws SiloError conversation_unknown where it was deleted or is another's; conflict where an id is taken by
 * something else; message_unknown where a parent is neither here nor in the import
 */
export function importConversation(
  { database, conversations, artifacts }: ImportDeps,
  id: string,
  request: Import,
  space: string,
): { conversation: Conversation; added: number } {
  const now = Date.now()
  return transaction(database, () => {
    const { leafId: before, updatedAt } = conversations.create(
      { id, title: request.title, createdAt: Math.min(request.createdAt, now) },
      space,
    )
    const fresh = inOrder(request.messages, (message) => isHere(conversations, id, message))
    let newest = updatedAt
    for (const { message, index } of fresh) {
      requireParent(conversations, id, message, index)
      // A device whose clock is ahead would otherwise stay the newest for ever.
      const createdAt = Math.min(message.createdAt, now)
      newest = Math.max(newest, createdAt)
      const whole: Message = { ...message, conversationId: id, createdAt }
      conversations.insert(whole)
      if (message.role === 'user') continue
      conversations.finish(whole)
      addArtifacts(artifacts, id, message)
    }
    if (fresh.length > 0) {
      const leafId = leafAfter(conversations.messages(id), before, request.leafId ?? null)
      conversations.settle(id, leafId, newest)
    }
    return { conversation: conversations.get(id), added: fresh.length }
  })
}

interface Fresh {
  readonly message: ImportedMessage
  readonly index: number
}

/** Those that are not here yet, each after its parent wherever that is in the import too. */
function inOrder(
  messages: readonly ImportedMessage[],
  known: (message: ImportedMessage) => boolean,
): Fresh[] {
  const waiting = new Map<string, Fresh>()
  for (const [index, message] of messages.entries()) {
    if (waiting.has(message.id)) throw conflict('messages')
    if (!known(message)) waiting.set(message.id, { message, index })
  }
  const ordered: Fresh[] = []
  const take = (fresh: Fresh): void => {
    // Walked up before down; taken out first, so that parents in a circle end.
    const line: Fresh[] = []
    for (let at: Fresh | undefined = fresh; at; at = waiting.get(at.message.parentId ?? '')) {
      waiting.delete(at.message.id)
      line.push(at)
    }
    ordered.push(...line.reverse())
  }
  for (const fresh of waiting.values()) take(fresh)
  return ordered
}

/** @throws SiloError conflict where the id belongs to something else */
function isHere(
  conversations: ConversationStore,
  conversationId: string,
  message: ImportedMessage,
): boolean {
  const known = conversations.message(conversationId, message.id)
  if (!known) {
    if (conversations.hasMessage(message.id)) throw conflict('messages')
    return false
  }
  const same =
    known.role === message.role &&
    known.parentId === message.parentId &&
    known.text === message.text
  if (!same) throw conflict('messages')
  return true
}

function requireParent(
  conversations: ConversationStore,
  conversationId: string,
  message: ImportedMessage,
  index: number,
): void {
  const field = `messages.${index}.parentId`
  if (message.parentId === null) return
  const parent = conversations.message(conversationId, message.parentId)
  // Turns alternate: a question follows an answer, an answer a question.
  if (!parent || parent.role === message.role) throw new SiloError('message_unknown', { field })
}

function addArtifacts(artifacts: ArtifactStore, id: string, message: ImportedMessage): void {
  const extractor = new ArtifactExtractor()
  for (const found of [...extractor.push(message.text), ...extractor.end()])
    artifacts.add(found, {
      conversationId: id,
      messageId: message.id,
      language: languageOf(message.text),
    })
}

/** The branch that is shown: the device's where it goes on from the one shown here, else that with the newer leaf. */
function leafAfter(
  messages: readonly Message[],
  before: string | null,
  wanted: string | null,
): string | null {
  const byId = new Map(messages.map((message) => [message.id, message]))
  const theirs = wanted === null ? messages.at(-1) : byId.get(wanted)
  const ours = before === null ? undefined : byId.get(before)
  if (!theirs) return before
  if (!ours || branchOf(messages, theirs.id).some(({ id }) => id === ours.id)) return theirs.id
  return theirs.createdAt > ours.createdAt ? theirs.id : ours.id
}

function conflict(field: string): SiloError {
  return new SiloError('conflict', { params: { detail: field }, field })
}
