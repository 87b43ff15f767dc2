import * as v from 'valibot'
import { idSchema } from '#shared/domain/ids.ts'
import { documentKindSchema, searchHitSchema } from '#shared/domain/vault.ts'

/** File types a question may name; what a document is otherwise is its kind. */
export const fileTypes = ['pdf', 'word', 'excel', 'csv', 'powerpoint', 'epub', 'html', 'markdown', 'text'] as const // prettier-ignore
export const fileTypeSchema = v.picklist(fileTypes)
export type FileType = v.InferOutput<typeof fileTypeSchema>

/** Narrows a search; what is absent does not narrow. */
export const searchFiltersSchema = v.object({
  /** Devices whose documents are asked. */
  owners: v.optional(v.pipe(v.array(v.pipe(v.string(), v.maxLength(128))), v.maxLength(100))),
  kinds: v.optional(v.pipe(v.array(documentKindSchema), v.maxLength(20))),
  types: v.optional(v.pipe(v.array(fileTypeSchema), v.maxLength(20))),
  /** Ms since 1970, of the date a document bears, else of its last change: from, inclusive. */
  since: v.optional(v.number()),
  /** Ms since 1970, exclusive. */
  until: v.optional(v.number()),
})
export type SearchFilters = v.InferOutput<typeof searchFiltersSchema>

// POST /api/search
export const searchRequestSchema = v.object({
  query: v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(2000)),
  /** Empty: all collections the caller may read. */
  collectionIds: v.optional(v.array(idSchema), []),
  limit: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(50)), 10),
  filters: v.optional(searchFiltersSchema, {}),
  /** Ids of `understood` that the person took away: these words are part of the question again. */
  ignore: v.optional(v.pipe(v.array(v.pipe(v.string(), v.maxLength(200))), v.maxLength(20)), []),
  /** False: the query is taken literally, nothing in it becomes a filter. */
  understand: v.optional(v.boolean(), true),
  /** Answer from what is held here only; other holders are not asked. */
  local: v.optional(v.boolean(), false),
})
export type SearchRequest = v.InferOutput<typeof searchRequestSchema>

/** Something in a query that was taken as a filter. Shown as a chip that can be removed. */
export const understoodSchema = v.object({
  /** Stable for one query; goes into `ignore`. */
  id: v.string(),
  kind: v.picklist(['owner', 'time', 'kind', 'type']),
  /** The words of the query. */
  words: v.string(),
  filters: searchFiltersSchema,
  /** The name of the owner meant. */
  name: v.optional(v.string()),
  /**
   * `only`: everything found fits it. `first`: what fits it comes first. `dropped`: nothing fits it, so it was left
   * out and the answer says so.
   */
  use: v.picklist(['only', 'first', 'dropped']),
})
export type Understood = v.InferOutput<typeof understoodSchema>

/** A holder that could not be asked, so that the answer is not taken for complete. */
export const unreachableSchema = v.object({
  deviceId: v.string(),
  name: v.string(),
  /** Code of the error registry. */
  code: v.string(),
})
export type Unreachable = v.InferOutput<typeof unreachableSchema>

export const searchResponseSchema = v.object({
  /** Best first. */
  hits: v.array(searchHitSchema),
  understood: v.optional(v.array(understoodSchema), []),
  /** False: nothing asked holds an answer; `hits` are merely what is nearest. */
  found: v.optional(v.boolean(), true),
  unreachable: v.optional(v.array(unreachableSchema), []),
})
export type SearchResponse = v.InferOutput<typeof searchResponseSchema>
