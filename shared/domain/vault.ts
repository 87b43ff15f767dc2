import * as v from 'valibot'
import { wireErrorSchema } from '#shared/errors/silo-error.ts'
import { citationSchema } from './conversation.ts'
import { idSchema } from './ids.ts'
import { accessSchema } from './sharing.ts'

/** A device that has documents in a collection. */
export const holderSchema = v.object({
  deviceId: v.string(),
  name: v.string(),
  online: v.boolean(),
  documents: v.optional(v.number()),
  /** Ms since 1970: when its part of the index was last brought up to date here. */
  syncedAt: v.optional(v.number()),
})
export type Holder = v.InferOutput<typeof holderSchema>

/** What a document is, apart from its format. */
export const documentKindSchema = v.picklist([
  'document',
  'note',
  'mail',
  'web',
  'code',
  'table',
  'slides',
  'image',
])
export type DocumentKind = v.InferOutput<typeof documentKindSchema>

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
  /** Device whose key decides who may do what; absent: this companion. */
  home: v.optional(v.string()),
  /** `own` is written here, `copy` is held here and written elsewhere, `live` is only asked where it lies. */
  source: v.optional(v.picklist(['own', 'copy', 'live'])),
  /** What the caller may do; absent: everything. */
  access: v.optional(accessSchema),
  /** The others' part of it is kept here; absent where there are no others. */
  keepCopy: v.optional(v.boolean()),
  /** It may be kept here. */
  mayCopy: v.optional(v.boolean()),
  /** Devices with documents in it, this one included. */
  holders: v.optional(v.array(holderSchema)),
  /** Roots are watched and read again when they change. */
  watched: v.optional(v.boolean()),
  /** Reading is held until it is resumed. */
  paused: v.optional(v.boolean()),
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
  kind: v.optional(documentKindSchema),
  /** Ms since 1970: the date the document bears (mail: sent; else what its metadata say). */
  date: v.optional(v.number()),
  author: v.optional(v.string()),
  /** Device that read it and owns its part of the index; absent: this companion. */
  owner: v.optional(v.string()),
  /** Other paths with the same content. */
  copies: v.optional(v.array(v.string())),
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
  /** Cosine and BM25 behind the ranks: for merging answers of several devices, never to be judged alone. */
  similarity: v.optional(v.number()),
  textScore: v.optional(v.number()),
  /** Place of the passage among those of its document, from 0. */
  ordinal: v.optional(v.number()),
  /** The passage with what stands around it in its section; for reading, not for quoting. */
  section: v.optional(v.string()),
  ownerName: v.optional(v.string()),
  kind: v.optional(documentKindSchema),
  date: v.optional(v.number()),
  modifiedAt: v.optional(v.number()),
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
