import * as v from 'valibot'

/** What the companion and the reranker's child process say to each other. Both sides parse what arrives. */

export const toRerankerSchema = v.object({
  id: v.number(),
  path: v.string(),
  /** 0: the library chooses. */
  threads: v.number(),
  contextTokens: v.number(),
  question: v.string(),
  passages: v.array(v.string()),
})
export type ToReranker = v.InferOutput<typeof toRerankerSchema>

export const fromRerankerSchema = v.variant('op', [
  v.object({ op: v.literal('scores'), id: v.number(), scores: v.array(v.number()) }),
  v.object({
    op: v.literal('error'),
    id: v.number(),
    /** `unfit`: the file is no reranker that this engine can run. */
    reason: v.picklist(['unfit', 'failed']),
    detail: v.string(),
  }),
])
export type FromReranker = v.InferOutput<typeof fromRerankerSchema>
