import * as v from 'valibot'
import { wireErrorSchema } from '#shared/errors/silo-error.ts'
import { placementReasons, placements } from '#shared/router/placement.ts'
import { artifactSchema } from './artifact.ts'
import { idSchema } from './ids.ts'

/** A passage an answer rests on. `marker` is the number the answer uses: `[1]`. */
export const citationSchema = v.object({
  marker: v.pipe(v.number(), v.integer(), v.minValue(1)),
  documentId: v.string(),
  collectionId: v.string(),
  chunkId: v.string(),
  title: v.string(),
  /** Absolute path on the companion; empty for pasted text. */
  path: v.string(),
  /** 1-based, where the format has pages. */
  page: v.optional(v.number()),
  /** Headings above the passage, outermost first. */
  headings: v.array(v.string()),
  /** Offsets into the document's extracted text, UTF-16 code units. */
  start: v.number(),
  end: v.number(),
  text: v.string(),
  /** Device that holds the document. */
  owner: v.optional(v.string()),
  /** How that device was called. */
  ownerName: v.optional(v.string()),
  /** The reader may not read this collection any more: what would tell of it is left empty. */
  withheld: v.optional(v.boolean()),
})
export type Citation = v.InferOutput<typeof citationSchema>

export const usageSchema = v.object({
  promptTokens: v.number(),
  /** Of `promptTokens`, how many were already computed. */
  cachedTokens: v.number(),
  completionTokens: v.number(),
  /** Milliseconds from the request to the first token. */
  firstTokenMs: v.number(),
  /** Milliseconds from the first token to the last. */
  decodeMs: v.number(),
})
export type Usage = v.InferOutput<typeof usageSchema>

export const outcomeSchema = v.picklist(['done', 'cancelled', 'failed', 'interrupted'])
export type Outcome = v.InferOutput<typeof outcomeSchema>

/** Where an answer was written, and why there. */
export const answerPlaceSchema = v.object({
  place: v.picklist(placements),
  device: v.string(),
  engine: v.string(),
  reason: v.picklist(placementReasons),
})
export type AnswerPlace = v.InferOutput<typeof answerPlaceSchema>

export const messageSchema = v.object({
  id: idSchema,
  conversationId: idSchema,
  /** Null for the first message; siblings of one parent are branches. */
  parentId: v.nullable(idSchema),
  role: v.picklist(['user', 'assistant']),
  text: v.string(),
  createdAt: v.number(),
  /** The run that writes or wrote this assistant message. */
  runId: v.optional(idSchema),
  /** Absent while the run goes on. */
  outcome: v.optional(outcomeSchema),
  error: v.optional(wireErrorSchema),
  modelId: v.optional(v.string()),
  citations: v.optional(v.array(citationSchema)),
  artifacts: v.optional(v.array(artifactSchema)),
  usage: v.optional(usageSchema),
  placement: v.optional(answerPlaceSchema),
})
export type Message = v.InferOutput<typeof messageSchema>

export const conversationSchema = v.object({
  id: idSchema,
  title: v.string(),
  createdAt: v.number(),
  updatedAt: v.number(),
  /** The leaf of the branch that is shown; null while empty. */
  leafId: v.nullable(idSchema),
  modelId: v.optional(v.string()),
  /** Collections whose passages answers rest on; empty means plain chat. */
  collectionIds: v.array(v.string()),
})
export type Conversation = v.InferOutput<typeof conversationSchema>

const titleLength = 60

/** The title of a conversation whose first message says this. */
export function titleFrom(text: string): string {
  const line = text.split('\n').find((line) => line.trim() !== '')?.replace(/\s+/g, ' ').trim() ?? '' // prettier-ignore
  const characters = [...line]
  return characters.length > titleLength
    ? `${characters.slice(0, titleLength - 1).join('')}…`
    : line
}

/** The messages from the root to `leafId`, oldest first. Unknown or cyclic parents end the walk. */
export function branchOf(messages: readonly Message[], leafId: string | null): Message[] {
  const byId = new Map(messages.map((message) => [message.id, message]))
  const branch: Message[] = []
  for (let id = leafId; id !== null;) {
    const message = byId.get(id)
    if (!message) break
    byId.delete(id)
    branch.push(message)
    id = message.parentId
  }
  return branch.reverse()
}

/** The newest leaf below `id`: where choosing a branch leads. */
export function newestLeaf(messages: readonly Message[], id: string): string {
  const newestChild = new Map<string, Message>()
  for (const message of messages) {
    if (message.parentId === null) continue
    const known = newestChild.get(message.parentId)
    if (!known || known.createdAt <= message.createdAt) newestChild.set(message.parentId, message)
  }
  const seen = new Set<string>()
  let leaf = id
  for (;;) {
    seen.add(leaf)
    const child = newestChild.get(leaf)
    if (!child || seen.has(child.id)) return leaf
    leaf = child.id
  }
}
