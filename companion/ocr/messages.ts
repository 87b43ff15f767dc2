import * as v from 'valibot'
import { maxPicturePixels } from '#shared/contracts/text-recognizer.ts'

/** What the companion and a recogniser's process say to each other. Both sides parse what arrives. */

const size = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(maxPicturePixels))
const regionSchema = v.object({
  x: v.number(),
  y: v.number(),
  width: v.pipe(v.number(), v.minValue(1)),
  height: v.pipe(v.number(), v.minValue(1)),
})

const turnSchema = v.object({
  quarters: v.picklist([0, 1, 2, 3]),
  angle: v.pipe(v.number(), v.minValue(-2), v.maxValue(2)),
})

export const toWorkerSchema = v.object({
  id: v.number(),
  engine: v.picklist(['paddle', 'tesseract']),
  threads: v.number(),
  width: size,
  height: size,
  gray: v.instance(Uint8Array),
  regions: v.optional(v.array(regionSchema)),
  turn: v.optional(turnSchema),
})
export type ToWorker = v.InferOutput<typeof toWorkerSchema>

export const fromWorkerSchema = v.variant('op', [
  v.object({
    op: v.literal('done'),
    id: v.number(),
    turn: turnSchema,
    lines: v.array(
      v.object({
        text: v.string(),
        region: regionSchema,
        certainty: v.pipe(v.number(), v.minValue(0), v.maxValue(1)),
      }),
    ),
  }),
  v.object({ op: v.literal('error'), id: v.number(), detail: v.string() }),
])
export type FromWorker = v.InferOutput<typeof fromWorkerSchema>
