import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import type { ChangeFeed } from '#companion/observe/change-feed.ts'
import type { Log } from '#companion/observe/log.ts'
import type { RunRegistry } from '#companion/runs/registry.ts'
import { Intake } from '#companion/uploads/intake.ts'
import { UploadRecords } from '#companion/uploads/upload-records.ts'
import { Uploads } from '#companion/uploads/uploads.ts'
import { formatOf } from '#companion/vault/extract/formats.ts'
import type { Vault } from '#companion/vault/vault.ts'
import { newId } from '#shared/domain/ids.ts'
import type { StartRun } from '#shared/protocol/api.ts'
import type { RunSummary } from '#shared/protocol/run-event.ts'

const defaultMaxFileBytes = 2 * 1024 ** 3

interface Parts {
  readonly home: string
  readonly maxFileBytes: number | undefined
  readonly database: DatabaseSync
  readonly vault: Vault
  readonly runs: RunRegistry
  readonly changes: ChangeFeed
  readonly log: Log
  startRun(request: StartRun, space: string): RunSummary
}

/** Uploads whose files are read by ordinary ingest runs. */
export function composeUploads(parts: Parts): Uploads {
  const { home, vault, runs, changes, log } = parts
  const folder = join(home, 'uploads')
  const records = new UploadRecords(parts.database)
  const intake = new Intake({
    records,
    log,
    start: (collectionId, space) =>
      parts.startRun(
        { kind: 'ingest', id: newId(), collectionId, paths: [join(folder, collectionId)] },
        space,
      ),
    active: (collectionId) =>
      runs
        .list({ activeOnly: true })
        .find(({ kind, subject }) => kind === 'ingest' && subject === collectionId)?.id,
    finished: (runId) => runs.finished(runId),
    outcomeOf(runId) {
      try {
        return runs.get(runId).outcome
      } catch {
        return undefined
      }
    },
  })
  const hasCollection = (id: string): boolean =>
    vault.collections().some((collection) => collection.id === id)
  const uploads = new Uploads({
    records,
    intake,
    folder,
    maxFileBytes: parts.maxFileBytes ?? defaultMaxFileBytes,
    hasCollection,
    isReadable: (name) => formatOf(name) !== undefined,
    log,
  })
  changes.subscribe(({ topic, id }) => {
    if (topic !== 'vault' || id === undefined || hasCollection(id)) return
    uploads.forget(id).catch((error: unknown) => log.warn('uploads were not removed', { error }))
  })
  void uploads
    .sweep()
    .then(() => intake.recover())
    .catch((error: unknown) => log.warn('uploads could not be swept', { error }))
  return uploads
}
