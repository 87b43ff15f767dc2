import * as v from 'valibot'
import { maxPicturePixels } from '#shared/contracts/text-recognizer.ts'
import { documentKindSchema } from '#shared/domain/vault.ts'
import { wireErrorSchema } from '#shared/errors/silo-error.ts'

/** What the companion and the reader's child process say to each other. Both sides parse what arrives. */

const count = v.pipe(v.number(), v.integer(), v.minValue(0))
const pixels = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(maxPicturePixels))
const list = <T extends v.GenericSchema>(item: T) => v.pipe(v.array(item), v.readonly())
const stretch = { start: count, end: count }

const recognizedPageSchema = v.object({
  turn: v.object({ quarters: v.picklist([0, 1, 2, 3]), angle: v.number() }),
  lines: list(
    v.object({
      text: v.string(),
      region: v.object({ x: v.number(), y: v.number(), width: v.number(), height: v.number() }),
      certainty: v.number(),
    }),
  ),
})

export const toReaderSchema = v.variant('op', [
  v.object({ op: v.literal('read'), id: v.number(), path: v.string(), recognizes: v.boolean() }),
  v.object({ op: v.literal('draw'), id: v.number(), path: v.string(), side: pixels }),
  v.object({ op: v.literal('recognized'), id: v.number(), page: recognizedPageSchema }),
  v.object({ op: v.literal('unrecognized'), id: v.number(), error: wireErrorSchema }),
])
export type ToReader = v.InferOutput<typeof toReaderSchema>

const extractedSchema = v.object({
  kind: documentKindSchema,
  title: v.string(),
  text: v.string(),
  segments: list(
    v.object({
      ...stretch,
      kind: v.picklist(['heading', 'text', 'code', 'row']),
      headings: list(v.string()),
      page: count,
      part: v.exactOptional(count),
    }),
  ),
  pages: v.exactOptional(count),
  date: v.exactOptional(v.number()),
  author: v.exactOptional(v.string()),
  uncertain: v.exactOptional(list(v.object(stretch))),
})

export const fromReaderSchema = v.variant('op', [
  v.object({ op: v.literal('done'), id: v.number(), extracted: extractedSchema }),
  v.object({ op: v.literal('drawn'), id: v.number(), png: v.nullable(v.instance(Uint8Array)) }),
  v.object({ op: v.literal('error'), id: v.number(), error: wireErrorSchema }),
  v.object({
    op: v.literal('recognize'),
    id: v.number(),
    page: count,
    pages: count,
    width: pixels,
    height: pixels,
    gray: v.instance(Uint8Array),
  }),
])
export type FromReader = v.InferOutput<typeof fromReaderSchema>
