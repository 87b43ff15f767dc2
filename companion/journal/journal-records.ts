import type { DatabaseSync } from 'node:sqlite'
import * as v from 'valibot'
import { migrate, transaction } from '#companion/records/database.ts'
import type { ChangeBatch } from '#shared/domain/agent-task.ts'
import { fileChangeSchema, type ChangeResult, type FileChange, type FileStamp } from '#shared/domain/file-change.ts' // prettier-ignore
import { SiloError, wireErrorSchema } from '#shared/errors/silo-error.ts'

/** Where one change stands. `doing` and `undoing` are written before anything happens. */
export type StepState = 'planned' | 'doing' | 'done' | 'failed' | 'undoing' | 'undone'

export interface StepRecord {
  readonly batchId: string
  readonly n: number
  readonly change: FileChange
  readonly state: StepState
  /** Where the file is now, or is being put. */
  readonly path?: string
  /** Where what stood in the way, or was thrown away, is kept. */
  readonly kept?: string
  /** What the file was when it had been put there. */
  readonly after?: FileStamp
  readonly error?: ChangeResult['error']
}

export type BatchState = ChangeBatch['state']

/** The journal's tables. */
export class JournalRecords {
  readonly #database: DatabaseSync

  constructor(database: DatabaseSync) {
    this.#database = database
    migrate(database, 'journal', [
      `CREATE TABLE change_batches (
        id TEXT PRIMARY KEY, task_id TEXT NOT NULL, approval_id TEXT, title TEXT NOT NULL, made_at INTEGER NOT NULL,
        state TEXT NOT NULL) STRICT;
      CREATE INDEX change_batches_by_task ON change_batches (task_id);
      CREATE TABLE change_steps (
        batch_id TEXT NOT NULL REFERENCES change_batches (id), n INTEGER NOT NULL, change TEXT NOT NULL,
        state TEXT NOT NULL, path TEXT, kept TEXT, after TEXT, error TEXT,
        PRIMARY KEY (batch_id, n)) STRICT`,
    ])
  }

  begin(
    batch: { id: string; taskId: string; approvalId?: string | undefined; title: string },
    changes: readonly FileChange[],
  ): void {
    transaction(this.#database, () => {
      this.#database
        .prepare('INSERT INTO change_batches VALUES (?, ?, ?, ?, ?, ?)')
        .run(batch.id, batch.taskId, batch.approvalId ?? null, batch.title, Date.now(), 'making')
      const insert = this.#database.prepare(
        "INSERT INTO change_steps (batch_id, n, change, state) VALUES (?, ?, ?, 'planned')",
      )
      for (const [n, change] of changes.entries()) insert.run(batch.id, n, JSON.stringify(change))
    })
  }

  /** On disk when this returns. */
  set(step: StepRecord): void {
    this.#database
      .prepare(
        'UPDATE change_steps SET state = ?, path = ?, kept = ?, after = ?, error = ? WHERE batch_id = ? AND n = ?',
      )
      .run(
        step.state,
        step.path ?? null,
        step.kept ?? null,
        step.after ? JSON.stringify(step.after) : null,
        step.error ? JSON.stringify(step.error) : null,
        step.batchId,
        step.n,
      )
  }

  setState(batchId: string, state: BatchState): void {
    this.#database.prepare('UPDATE change_batches SET state = ? WHERE id = ?').run(state, batchId)
  }

  has(batchId: string): boolean {
    return this.#database.prepare('SELECT 1 FROM change_batches WHERE id = ?').get(batchId) !== undefined // prettier-ignore
  }

  steps(batchId: string): StepRecord[] {
    return this.#database
      .prepare('SELECT * FROM change_steps WHERE batch_id = ? ORDER BY n')
      .all(batchId)
      .map(stepOf)
  }

  /** @throws SiloError batch_unknown */
  batch(id: string): ChangeBatch {
    const row = this.#database.prepare('SELECT * FROM change_batches WHERE id = ?').get(id)
    if (!row) throw new SiloError('batch_unknown')
    return this.#batchOf(row)
  }

  /** Newest first. */
  batches(of: { taskId?: string | undefined; limit: number }): ChangeBatch[] {
    return this.#database
      .prepare(
        'SELECT * FROM change_batches WHERE ?1 IS NULL OR task_id = ?1 ORDER BY made_at DESC, rowid DESC LIMIT ?2',
      )
      .all(of.taskId ?? null, of.limit)
      .map((row) => this.#batchOf(row))
  }

  /** Batches that a crash interrupted. */
  unsettled(): { id: string; state: BatchState }[] {
    return this.#database
      .prepare("SELECT id, state FROM change_batches WHERE state IN ('making', 'undoing')")
      .all()
      .map((row) => ({ id: String(row.id), state: row.state as BatchState }))
  }

  /** Changes made since `since`, ms. */
  madeSince(since: number): number {
    const row = this.#database
      .prepare(
        "SELECT count(*) AS made FROM change_steps s JOIN change_batches b ON b.id = s.batch_id WHERE b.made_at >= ? AND s.state = 'done'",
      )
      .get(since)
    return Number(row?.made)
  }

  /** Changes of a task that stand. */
  standing(taskId: string): number {
    const row = this.#database
      .prepare(
        "SELECT count(*) AS made FROM change_steps s JOIN change_batches b ON b.id = s.batch_id WHERE b.task_id = ? AND s.state = 'done'",
      )
      .get(taskId)
    return Number(row?.made)
  }

  /** Hashes of contents that a change of the journal may still need: what was undone can be made again. */
  contents(): Set<string> {
    const rows = this.#database
      .prepare(
        "SELECT json_extract(change, '$.content') AS content FROM change_steps WHERE content IS NOT NULL",
      ) // prettier-ignore
      .all()
    return new Set(rows.map((row) => String(row.content)))
  }

  #batchOf(row: Record<string, unknown>): ChangeBatch {
    const id = String(row.id)
    const steps = this.steps(id)
    return {
      id,
      taskId: String(row.task_id),
      ...(row.approval_id === null ? {} : { approvalId: String(row.approval_id) }),
      title: String(row.title),
      madeAt: Number(row.made_at),
      state: row.state as BatchState,
      changes: steps.map(({ change }) => change),
      results: steps.map(resultOf),
    }
  }
}

const resultStates: Record<StepState, ChangeResult['state']> = {
  planned: 'skipped',
  doing: 'skipped',
  done: 'done',
  failed: 'failed',
  undoing: 'done',
  undone: 'undone',
}

export function resultOf(step: StepRecord): ChangeResult {
  return {
    changeId: step.change.id,
    state: resultStates[step.state],
    ...(step.path === undefined ? {} : { path: step.path }),
    ...(step.error === undefined ? {} : { error: step.error }),
  }
}

function stepOf(row: Record<string, unknown>): StepRecord {
  return {
    batchId: String(row.batch_id),
    n: Number(row.n),
    change: v.parse(fileChangeSchema, JSON.parse(String(row.change))),
    state: row.state as StepState,
    ...(row.path === null ? {} : { path: String(row.path) }),
    ...(row.kept === null ? {} : { kept: String(row.kept) }),
    ...(row.after === null ? {} : { after: JSON.parse(String(row.after)) as FileStamp }),
    ...(row.error === null
      ? {}
      : { error: v.parse(wireErrorSchema, JSON.parse(String(row.error))) }),
  }
}
