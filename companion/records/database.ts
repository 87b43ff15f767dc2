import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

/**
 * Opens the records database (docs/decisions/0002-records-in-sqlite.md). WAL with `synchronous=NORMAL`:
 * a committed write survives the death of the process; a power cut may lose the last moments but never
 * corrupts. Pass `:memory:` in tests.
 */
export function openDatabase(path: string): DatabaseSync {
  if (path !== ':memory:') mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const database = new DatabaseSync(path)
  database.exec(
    'PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000; PRAGMA cache_size = -16384;',
  )
  database.exec(
    'CREATE TABLE IF NOT EXISTS schema_version (part TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT',
  )
  return database
}

/** Runs `body` in one transaction; an exception rolls it back. Not re-entrant. */
export function transaction<T>(database: DatabaseSync, body: () => T): T {
  database.exec('BEGIN IMMEDIATE')
  try {
    const result = body()
    database.exec('COMMIT')
    return result
  } catch (error) {
    // A full disk makes SQLite roll back by itself.
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}

/**
 * Brings one part's tables up to date. `steps[n]` takes version n to n + 1; steps are never edited after
 * they have been released.
 */
export function migrate(database: DatabaseSync, part: string, steps: readonly string[]): void {
  const row = database.prepare('SELECT version FROM schema_version WHERE part = ?').get(part)
  const from = typeof row?.version === 'number' ? row.version : 0
  if (from > steps.length) throw new Error(`the ${part} tables are of a newer version of Silo`)
  for (let version = from; version < steps.length; version++) {
    transaction(database, () => {
      database.exec(steps[version]!)
      database
        .prepare(
          'INSERT INTO schema_version (part, version) VALUES (?, ?) ON CONFLICT (part) DO UPDATE SET version = excluded.version',
        )
        .run(part, version + 1)
    })
  }
}
