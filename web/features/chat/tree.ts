import type { Message } from '#shared/domain/conversation.ts'
import type { WaitingQuestion } from '#web/replica/records.ts'

/** Where a message stands among the branches of its parent: `‹2/3›`. */
export interface BranchPlace {
  /** 0-based. */
  readonly index: number
  readonly ids: readonly string[]
}

/** The alternatives of every message that has any, by message id, oldest first. */
export function branchPlaces(messages: readonly Message[]): Map<string, BranchPlace> {
  const byParent = new Map<string | null, Message[]>()
  for (const message of messages) {
    const group = byParent.get(message.parentId)
    if (group) group.push(message)
    else byParent.set(message.parentId, [message])
  }
  const places = new Map<string, BranchPlace>()
  for (const group of byParent.values()) {
    if (group.length < 2) continue
    const ids = group.toSorted((a, b) => a.createdAt - b.createdAt).map(({ id }) => id)
    for (const [index, id] of ids.entries()) places.set(id, { index, ids })
  }
  return places
}

/** `messages` with `changed` put in place of what had their ids, new ones at the end. */
export function withMessages(
  messages: readonly Message[],
  ...changed: readonly Message[]
): Message[] {
  const byId = new Map(changed.map((message) => [message.id, message]))
  const next = messages.map((message) => {
    const replacement = byId.get(message.id)
    byId.delete(message.id)
    return replacement ?? message
  })
  return [...next, ...byId.values()]
}

/**
 * What the companion says, plus messages this page has sent that it does not know yet. A finished message
 * is never replaced by an older, unfinished state of itself.
 */
export function mergeMessages(
  local: readonly Message[],
  remote: readonly Message[],
  unsent: ReadonlySet<string>,
): Message[] {
  const known = new Map(local.map((message) => [message.id, message]))
  const merged = remote.map((message) => {
    const mine = known.get(message.id)
    return mine?.outcome !== undefined && message.outcome === undefined ? mine : message
  })
  const ids = new Set(remote.map(({ id }) => id))
  return [...merged, ...local.filter(({ id }) => unsent.has(id) && !ids.has(id))]
}

/** `messages` with questions that wait for a companion at the places they will have, each with its answer to come. */
export function withWaiting(
  messages: readonly Message[],
  waiting: readonly WaitingQuestion[],
): readonly Message[] {
  if (waiting.length === 0) return messages
  const known = new Set(messages.map(({ id }) => id))
  const added = waiting.flatMap(({ run, askedAt }): Message[] => {
    const { conversationId, userMessage, assistantMessageId: id, parentId } = run
    const base = { conversationId, createdAt: askedAt }
    const question: Message[] = userMessage ? [{ ...userMessage, ...base, role: 'user' }] : []
    return [
      ...question,
      { ...base, id, parentId, role: 'assistant', text: '', createdAt: askedAt + 1 },
    ]
  })
  return [...messages, ...added.filter(({ id }) => !known.has(id))]
}
