import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import { migrate } from '#companion/records/database.ts'
import type { EgressEntry, EgressSum, EgressSums } from '#shared/protocol/egress.ts'

export interface EgressQuery {
  readonly before?: number | undefined
  readonly limit: number
  readonly place?: EgressEntry['place'] | undefined
  readonly host?: string | undefined
  readonly runId?: string | undefined
  readonly refused?: boolean | undefined
}

/** Refused attempts that are kept: something that tries again and again must not fill the disk. */
const keptRefused = 1000

/** The list of everything that left this house, or tried to. The gate writes here first, and then lets it go. */
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
      `ALTER TABLE egress ADD COLUMN received INTEGER NOT NULL DEFAULT 0;
      ALTER TABLE egress ADD COLUMN connections INTEGER NOT NULL DEFAULT 1;
      ALTER TABLE egress ADD COLUMN place TEXT NOT NULL DEFAULT 'outside';
      ALTER TABLE egress ADD COLUMN refused INTEGER NOT NULL DEFAULT 0;
      ALTER TABLE egress ADD COLUMN run_id TEXT;
      CREATE INDEX egress_run ON egress (run_id);
      CREATE TABLE egress_house (
        host TEXT NOT NULL, day INTEGER NOT NULL, connections INTEGER NOT NULL, sent INTEGER NOT NULL,
        received INTEGER NOT NULL, last_at INTEGER NOT NULL, PRIMARY KEY (host, day)) STRICT`,
    ])
  }

  /** On disk when this returns; a throw means that nothing may be sent. @returns the entry's id */
  record(
    entry: Pick<EgressEntry, 'kind' | 'host' | 'purpose' | 'place'> &
      Partial<Pick<EgressEntry, 'device' | 'runId' | 'refused'>>,
  ): number {
    const { kind, host, purpose, place, refused = false } = entry
    const { lastInsertRowid } = this.#database
      .prepare(
        `INSERT INTO egress (at, kind, host, bytes, purpose, device, connections, place, refused, run_id)
         VALUES (?, ?, ?, 0, ?, ?, 0, ?, ?, ?)`,
      )
      .run(
        Date.now(),
        kind,
        host,
        purpose,
        entry.device ?? null,
        place,
        Number(refused),
        entry.runId ?? null,
      )
    if (refused)
      this.#database
        .prepare(
          `DELETE FROM egress WHERE refused = 1 AND id <= (SELECT id FROM egress WHERE refused = 1
           ORDER BY id DESC LIMIT 1 OFFSET ?)`,
        )
        .run(keptRefused)
    this.#onChange()
    return Number(lastInsertRowid)
  }

  /** What came of an entry: connections it opened, where they led, bytes that went by. */
  add(
    id: number,
    more: { connections?: number; place?: EgressEntry['place']; sent?: number; received?: number },
  ): void {
    this.#database
      .prepare(
        `UPDATE egress SET connections = connections + ?, bytes = bytes + ?, received = received + ?,
         place = coalesce(?, place) WHERE id = ?`,
      )
      .run(more.connections ?? 0, more.sent ?? 0, more.received ?? 0, more.place ?? null, id)
  }

  /** Adds to the sums of a host in the house, of the day it is. */
  addHouse(host: string, more: { connections: number; sent: number; received: number }): void {
    const at = Date.now()
    this.#database
      .prepare(
        `INSERT INTO egress_house (host, day, connections, sent, received, last_at) VALUES (?, ?, ?, ?, ?, ?)
         ON CONFLICT (host, day) DO UPDATE SET connections = connections + excluded.connections,
         sent = sent + excluded.sent, received = received + excluded.received, last_at = excluded.last_at`,
      )
      .run(host, Math.floor(at / 86_400_000), more.connections, more.sent, more.received, at)
  }

  /** Newest first, those before the entry `before`. Without `refused`, only what left. */
  list(query: EgressQuery): { entries: EgressEntry[]; total: number } {
    const where: string[] = ['refused = ?']
    const values: SQLInputValue[] = [Number(query.refused ?? false)]
    for (const [column, value] of [
      ['place', query.place],
      ['host', query.host],
      ['run_id', query.runId],
    ] as const)
      if (value !== undefined) {
        where.push(`${column} = ?`)
        values.push(value)
      }
    const of = where.join(' AND ')
    const rows = this.#database
      .prepare(`SELECT * FROM egress WHERE ${of} AND id < ? ORDER BY id DESC LIMIT ?`)
      .all(...values, query.before ?? Number.MAX_SAFE_INTEGER, query.limit)
    const count = this.#database.prepare(`SELECT count(*) AS total FROM egress WHERE ${of}`).get(...values) // prettier-ignore
    return { entries: rows.map(entryOf), total: Number(count?.total) }
  }

  /** Per host, the last one first. */
  sums(): EgressSums {
    const outside = this.#database
      .prepare(
        `SELECT host, sum(connections) AS connections, sum(bytes) AS sent, sum(received) AS received, max(at) AS last_at
         FROM egress WHERE refused = 0 AND place = 'outside' GROUP BY host ORDER BY last_at DESC`,
      )
      .all()
    const house = this.#database
      .prepare(
        `SELECT host, sum(connections) AS connections, sum(sent) AS sent, sum(received) AS received,
         max(last_at) AS last_at FROM egress_house GROUP BY host ORDER BY last_at DESC`,
      )
      .all()
    const refused = this.#database.prepare('SELECT count(*) AS n FROM egress WHERE refused = 1').get() // prettier-ignore
    return {
      outside: outside.map(sumOf),
      house: house.map(sumOf),
      refused: Number(refused?.n),
    }
  }
}

function entryOf(row: Record<string, unknown>): EgressEntry {
  return {
    id: Number(row.id),
    at: Number(row.at),
    kind: row.kind as EgressEntry['kind'],
    host: String(row.host),
    place: row.place as EgressEntry['place'],
    refused: row.refused === 1,
    connections: Number(row.connections),
    sent: Number(row.bytes),
    received: Number(row.received),
    purpose: String(row.purpose),
    ...(row.device === null ? {} : { device: String(row.device) }),
    ...(row.run_id === null ? {} : { runId: String(row.run_id) }),
  }
}

function sumOf(row: Record<string, unknown>): EgressSum {
  return {
    host: String(row.host),
    connections: Number(row.connections),
    sent: Number(row.sent),
    received: Number(row.received),
    lastAt: Number(row.last_at),
  }
}
