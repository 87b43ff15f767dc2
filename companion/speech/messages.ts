import * as v from 'valibot'

/** What the companion and the recogniser's child process say to each other. Both sides parse what arrives. */

export const toWorkerSchema = v.object({
  id: v.number(),
  /** The model file. */
  path: v.string(),
  /** 16 kHz, mono, 16 bits. */
  pcm: v.instance(Uint8Array),
  /** `auto` recognises it. */
  language: v.string(),
  /** Text that sets the style of what is written down. */
  prompt: v.string(),
  threads: v.number(),
})
export type ToWorker = v.InferOutput<typeof toWorkerSchema>

export const fromWorkerSchema = v.variant('op', [
  v.object({
    op: v.literal('done'),
    id: v.number(),
    language: v.optional(v.string()),
    segments: v.array(v.object({ t0: v.number(), t1: v.number(), text: v.string() })),
  }),
  v.object({ op: v.literal('error'), id: v.number(), detail: v.string() }),
])
export type FromWorker = v.InferOutput<typeof fromWorkerSchema>
