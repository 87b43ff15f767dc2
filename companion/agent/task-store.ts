import type { DatabaseSync } from 'node:sqlite'
import * as v from 'valibot'
import { migrate } from '#companion/records/database.ts'
import { intentSchema, type Intent, type TaskState } from '#shared/domain/agent-task.ts'
import type { Outcome } from '#shared/domain/conversation.ts'
import { SiloError, wireErrorSchema, type Language, type WireError } from '#shared/errors/silo-error.ts' // prettier-ignore

/** A task as it is kept: all that a new process needs to go on with it. */
export interface TaskRecord {
  readonly id: string
  readonly conversationId: string
  readonly messageId: string
  readonly scheduleId?: string
  readonly goal: string
  readonly intent?: Intent
  readonly modelId?: string
  readonly language: Language
  /** `self` or a device id. */
  readonly caller: string
  readonly paused: boolean
  /** Has its model read text that somebody else wrote? */
  readonly tainted: boolean
  readonly state: TaskState
  readonly startedAt: number
  readonly endedAt?: number
  readonly outcome?: Outcome
}

/** What a finished step came to. */
export type StepOutcome =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: WireError }

/** Tasks and the results of their finished steps. */
export class TaskStore {
  readonly #database: DatabaseSync

  constructor(database: DatabaseSync) {
    this.#database = database
    migrate(database, 'agent-tasks', [
      `CREATE TABLE agent_tasks (
        id TEXT PRIMARY KEY, conversation_id TEXT NOT NULL, message_id TEXT NOT NULL, schedule_id TEXT,
        goal TEXT NOT NULL, intent TEXT, model_id TEXT, language TEXT NOT NULL, caller TEXT NOT NULL,
        paused INTEGER NOT NULL DEFAULT 0, tainted INTEGER NOT NULL DEFAULT 0, state TEXT NOT NULL,
        started_at INTEGER NOT NULL, ended_at INTEGER, outcome TEXT
      ) STRICT;
      CREATE INDEX agent_tasks_by_conversation ON agent_tasks (conversation_id, started_at);
      CREATE TABLE agent_steps (
        task_id TEXT NOT NULL REFERENCES agent_tasks (id) ON DELETE CASCADE, key TEXT NOT NULL, value TEXT, error TEXT,
        PRIMARY KEY (task_id, key)
      ) STRICT, WITHOUT ROWID`,
    ])
  }

  insert(task: Omit<TaskRecord, 'paused' | 'tainted' | 'state'>): void {
    this.#database
      .prepare(
        `INSERT INTO agent_tasks (id, conversation_id, message_id, schedule_id, goal, intent, model_id, language, caller, state, started_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'running', ?)`,
      )
      .run(
        task.id,
        task.conversationId,
        task.messageId,
        task.scheduleId ?? null,
        task.goal,
        task.intent ? JSON.stringify(task.intent) : null,
        task.modelId ?? null,
        task.language,
        task.caller,
        task.startedAt,
      )
  }

  /** @throws SiloError task_unknown */
  get(id: string): TaskRecord {
    const task = this.find(id)
    if (!task) throw new SiloError('task_unknown')
    return task
  }

  find(id: string): TaskRecord | undefined {
    const row = this.#database.prepare('SELECT * FROM agent_tasks WHERE id = ?').get(id)
    return row && taskOf(row)
  }

  /** Newest first. */
  list(of: { conversationId?: string | undefined; limit: number }): TaskRecord[] {
    return this.#database
      .prepare(
        'SELECT * FROM agent_tasks WHERE ?1 IS NULL OR conversation_id = ?1 ORDER BY started_at DESC, rowid DESC LIMIT ?2',
      )
      .all(of.conversationId ?? null, of.limit)
      .map(taskOf)
  }

  unfinished(): TaskRecord[] {
    return this.#database
      .prepare("SELECT * FROM agent_tasks WHERE state <> 'ended' ORDER BY started_at")
      .all()
      .map(taskOf)
  }

  setIntent(id: string, intent: Intent): void {
    this.#database
      .prepare('UPDATE agent_tasks SET intent = ? WHERE id = ?')
      .run(JSON.stringify(intent), id)
  }

  setState(id: string, state: TaskState): void {
    this.#database.prepare('UPDATE agent_tasks SET state = ? WHERE id = ?').run(state, id)
  }

  setPaused(id: string, paused: boolean): void {
    this.#database.prepare('UPDATE agent_tasks SET paused = ? WHERE id = ?').run(paused ? 1 : 0, id)
  }

  setTainted(id: string): void {
    this.#database.prepare('UPDATE agent_tasks SET tainted = 1 WHERE id = ?').run(id)
  }

  /** The results of its steps are not needed any more. */
  end(id: string, outcome: Outcome): void {
    this.#database
      .prepare("UPDATE agent_tasks SET state = 'ended', ended_at = ?, outcome = ? WHERE id = ?")
      .run(Date.now(), outcome, id)
    this.#database.prepare('DELETE FROM agent_steps WHERE task_id = ?').run(id)
  }

  step(taskId: string, key: string): StepOutcome | undefined {
    const row = this.#database
      .prepare('SELECT value, error FROM agent_steps WHERE task_id = ? AND key = ?')
      .get(taskId, key)
    if (!row) return undefined
    if (row.error !== null)
      return { ok: false, error: v.parse(wireErrorSchema, JSON.parse(String(row.error))) }
    const value = row.value === null ? undefined : (JSON.parse(String(row.value)) as unknown)
    return { ok: true, value }
  }

  keepStep(taskId: string, key: string, outcome: StepOutcome): void {
    const value = outcome.ok ? JSON.stringify(outcome.value) : undefined
    this.#database
      .prepare('INSERT OR REPLACE INTO agent_steps VALUES (?, ?, ?, ?)')
      .run(taskId, key, value ?? null, outcome.ok ? null : JSON.stringify(outcome.error))
  }
}

function taskOf(row: Record<string, unknown>): TaskRecord {
  return {
    id: String(row.id),
    conversationId: String(row.conversation_id),
    messageId: String(row.message_id),
    ...(row.schedule_id === null ? {} : { scheduleId: String(row.schedule_id) }),
    goal: String(row.goal),
    ...(row.intent === null
      ? {}
      : { intent: v.parse(intentSchema, JSON.parse(String(row.intent))) }),
    ...(row.model_id === null ? {} : { modelId: String(row.model_id) }),
    language: row.language as Language,
    caller: String(row.caller),
    paused: row.paused === 1,
    tainted: row.tainted === 1,
    state: row.state as TaskState,
    startedAt: Number(row.started_at),
    ...(row.ended_at === null ? {} : { endedAt: Number(row.ended_at) }),
    ...(row.outcome === null ? {} : { outcome: row.outcome as Outcome }),
  }
}
