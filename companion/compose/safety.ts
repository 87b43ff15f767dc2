import { stat } from 'node:fs/promises'
import { isAbsolute, join, relative } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { BackupRecords } from '#companion/backup/backup-records.ts'
import { backup } from '#companion/backup/backup.ts'
import type { ChangeFeed } from '#companion/observe/change-feed.ts'
import type { RunRegistry } from '#companion/runs/registry.ts'
import { purposeOf } from '#companion/seal/home-conversion.ts'
import { readEnvelope, type Seal } from '#companion/seal/seal.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import type { RunSummary } from '#shared/protocol/run-event.ts'
import { minPassphraseLength, type Safety, type StartBackup } from '#shared/protocol/safety.ts'

const progressMs = 200

interface Parts {
  readonly home: string
  readonly companionId: string
  readonly database: DatabaseSync
  readonly seal: Seal
  readonly runs: RunRegistry
  readonly changes: ChangeFeed
}

/** Encryption as it is, and backups as runs. */
export function composeSafety({ home, companionId, database, seal, runs, changes }: Parts) {
  const records = new BackupRecords(database)
  const running = () => runs.list({ activeOnly: true }).find(({ kind }) => kind === 'backup')?.id
  return {
    state(): Safety {
      const envelope = readEnvelope(home)
      const last = records.last()
      const runId = running()
      return {
        encrypted: envelope !== undefined,
        ...(envelope ? { method: envelope.method, notes: envelope.notes } : {}),
        ...(last ? { lastBackup: last } : {}),
        ...(runId ? { runId } : {}),
      }
    },
    /** @throws SiloError passphrase_short, path_not_absolute, path_not_found, conflict */
    async startBackup(request: StartBackup): Promise<RunSummary> {
      const { id, folder, name, passphrase, index } = request
      if (passphrase.length < minPassphraseLength)
        throw new SiloError('passphrase_short', { params: { limit: minPassphraseLength }, field: 'passphrase' }) // prettier-ignore
      if (!isAbsolute(folder))
        throw new SiloError('path_not_absolute', { params: { path: folder }, field: 'folder' })
      const found = await stat(folder).catch(() => undefined)
      if (!found?.isDirectory())
        throw new SiloError('path_not_found', { params: { path: folder }, field: 'folder' })
      const inside = relative(home, folder)
      if (inside === '' || !(inside.startsWith('..') || isAbsolute(inside)))
        throw new SiloError('conflict', { params: { detail: 'a backup of the data folder cannot lie in it' }, field: 'folder' }) // prettier-ignore
      const known = running()
      if (known && known !== id)
        throw new SiloError('conflict', { params: { detail: 'a backup is being written' } })
      const path = join(folder, name)
      return runs.start({
        id,
        kind: 'backup',
        subject: path,
        // Only its hash is kept, but not even that of a passphrase.
        request: { folder, name, index },
        async execute(run) {
          let toldAt = 0
          const result = await backup(
            {
              home,
              companionId,
              path,
              passphrase,
              index,
              open: (file, bytes) => seal.open(bytes, purposeOf(file) ?? ''),
            },
            run.signal,
            (stage, done, total) => {
              if (Date.now() - toldAt < progressMs) return
              toldAt = Date.now()
              run.emit({ type: 'progress', stage, done, unit: 'files', ...(total === undefined ? {} : { total }) }) // prettier-ignore
            },
          )
          records.put({ at: Date.now(), path, ...result })
          return { counts: { files: result.files } }
        },
        ended: () => changes.publish('settings', 'safety'),
      })
    },
  }
}
