import type { DatabaseSync } from 'node:sqlite'
import { migrate } from '#companion/records/database.ts'
import type { EgressEntry } from '#shared/protocol/egress.ts'

/** The list of everything that left this house. Whoever sends something writes here first, and then sends. */
export class EgressLedger {
  readonly #database: DatabaseSync
  readonly #onChange: () => void

  constructor(database: DatabaseSync, onChange: () => void = () => {}) {
    this.#database = database
    this.#onChange = onChange
    migrate(database, 'egress', [
      `CREATE TABLE egress (
        id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, kind TEXT NOT NULL, host TEXT NOT NULL,
        bytes INTEGER NOT NULL, purpose TEXT NOT NULL, device TEXT) STRICT`,
    ])
  }

  /** On disk when this returns; a throw means that nothing may be sent. */
  record(entry: Omit<EgressEntry, 'id' | 'at'>): EgressEntry {
    const at = Date.now()
    const { lastInsertRowid } = this.#database
      .prepare(
        'INSERT INTO egress (at, kind, host, bytes, purpose, device) VALUES (?, ?, ?, ?, ?, ?)',
      )
      .run(at, entry.kind, entry.host, entry.bytes, entry.purpose, entry.device ?? null)
    this.#onChange()
    return { id: Number(lastInsertRowid), at, ...entry }
  }

  /** Newest first, those before the entry `before`. */
  list(page: { before?: number | undefined; limit: number }): {
    entries: EgressEntry[]
    total: number
  } {
    const rows = this.#database
      .prepare('SELECT * FROM egress WHERE id < ? ORDER BY id DESC LIMIT ?')
      .all(page.before ?? Number.MAX_SAFE_INTEGER, page.limit)
    const count = this.#database.prepare('SELECT count(*) AS total FROM egress').get()
    return { entries: rows.map(entryOf), total: Number(count?.total) }
  }
}

function entryOf(row: Record<string, unknown>): EgressEntry {
  return {
    id: Number(row.id),
    at: Number(row.at),
    kind: row.kind as EgressEntry['kind'],
    host: String(row.host),
    bytes: Number(row.bytes),
    purpose: String(row.purpose),
    ...(row.device === null ? {} : { device: String(row.device) }),
  }
}
