import type { DatabaseSync } from 'node:sqlite'
import { migrate } from '#companion/records/database.ts'
import type { Safety } from '#shared/protocol/safety.ts'

/** When this data folder was last backed up. */
export class BackupRecords {
  readonly #database: DatabaseSync

  constructor(database: DatabaseSync) {
    this.#database = database
    migrate(database, 'backups', [
      `CREATE TABLE backups (
         at INTEGER PRIMARY KEY, path TEXT NOT NULL, files INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT;`,
    ])
  }

  put(backup: NonNullable<Safety['lastBackup']>): void {
    this.#database
      .prepare('INSERT OR REPLACE INTO backups (at, path, files, bytes) VALUES (?, ?, ?, ?)')
      .run(backup.at, backup.path, backup.files, backup.bytes)
  }

  last(): Safety['lastBackup'] {
    const row = this.#database.prepare('SELECT * FROM backups ORDER BY at DESC LIMIT 1').get()
    if (!row) return undefined
    return {
      at: Number(row.at),
      path: String(row.path),
      files: Number(row.files),
      bytes: Number(row.bytes),
    }
  }
}
