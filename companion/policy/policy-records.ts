import type { DatabaseSync } from 'node:sqlite'
import { migrate } from '#companion/records/database.ts'
import type { Capability, Grant, SwitchName, SwitchState } from '#shared/domain/capability.ts'

const names: readonly SwitchName[] = ['web', 'exec']

/** Grants and switches on disk. A switch is off at every start: whoever turned it on was there then. */
export class PolicyRecords {
  readonly #database: DatabaseSync
  readonly #until = new Map<SwitchName, number>()

  constructor(database: DatabaseSync) {
    this.#database = database
    migrate(database, 'policy', [
      `CREATE TABLE grants (
        id TEXT PRIMARY KEY, capability TEXT NOT NULL, resource TEXT NOT NULL, scope TEXT NOT NULL, task_id TEXT,
        given_by TEXT NOT NULL, given_at INTEGER NOT NULL) STRICT;
      CREATE TABLE switch_log (
        at INTEGER NOT NULL, name TEXT NOT NULL, until INTEGER, by TEXT NOT NULL) STRICT`,
    ])
  }

  add(grant: Grant): void {
    this.#database
      .prepare('INSERT OR IGNORE INTO grants VALUES (?, ?, ?, ?, ?, ?, ?)')
      .run(grant.id, grant.capability, grant.resource, grant.scope, grant.taskId ?? null, grant.givenBy, grant.givenAt) // prettier-ignore
  }

  /** What holds for a task, or, without one, what holds for all; newest first. */
  list(capability?: Capability, taskId?: string): Grant[] {
    return this.#database
      .prepare(
        "SELECT * FROM grants WHERE (?1 IS NULL OR capability = ?1) AND (scope = 'always' OR task_id = ?2) ORDER BY given_at DESC",
      )
      .all(capability ?? null, taskId ?? null)
      .map(grantOf)
  }

  remove(id: string): void {
    this.#database.prepare('DELETE FROM grants WHERE id = ?').run(id)
  }

  /** A task is over: what was given for it alone is gone. */
  endTask(taskId: string): void {
    this.#database.prepare("DELETE FROM grants WHERE task_id = ? AND scope <> 'always'").run(taskId)
  }

  switches(now: number = Date.now()): SwitchState[] {
    return names.map((name) => {
      const until = this.#until.get(name)
      return until !== undefined && until > now ? { name, on: true, until } : { name, on: false }
    })
  }

  /** Written down, with who did it. */
  setSwitch(name: SwitchName, until: number | undefined, by: string): void {
    this.#database
      .prepare('INSERT INTO switch_log VALUES (?, ?, ?, ?)')
      .run(Date.now(), name, until ?? null, by)
    if (until === undefined) this.#until.delete(name)
    else this.#until.set(name, until)
  }
}

function grantOf(row: Record<string, unknown>): Grant {
  return {
    id: String(row.id),
    capability: row.capability as Capability,
    resource: String(row.resource),
    scope: row.scope as Grant['scope'],
    ...(row.task_id === null ? {} : { taskId: String(row.task_id) }),
    givenBy: String(row.given_by),
    givenAt: Number(row.given_at),
  }
}
