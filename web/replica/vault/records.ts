import * as v from 'valibot'
import { idSchema } from '#shared/domain/ids.ts'
import { wireErrorSchema } from '#shared/errors/silo-error.ts'
import { replicaCursorSchema } from '#shared/protocol/replica.ts'

const count = v.pipe(v.number(), v.integer(), v.minValue(0))

/** A copy of a collection that this device keeps. */
export const vaultCopySchema = v.object({
  id: idSchema,
  name: v.string(),
  /** The companion it comes from, and from which alone it is brought up to date. */
  companionId: v.string(),
  /** The model its vectors are of; absent before the first page. */
  modelId: v.optional(v.string()),
  dimensions: v.optional(count),
  epoch: v.optional(v.string()),
  cursor: replicaCursorSchema,
  /** The last change the companion told of. */
  change: count,
  documents: count,
  chunks: count,
  /** What it takes on this device. */
  bytes: count,
  /** The companion's numbers when it was last asked: what a whole copy will have. */
  expected: v.object({ chunks: count, bytes: count }),
  /** Counts up with every write: who has it in memory sees by this that it changed. */
  revision: count,
  chosenAt: v.number(),
  /** Ms since 1970 of the last time it was whole; absent before the first. */
  syncedAt: v.optional(v.number()),
  /** Ms since 1970 when the companion last let this device have of it. */
  confirmedAt: v.number(),
  /** Ms since 1970 of the last search. */
  usedAt: v.number(),
  /** Why it could not be brought up to date. */
  error: v.optional(wireErrorSchema),
})
export type VaultCopy = v.InferOutput<typeof vaultCopySchema>

/** A copy that was deleted without the person asking for it. */
export const droppedCopySchema = v.object({
  name: v.string(),
  error: wireErrorSchema,
  /** Ms since 1970. */
  at: v.number(),
})
export type DroppedCopy = v.InferOutput<typeof droppedCopySchema>

export const vaultSettingsSchema = v.object({
  /** What all copies together may take. */
  budget: v.optional(count),
  /** The latest time seen on this device, ms since 1970: a clock that is put back makes no copy younger. */
  latest: v.optional(v.number(), 0),
  /** What the person is still to be told of. */
  dropped: v.optional(v.array(droppedCopySchema), []),
})
export type VaultSettings = v.InferOutput<typeof vaultSettingsSchema>
