import * as v from 'valibot'
import { conversationSchema, messageSchema, type Message } from '#shared/domain/conversation.ts'
import { idSchema } from '#shared/domain/ids.ts'
import { wireErrorSchema } from '#shared/errors/silo-error.ts'
import { startRunSchema, type StartRun } from '#shared/protocol/api.ts'
import { runEventSchema, runSummarySchema } from '#shared/protocol/run-event.ts'

export type ChatRun = Extract<StartRun, { kind: 'chat' }>
/** A task of the agent: only a companion can do it, so it never waits here. */
export type AgentRun = Extract<StartRun, { kind: 'agent' }>

/** What was changed of a conversation while no companion could be told. */
const unsyncedChangesSchema = v.object({
  title: v.optional(v.string()),
  leafId: v.optional(idSchema),
  modelId: v.optional(v.nullable(v.string())),
  collectionIds: v.optional(v.array(idSchema)),
})
export type UnsyncedChanges = v.InferOutput<typeof unsyncedChangesSchema>

export const storedConversationSchema = v.object({
  conversation: conversationSchema,
  openedAt: v.number(),
  /** The companion that has it; null while it is on this device only. */
  companionId: v.nullable(v.string()),
  unsynced: v.optional(unsyncedChangesSchema),
  /** Deleted here; kept for a while so that it can be brought back, and until the companion knows. */
  deletedAt: v.optional(v.number()),
  /** Why the companion did not take what was said here. */
  refusal: v.optional(wireErrorSchema),
})
export type StoredConversation = v.InferOutput<typeof storedConversationSchema>

export const storedMessageSchema = v.object({
  message: messageSchema,
  /** 1: written on this device and not on the companion yet. A number, because it is indexed. */
  unsynced: v.picklist([0, 1]),
  /** The first message that was in the context of this answer, where older ones were dropped. */
  sentFrom: v.optional(idSchema),
})
export type StoredMessage = v.InferOutput<typeof storedMessageSchema>

export const storedRunSchema = v.object({
  run: runSummarySchema,
  /** The request that started it, as JSON: the same id with another one is refused. */
  request: v.string(),
  /** 1 until it ended. */
  active: v.picklist([0, 1]),
})
export type StoredRun = v.InferOutput<typeof storedRunSchema>

export const storedEventSchema = runEventSchema
export type StoredEvent = v.InferOutput<typeof storedEventSchema>

export const waitingQuestionSchema = v.object({
  /** What is sent, with the run id it was asked with: sending it twice is one run. */
  run: v.pipe(
    startRunSchema,
    v.check((run) => run.kind === 'chat'),
    v.transform((run) => run as ChatRun),
  ),
  askedAt: v.number(),
  /** Why the companion refused it; it waits for a person then. */
  refusal: v.optional(wireErrorSchema),
})
export type WaitingQuestion = v.InferOutput<typeof waitingQuestionSchema>

/** A stored value as what it should be; undefined where it is not, e.g. of another version. */
export function stored<S extends v.GenericSchema>(
  schema: S,
  value: unknown,
): v.InferOutput<S> | undefined {
  const parsed = v.safeParse(schema, value)
  return parsed.success ? parsed.output : undefined
}

/** Oldest first; a companion gives a question and its answer the same time. */
export function byAge(a: Message, b: Message): number {
  if (a.createdAt !== b.createdAt) return a.createdAt - b.createdAt
  if (a.role !== b.role) return a.role === 'user' ? -1 : 1
  return a.id < b.id ? -1 : 1
}
