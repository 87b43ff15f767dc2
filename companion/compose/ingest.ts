import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import type { ChangeFeed } from '#companion/observe/change-feed.ts'
import type { Log } from '#companion/observe/log.ts'
import type { RunRegistry } from '#companion/runs/registry.ts'
import type { IngestService } from '#companion/gateway/services.ts'
import { CheckReports } from '#companion/vault/check-reports.ts'
import { isWithin } from '#companion/vault/scan.ts'
import type { Vault } from '#companion/vault/vault.ts'
import { FolderWatch } from '#companion/vault/watch.ts'
import { newId } from '#shared/domain/ids.ts'
import type { StartRun } from '#shared/protocol/api.ts'
import type { RunSummary } from '#shared/protocol/run-event.ts'

export interface WatchOverrides {
  readonly quietMs?: number
  readonly lookMs?: number
  readonly pollMs?: number
}

interface Parts {
  readonly home: string
  readonly vault: Vault
  readonly database: DatabaseSync
  readonly runs: RunRegistry
  readonly changes: ChangeFeed
  readonly log: Log
  readonly overrides: WatchOverrides
  startRun(request: StartRun, space: string): RunSummary
}

const recoveryMs = 120_000

/** Reading by itself: watched folders, holding and going on, trying again, and the check of the vault. */
export function composeIngest(parts: Parts) {
  const { vault, runs, changes, log } = parts
  const reports = new CheckReports(parts.database)
  const uploads = join(parts.home, 'uploads')
  const start = (
    collectionId: string,
    request: { only?: readonly string[] | undefined; retry?: boolean },
  ): RunSummary => {
    const { only, retry } = request
    return parts.startRun(
      {
        kind: 'ingest',
        id: newId(),
        collectionId,
        paths: [],
        ...(only ? { only: [...only] } : {}),
        ...(retry === undefined ? {} : { retry }),
      },
      '',
    )
  }
  const watch = new FolderWatch({
    ...parts.overrides,
    // What is uploaded is read when it has arrived.
    collections: () =>
      vault.names().map((collection) => ({
        ...collection,
        roots: collection.roots.filter((root) => !isWithin(root, uploads)),
      })),
    isReading: (id) => vault.isReading(id),
    changedPaths: (id, options) => vault.changedPaths(id, options),
    start: (id, only) => void start(id, { only, retry: false }),
    onState: (id) => changes.publish('vault', id),
    log,
  })
  let following = false
  const follow = (): void => {
    if (following) return
    following = true
    queueMicrotask(() => {
      following = false
      watch.follow()
    })
  }
  let stop: (() => void) | undefined
  const known = (id: string): string => {
    vault.problems(id)
    return id
  }
  const service: IngestService = {
    pause: (id) => vault.pause(id),
    resume(id) {
      const collection = vault.resume(id)
      if (vault.isReading(id)) {
        const run = runs.list({ activeOnly: true }).find(({ subject, kind }) => kind === 'ingest' && subject === id) // prettier-ignore
        return { collection, ...(run ? { run } : {}) }
      }
      if (collection.roots.length === 0) return { collection }
      return { collection, run: start(id, { retry: false }) }
    },
    retry(id, paths) {
      const failed = vault.problems(id).map(({ path }) => path)
      const wanted = paths ? failed.filter((path) => paths.includes(path)) : failed
      // Too many to name, or nothing to name: everything is looked at.
      return start(id, wanted.length > 0 && wanted.length <= 400 ? { only: wanted } : {})
    },
    setWatched: (id, watched) => vault.setWatched(id, watched),
    watchState: (id) => watch.state(known(id)),
    removeRoot(id, root) {
      const collection = vault.removeRoot(id, root)
      return { collection, run: start(id, { retry: false }) }
    },
    check(id, repair) {
      return runs.start({
        id,
        kind: 'check',
        subject: 'vault',
        request: { kind: 'check', repair },
        execute: async (run) => {
          const report = await vault.check({ repair }, run)
          reports.put(report.report)
          // What is to be read again is read by runs of its own, which can be followed and held.
          for (const collectionId of report.reread) start(collectionId, {})
          const { findings, documents, chunks } = report.report
          return { counts: { findings: findings.length, documents, chunks } }
        },
      })
    },
    lastCheck: () => reports.last(),
  }
  return {
    service,
    touched: (id: string, paths: readonly string[]) => watch.touched(id, paths),
    /** Finishes what a kill cut in half, then watches. */
    async start(): Promise<void> {
      await vault.recover(AbortSignal.timeout(recoveryMs)).catch((error: unknown) => log.error('the vault could not be put in order', { error })) // prettier-ignore
      stop = changes.subscribe(({ topic }) => {
        if (topic === 'vault') follow()
      })
      follow()
    },
    async [Symbol.asyncDispose](): Promise<void> {
      stop?.()
      await watch[Symbol.asyncDispose]()
    },
  }
}
