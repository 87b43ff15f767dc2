import * as v from 'valibot'
import { idSchema } from '#shared/domain/ids.ts'
import { runSummarySchema } from './run-event.ts'

/** How the data folder is kept safe: encryption at rest, and backups. Owners only. */

export const lastBackupSchema = v.object({
  /** Ms since 1970. */
  at: v.number(),
  path: v.string(),
  files: v.number(),
  /** Of the files, before compression. */
  bytes: v.number(),
})

// GET /api/safety
export const safetySchema = v.object({
  encrypted: v.boolean(),
  /** Where the key is; absent where nothing is encrypted. */
  method: v.optional(v.picklist(['keychain', 'passphrase'])),
  /** Whether notes are encrypted too. */
  notes: v.optional(v.boolean()),
  /** The newest one that was written and compared. */
  lastBackup: v.optional(lastBackupSchema),
  /** The backup that runs. */
  runId: v.optional(idSchema),
})
export type Safety = v.InferOutput<typeof safetySchema>

export const minPassphraseLength = 8

// POST /api/backups → 202 {run}, a run of kind `backup`. The passphrase is kept nowhere.
export const startBackupSchema = v.object({
  id: idSchema,
  /** An absolute folder that exists. */
  folder: v.pipe(v.string(), v.minLength(1), v.maxLength(4096)),
  /** Name of the file in it. */
  name: v.pipe(
    v.string(),
    v.trim(),
    v.regex(/^[^/\\\0]{1,120}$/),
    v.notValue('.'),
    v.notValue('..'),
  ),
  passphrase: v.pipe(v.string(), v.maxLength(1000)),
  /** Whether the search index goes along. */
  index: v.optional(v.boolean(), true),
})
export type StartBackup = v.InferOutput<typeof startBackupSchema>
export const backupStartedSchema = v.object({ run: runSummarySchema })
