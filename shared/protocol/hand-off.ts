import * as v from 'valibot'
import {
  answerPlaceSchema,
  citationSchema,
  outcomeSchema,
  usageSchema,
} from '#shared/domain/conversation.ts'
import { idSchema } from '#shared/domain/ids.ts'
import { wireErrorSchema } from '#shared/errors/silo-error.ts'
import { maxMessageLength } from './api.ts'

/** Messages one import may carry; a longer conversation comes in several, parents first. */
export const maxImportMessages = 200
/** Characters of text one import may carry, so that its body stays below the gateway's limit. */
export const maxImportLength = 400_000

const base = {
  id: idSchema,
  text: v.pipe(v.string(), v.maxLength(maxMessageLength)),
  /** Ms since 1970 by the clock of the device it was written on. */
  createdAt: v.pipe(v.number(), v.integer(), v.minValue(0)),
}

/** A message written without the companion. What made it, the run, stays where it ran. */
export const importedMessageSchema = v.variant('role', [
  v.object({ ...base, role: v.literal('user'), parentId: v.nullable(idSchema) }),
  v.object({
    ...base,
    role: v.literal('assistant'),
    parentId: idSchema,
    /** Only finished answers are handed over. */
    outcome: outcomeSchema,
    error: v.optional(wireErrorSchema),
    modelId: v.optional(v.string()),
    /** What it rests on, from copies on that device. */
    citations: v.optional(v.pipe(v.array(citationSchema), v.maxLength(50))),
    usage: v.optional(usageSchema),
    placement: v.optional(answerPlaceSchema),
  }),
])
export type ImportedMessage = v.InferOutput<typeof importedMessageSchema>

/**
 * `POST /api/conversations/:id/import` → {conversation, messages}. Idempotent: messages that are there already stay
 * as they are. @throws conversation_unknown where it was deleted, conflict, message_unknown
 */
export const importConversationSchema = v.object({
  /** Used where the conversation is not there yet. */
  title: v.optional(v.pipe(v.string(), v.maxLength(200)), ''),
  createdAt: base.createdAt,
  /** The leaf of the branch the device shows. */
  leafId: v.optional(v.nullable(idSchema)),
  messages: v.pipe(v.array(importedMessageSchema), v.maxLength(maxImportMessages)),
})
export type ImportConversation = v.InferInput<typeof importConversationSchema>
