import * as v from 'valibot'
import { idSchema } from '#shared/domain/ids.ts'
import { collectionSchema } from '#shared/domain/vault.ts'
import { runSummarySchema } from './run-event.ts'

/** How collections are read: holding, going on, trying again, watching, checking. Owners only. */

// POST /api/collections/:id/pause → {collection}. A run that reads it is held where it is, and so is a later one.
// POST /api/collections/:id/resume → {collection, run?}; `run` is what reads now.
export const resumedSchema = v.object({
  collection: collectionSchema,
  run: v.optional(runSummarySchema),
})

export const runStartedSchema = v.object({ run: runSummarySchema })
// POST /api/collections/:id/retry → 202 {run}: reads again what failed, though nothing about it changed.
export const retrySchema = v.object({
  /** These files only; absent: all that failed. */
  paths: v.optional(v.pipe(v.array(v.pipe(v.string(), v.maxLength(40_000))), v.maxLength(1000))),
})

// PUT /api/collections/:id/watched {watched} → {collection}
export const watchedSchema = v.object({ watched: v.boolean() })
// DELETE /api/collections/:id/roots?path= → {collection, run}: no longer read; the run drops its documents.
export const rootSchema = v.object({ path: v.pipe(v.string(), v.minLength(1), v.maxLength(4096)) })

/** How the roots of a collection are watched now. */
export const watchStateSchema = v.object({
  root: v.string(),
  /**
   * `events`: the system tells of changes. `polling`: looked at every so often (a network drive, or too many folders
   * for the system). `missing`: not there now (an unplugged drive); nothing is removed, and it is looked for again.
   */
  state: v.picklist(['starting', 'events', 'polling', 'missing']),
})
export type WatchState = v.InferOutput<typeof watchStateSchema>
// GET /api/collections/:id/watch → {roots}
export const watchListSchema = v.object({ roots: v.array(watchStateSchema) })

/** What `check` found in one place. */
export const checkFindingSchema = v.object({
  /**
   * `chunks-missing`: the records know a document whose chunks are not all in the index. `chunks-orphaned`: chunks of no
   * document. `text-missing`, `text-orphaned`: extracted texts. `record-stale`: a document of no file. `head-stale`: the
   * index says something else of a document than the records. `dataset-damaged`: an index that cannot be opened.
   * `records-behind`: documents of another device's index that are not in the records, or no longer in the index.
   */
  kind: v.picklist([
    'chunks-missing',
    'chunks-orphaned',
    'text-missing',
    'text-orphaned',
    'record-stale',
    'head-stale',
    'dataset-damaged',
    'records-behind',
  ]),
  collectionId: v.string(),
  /** Device whose index it is about; absent: this one's. */
  owner: v.optional(v.string()),
  /** Documents or texts concerned. */
  count: v.pipe(v.number(), v.integer(), v.minValue(0)),
  /** Ids of some of them. */
  examples: v.array(v.string()),
  repaired: v.boolean(),
})
export type CheckFinding = v.InferOutput<typeof checkFindingSchema>

// POST /api/vault/check → 202 {run}, of kind `check`; the report is there when it has ended. What has to be read again
// after a repair is read by ordinary runs that follow.
// GET /api/vault/check → {report}, of the last check; null before the first
export const checkRequestSchema = v.object({ id: idSchema, repair: v.optional(v.boolean(), false) })
export const checkReportSchema = v.object({
  /** Ms since 1970. */
  at: v.number(),
  repair: v.boolean(),
  collections: v.number(),
  documents: v.number(),
  chunks: v.number(),
  /** Collections that were being read and were left out. */
  busy: v.array(v.string()),
  findings: v.array(checkFindingSchema),
})
export type CheckReport = v.InferOutput<typeof checkReportSchema>
export const checkResponseSchema = v.object({ report: v.nullable(checkReportSchema) })
