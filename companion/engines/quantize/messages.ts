import * as v from 'valibot'
import { wireErrorSchema } from '#shared/errors/silo-error.ts'

/** What the companion and the process that quantizes say to each other: one request, then its end. */

const size = v.pipe(v.number(), v.minValue(0))

export const toWorkerSchema = v.variant('op', [
  v.object({
    op: v.literal('rewrite'),
    model: v.string(),
    source: v.string(),
    destination: v.string(),
    preset: v.picklist(['3.5-bit', 'Q3_K_S', 'Q4_K_M']),
    threads: size,
  }),
  v.object({
    op: v.literal('measure'),
    model: v.string(),
    path: v.string(),
    text: v.string(),
    /** At most so many tokens of it are read. */
    tokens: size,
    threads: size,
  }),
])
export type ToWorker = v.InferOutput<typeof toWorkerSchema>

export const rewrittenSchema = v.object({
  op: v.literal('rewritten'),
  bitsPerWeight: size,
  sourceBitsPerWeight: size,
})
export const measuredSchema = v.object({
  op: v.literal('measured'),
  /** Tokens that were predicted. */
  tokens: size,
  perplexity: size,
  /** New tokens, at the end of a short context. */
  tokensPerSecond: size,
})
export const fromWorkerSchema = v.variant('op', [
  v.object({ op: v.literal('progress'), done: size, total: size }),
  rewrittenSchema,
  measuredSchema,
  v.object({ op: v.literal('failed'), error: wireErrorSchema, detail: v.string() }),
])
export type FromWorker = v.InferOutput<typeof fromWorkerSchema>
