import * as v from 'valibot'
import { idSchema } from '#shared/domain/ids.ts'
import { documentSchema } from '#shared/domain/vault.ts'

/**
 * The replica feed: what a phone needs to search a collection by itself. `GET /api/replica` lists what may be copied;
 * `GET /api/replica/:collection/feed` gives the documents and deletions after a cursor, a page at a time
 * (`replica-page.ts` has the form of a page).
 */

const count = v.pipe(v.number(), v.integer(), v.minValue(0))

/** A collection the caller may keep a copy of. */
export const replicaOfferSchema = v.object({
  id: idSchema,
  name: v.pipe(v.string(), v.maxLength(500)),
  /** Which count of changes `change` belongs to: another one means that a copy begins anew. */
  epoch: idSchema,
  /** The number of its last change. */
  change: count,
  documents: count,
  chunks: count,
  /** What a whole copy takes on the way and on the device, about. */
  bytes: count,
})
export type ReplicaOffer = v.InferOutput<typeof replicaOfferSchema>

/** `GET /api/replica` */
export const replicaListSchema = v.object({
  companionId: v.string(),
  /** The model the vectors are of; a query has to be embedded with the same one. */
  modelId: v.pipe(v.string(), v.maxLength(200)),
  dimensions: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(8192)),
  collections: v.array(replicaOfferSchema),
})
export type ReplicaList = v.InferOutput<typeof replicaListSchema>

/**
 * How far a copy is: everything up to change number `since`, and of the document that changed last at `part.change` the
 * first `part.chunks` chunks. Large documents come in parts.
 */
export const replicaCursorSchema = v.object({
  since: count,
  part: v.optional(v.object({ change: count, chunks: count })),
})
export type ReplicaCursor = v.InferOutput<typeof replicaCursorSchema>

/** Chunks in one page: as asked for, by default, at most. */
export const defaultPageChunks = 768
export const maxPageChunks = 2048
/** Documents and deletions in one page, at most. */
export const maxPageEntries = 4096
/** Bytes of one page, at most: a companion sends far less. */
export const maxPageBytes = 32 * 1024 * 1024

/** A chunk: id, start, end (UTF-16 offsets into the extracted text), page (0: none), headings, text. */
export const replicaChunkSchema = v.strictTuple([
  v.pipe(v.string(), v.minLength(1), v.maxLength(128)),
  count,
  count,
  count,
  v.pipe(v.array(v.pipe(v.string(), v.maxLength(2000))), v.maxLength(32)),
  v.pipe(v.string(), v.maxLength(200_000)),
])
export type ReplicaChunk = v.InferOutput<typeof replicaChunkSchema>

export const replicaDocumentSchema = v.object({
  document: documentSchema,
  /** UTF-16 code units of its whole extracted text, where known. */
  length: v.optional(count),
  change: count,
  /** How many of its chunks came in pages before; 0 begins it, and replaces what the device has of it. */
  from: count,
  /**
   * `more`: further pages go on with it. `kept`: its chunks are as they were, and only what is said of it has changed;
   * a device that does not have them asks for the collection anew.
   */
  state: v.picklist(['complete', 'more', 'kept']),
  chunks: v.pipe(v.array(replicaChunkSchema), v.maxLength(maxPageChunks)),
})
export type ReplicaDocument = v.InferOutput<typeof replicaDocumentSchema>

/** The head of a page. Its vectors follow, in the order of the chunks. */
export const replicaHeadSchema = v.object({
  collectionId: idSchema,
  epoch: idSchema,
  modelId: v.pipe(v.string(), v.maxLength(200)),
  dimensions: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(8192)),
  /** The cursor was of another epoch or ahead of this one: this page is the first of all, what was there goes. */
  restart: v.boolean(),
  /** Ask from here next. */
  next: replicaCursorSchema,
  /** The last change of the collection when this page was made. */
  change: count,
  /** Nothing is left after `next`. */
  complete: v.boolean(),
  documents: v.pipe(v.array(replicaDocumentSchema), v.maxLength(maxPageEntries)),
  /** Ids of documents that are no more. */
  removed: v.pipe(v.array(v.pipe(v.string(), v.maxLength(128))), v.maxLength(maxPageEntries)),
})
export type ReplicaHead = v.InferOutput<typeof replicaHeadSchema>

const number = (max: number) =>
  v.pipe(v.string(), v.regex(/^\d{1,15}$/), v.transform(Number), v.maxValue(max))

/** The query of the feed. `change` and `chunks` are the cursor's part, both or none. */
export const replicaQuerySchema = v.object({
  since: v.optional(number(Number.MAX_SAFE_INTEGER), '0'),
  epoch: v.optional(idSchema),
  change: v.optional(number(Number.MAX_SAFE_INTEGER)),
  chunks: v.optional(number(100_000_000)),
  limit: v.optional(v.pipe(number(maxPageChunks), v.minValue(1)), String(defaultPageChunks)),
})

/** The path of a page of the feed. */
export function feedPath(
  collectionId: string,
  cursor: ReplicaCursor,
  epoch: string | undefined,
  limit = defaultPageChunks,
): string {
  const query = new URLSearchParams({ since: String(cursor.since), limit: String(limit) })
  if (epoch !== undefined) query.set('epoch', epoch)
  if (cursor.part) {
    query.set('change', String(cursor.part.change))
    query.set('chunks', String(cursor.part.chunks))
  }
  return `/api/replica/${encodeURIComponent(collectionId)}/feed?${query}`
}
