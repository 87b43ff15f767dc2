import * as v from 'valibot'
import { documentKindSchema } from '#shared/domain/vault.ts'

const count = v.pipe(v.number(), v.integer(), v.minValue(0))

/**
 * What a dataset says of one of its documents: JSON in the column `document` of the row with ordinal 0, so that one
 * commit holds a document and its chunks, and whoever receives the dataset needs nothing else to cite from it.
 */
export const documentHeadSchema = v.object({
  title: v.pipe(v.string(), v.maxLength(2000)),
  /** On the device that read it. */
  path: v.pipe(v.string(), v.maxLength(8192)),
  mediaType: v.pipe(v.string(), v.maxLength(200)),
  /** Bytes of the file. */
  size: count,
  /** Ms since 1970. */
  modifiedAt: v.number(),
  sha256: v.pipe(v.string(), v.maxLength(64)),
  chunks: count,
  pages: v.optional(count),
  kind: v.optional(documentKindSchema),
  /** Ms since 1970: the date the document bears. */
  date: v.optional(v.number()),
  author: v.optional(v.pipe(v.string(), v.maxLength(500))),
  /** UTF-16 code units of the whole extracted text. */
  length: count,
  /** Other paths with the same content. */
  copies: v.optional(v.pipe(v.array(v.pipe(v.string(), v.maxLength(8192))), v.maxLength(1000))),
})
export type DocumentHead = v.InferOutput<typeof documentHeadSchema>

/** Reads what a dataset says; anything malformed is as good as nothing said. */
export function parseDocumentHead(json: string | null | undefined): DocumentHead | undefined {
  if (!json) return undefined
  try {
    const parsed = v.safeParse(documentHeadSchema, JSON.parse(json))
    return parsed.success ? parsed.output : undefined
  } catch {
    return undefined
  }
}
