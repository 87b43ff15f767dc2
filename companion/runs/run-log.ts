import type { DatabaseSync, StatementSync } from 'node:sqlite'
import * as v from 'valibot'
import { migrate } from '#companion/records/database.ts'
import {
  runEventBodySchema,
  type RunEvent,
  type RunEventBody,
  type RunKind,
  type RunSummary,
} from '#shared/protocol/run-event.ts'

export interface RunRecord extends RunSummary {
  /** SHA-256 of the request that started it. */
  readonly requestHash: string
  /** Whose it is: '' for the owners, else a device id. */
  readonly space: string
}

/** The tables of runs and their append-only logs. */
export class RunLog {
  readonly #database: DatabaseSync
  readonly #append: StatementSync
  readonly #read: StatementSync
  readonly #get: StatementSync

  constructor(database: DatabaseSync) {
    this.#database = database
    migrate(database, 'runs', [
      `CREATE TABLE runs (
        id TEXT PRIMARY KEY, kind TEXT NOT NULL, subject TEXT NOT NULL, message_id TEXT,
        request_hash TEXT NOT NULL, started_at INTEGER NOT NULL, ended_at INTEGER, outcome TEXT
      ) STRICT;
      CREATE INDEX runs_unfinished ON runs (started_at) WHERE outcome IS NULL;
      CREATE INDEX runs_by_kind ON runs (kind, ended_at);
      CREATE TABLE run_events (
        run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE, seq INTEGER NOT NULL,
        at INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (run_id, seq)
      ) STRICT, WITHOUT ROWID`,
      `ALTER TABLE runs ADD COLUMN space TEXT NOT NULL DEFAULT ''`,
    ])
    this.#append = database.prepare(
      'INSERT INTO run_events (run_id, seq, at, body) VALUES (?, ?, ?, ?)',
    )
    this.#read = database.prepare(
      'SELECT seq, at, body FROM run_events WHERE run_id = ? AND seq > ? ORDER BY seq LIMIT ?',
    )
    this.#get = database.prepare(
      `SELECT *, (SELECT max(seq) FROM run_events WHERE run_id = runs.id) AS last_seq FROM runs WHERE id = ?`,
    )
  }

  insert(run: Omit<RunRecord, 'lastSeq'>): void {
    this.#database
      .prepare(
        'INSERT INTO runs (id, kind, subject, message_id, request_hash, started_at, space) VALUES (?, ?, ?, ?, ?, ?, ?)',
      )
      .run(
        run.id,
        run.kind,
        run.subject,
        run.messageId ?? null,
        run.requestHash,
        run.startedAt,
        run.space,
      )
  }

  append(runId: string, seq: number, at: number, body: string): void {
    this.#append.run(runId, seq, at, body)
  }

  end(runId: string, at: number, outcome: string): void {
    this.#database
      .prepare('UPDATE runs SET ended_at = ?, outcome = ? WHERE id = ?')
      .run(at, outcome, runId)
  }

  get(runId: string): RunRecord | undefined {
    const row = this.#get.get(runId)
    return row && recordOf(row)
  }

  /** Newest first. */
  list(options: { activeOnly: boolean; limit: number }): RunRecord[] {
    return this.#database
      .prepare(
        `SELECT *, (SELECT max(seq) FROM run_events WHERE run_id = runs.id) AS last_seq FROM runs
         ${options.activeOnly ? 'WHERE outcome IS NULL' : ''} ORDER BY started_at DESC, rowid DESC LIMIT ?`,
      )
      .all(options.limit)
      .map(recordOf)
  }

  /** Events after `after`, oldest first, at most `limit`. */
  events(runId: string, after: number, limit: number): RunEvent[] {
    return this.#read.all(runId, after, limit).map((row) => ({
      runId,
      seq: Number(row.seq),
      at: Number(row.at),
      body: parseBody(String(row.body)),
    }))
  }

  /** Removes ended runs of these kinds, and their logs, but for the newest `keep`. */
  prune(kinds: readonly RunKind[], keep: number): number {
    const holes = kinds.map(() => '?').join(', ')
    const { changes } = this.#database
      .prepare(
        `DELETE FROM runs WHERE id IN (
          SELECT id FROM runs WHERE outcome IS NOT NULL AND kind IN (${holes})
          ORDER BY ended_at DESC LIMIT -1 OFFSET ?)`,
      )
      .run(...kinds, keep)
    return Number(changes)
  }
}

function parseBody(text: string): RunEventBody {
  return v.parse(runEventBodySchema, JSON.parse(text))
}

function recordOf(row: Record<string, unknown>): RunRecord {
  return {
    id: String(row.id),
    kind: row.kind as RunKind,
    subject: String(row.subject),
    ...(row.message_id === null ? {} : { messageId: String(row.message_id) }),
    requestHash: String(row.request_hash),
    space: String(row.space),
    startedAt: Number(row.started_at),
    ...(row.ended_at === null ? {} : { endedAt: Number(row.ended_at) }),
    ...(row.outcome === null ? {} : { outcome: row.outcome as NonNullable<RunRecord['outcome']> }),
    lastSeq: Number(row.last_seq ?? -1),
  }
}
