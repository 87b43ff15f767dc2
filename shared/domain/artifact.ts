import * as v from 'valibot'
import { idSchema, sha256Schema } from './ids.ts'

export const artifactKindSchema = v.picklist([
  'html',
  'markdown',
  'svg',
  'code',
  'csv',
  'chart',
  'diagram',
  'image',
  'file',
])
export type ArtifactKind = v.InferOutput<typeof artifactKindSchema>

/** One version of one artifact. Its content is stored once, by hash. */
export const artifactSchema = v.object({
  id: idSchema,
  conversationId: idSchema,
  messageId: idSchema,
  /** Versions of the same thing share a key within a conversation. */
  key: v.string(),
  version: v.pipe(v.number(), v.integer(), v.minValue(1)),
  kind: artifactKindSchema,
  title: v.string(),
  /** Language of the fence it came from, e.g. `ts`; empty where there was none. */
  language: v.string(),
  sha256: sha256Schema,
  /** UTF-8 bytes. */
  size: v.number(),
  createdAt: v.number(),
  /** False when the answer ended inside the fence. */
  complete: v.boolean(),
  /** The task's run that made it, where one did, and the call within it. */
  runId: v.optional(idSchema),
  callId: v.optional(v.string()),
  mediaType: v.optional(v.string()),
})
export type Artifact = v.InferOutput<typeof artifactSchema>
