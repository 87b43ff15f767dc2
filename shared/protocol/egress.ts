import * as v from 'valibot'

/** One thing that left this house, or was asked of a machine outside it. Written before it leaves. */
export const egressEntrySchema = v.object({
  id: v.number(),
  /** Ms since 1970. */
  at: v.number(),
  /** `download`: a file was asked for. `push`: a notification went to a browser maker's push service. */
  kind: v.picklist(['download', 'push']),
  host: v.string(),
  /** Bytes of content sent; 0 where nothing but a request for a public file went out. */
  bytes: v.number(),
  /** What it was for: a model's name, or what kind of news. Never content. */
  purpose: v.string(),
  /** The device it was for, where there is one. */
  device: v.optional(v.string()),
})
export type EgressEntry = v.InferOutput<typeof egressEntrySchema>

// GET /api/egress?before=ID&limit=N → newest first. Owner only.
export const egressListSchema = v.object({
  entries: v.array(egressEntrySchema),
  total: v.number(),
})
