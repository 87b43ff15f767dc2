import * as v from 'valibot'
import { wireErrorSchema } from '#shared/errors/silo-error.ts'
import { idSchema, sha256Schema } from './ids.ts'

/** A value read from a document, and how sure the reader is, 0 to 1. */
export const factSchema = v.object({
  value: v.string(),
  confidence: v.pipe(v.number(), v.minValue(0), v.maxValue(1)),
})
export type Fact = v.InferOutput<typeof factSchema>

/** What a file was when the change was planned. A file that is another by then is not touched. */
export const fileStampSchema = v.object({
  size: v.number(),
  /** Ms since 1970. */
  modifiedAt: v.number(),
  sha256: v.optional(sha256Schema),
})
export type FileStamp = v.InferOutput<typeof fileStampSchema>

const common = {
  id: idSchema,
  /** Why, in a few words for the reader: `INVOICE No. 12`, `older copy of a.pdf`. */
  reason: v.optional(v.string()),
  /** What was read from the document: `date`, `amount`, `company`, … */
  facts: v.optional(v.record(v.string(), factSchema)),
}

/**
 * One change of the file system that a person judges before it is made. Paths are canonical and absolute.
 * A rename is a `move` within one folder. Nothing is ever deleted: `trash` moves to Silo's trash.
 */
export const fileChangeSchema = v.variant('type', [
  v.object({ ...common, type: v.literal('move'), from: v.string(), to: v.string(), stamp: fileStampSchema }),
  /** A new file with the content that the blob store holds under this hash. */
  v.object({ ...common, type: v.literal('create'), path: v.string(), content: sha256Schema, size: v.number() }),
  /** New content for a file that is there; the old one goes to the trash. */
  v.object({ ...common, type: v.literal('replace'), path: v.string(), stamp: fileStampSchema, content: sha256Schema, size: v.number() }),
  v.object({ ...common, type: v.literal('trash'), path: v.string(), stamp: fileStampSchema }),
  v.object({ ...common, type: v.literal('make-folder'), path: v.string() }),
]) // prettier-ignore
export type FileChange = v.InferOutput<typeof fileChangeSchema>

/** Changes proposed together, in the order they are to be made. */
export const changePlanSchema = v.object({
  /** What they are for, as a person would say it. */
  title: v.string(),
  changes: v.pipe(v.array(fileChangeSchema), v.maxLength(10_000)),
  /** Files that were looked at and are left alone, and why; at most 1,000 are named. */
  skipped: v.optional(v.array(v.object({ path: v.string(), reason: v.string() }))),
})
export type ChangePlan = v.InferOutput<typeof changePlanSchema>

/** What became of one approved change. */
export const changeResultSchema = v.object({
  changeId: idSchema,
  state: v.picklist(['done', 'failed', 'skipped', 'undone']),
  /** Where the file is now: a name already taken got a number. */
  path: v.optional(v.string()),
  error: v.optional(wireErrorSchema),
})
export type ChangeResult = v.InferOutput<typeof changeResultSchema>
