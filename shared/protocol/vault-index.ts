import * as v from 'valibot'

// GET /api/collections/:id/index → the datasets of a collection that lie here, and how each is searched. Owners only.
export const datasetStateSchema = v.object({
  /** Device whose dataset it is. */
  owner: v.string(),
  own: v.boolean(),
  /** Absent where it can be used. `other-model`: its vectors cannot be compared; `damaged`: it does not open. */
  unusable: v.optional(v.picklist(['other-model', 'damaged'])),
  reason: v.optional(v.string()),
  /** A newer version lies on disk and does not open; the last good one is in use. */
  stale: v.optional(v.boolean()),
  chunks: v.number(),
  /** What it takes on the disk, versions that are still kept among it. */
  bytes: v.optional(v.number()),
  /** The version in use. */
  version: v.number(),
  index: v.object({
    /** `exact` compares with every vector. */
    kind: v.picklist(['exact', 'ivf-flat']),
    /** Recall@10 against exact search, measured on the dataset's own vectors; also of an index that was not kept. */
    recall: v.optional(v.number()),
    probes: v.optional(v.number()),
    /** Ms since 1970. */
    decidedAt: v.optional(v.number()),
  }),
})
export type DatasetInfo = v.InferOutput<typeof datasetStateSchema>
export const vaultIndexSchema = v.object({ datasets: v.array(datasetStateSchema) })
