import * as v from 'valibot'
import { wireErrorSchema } from '#shared/errors/silo-error.ts'
import { citationSchema } from './conversation.ts'
import { idSchema } from './ids.ts'

export const collectionSchema = v.object({
  id: idSchema,
  name: v.string(),
  createdAt: v.number(),
  /** Absolute folders and files this collection was filled from. */
  roots: v.array(v.string()),
  documents: v.number(),
  chunks: v.number(),
  problems: v.number(),
  /** Ms since 1970 of the last finished ingest; absent before the first. */
  ingestedAt: v.optional(v.number()),
  /** The ingest that is running. */
  runId: v.optional(idSchema),
})
export type Collection = v.InferOutput<typeof collectionSchema>

export const documentSchema = v.object({
  id: v.string(),
  collectionId: idSchema,
  path: v.string(),
  title: v.string(),
  mediaType: v.string(),
  size: v.number(),
  modifiedAt: v.number(),
  chunks: v.number(),
  pages: v.optional(v.number()),
})
export type Document = v.InferOutput<typeof documentSchema>

/** A file that could not be read, and why. */
export const problemSchema = v.object({ path: v.string(), error: wireErrorSchema, at: v.number() })
export type Problem = v.InferOutput<typeof problemSchema>

export const searchHitSchema = v.object({
  ...v.omit(citationSchema, ['marker']).entries,
  /** Reciprocal rank fusion score; comparable within one answer only. */
  score: v.number(),
  /** 1-based rank in the dense list and in the full-text list, where found. */
  denseRank: v.optional(v.number()),
  textRank: v.optional(v.number()),
})
export type SearchHit = v.InferOutput<typeof searchHitSchema>

export const documentTextSchema = v.object({
  document: documentSchema,
  /** The slice of extracted text from `start` (UTF-16 code units). */
  text: v.string(),
  start: v.number(),
  /** Length of the whole extracted text. */
  length: v.number(),
})
export type DocumentText = v.InferOutput<typeof documentTextSchema>
