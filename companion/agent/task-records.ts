import type { DatabaseSync } from 'node:sqlite'
import * as v from 'valibot'
import { migrate } from '#companion/records/database.ts'
import { intentSchema, type Intent, type TaskState } from '#shared/domain/agent-task.ts'
import { outcomeSchema, type Outcome } from '#shared/domain/conversation.ts'
import { SiloError, type Language } from '#shared/errors/silo-error.ts'

/** A task as it is stored; its id is its run's. */
export interface TaskRecord {
  readonly id: string
  readonly conversationId: string
  readonly messageId: string
  readonly scheduleId?: string
  /** `self` or a device id. */
  readonly caller: string
  readonly goal: string
  readonly language: Language
  readonly modelId?: string
  readonly intent: Intent
  readonly state: TaskState
  readonly startedAt: number
  readonly endedAt?: number
  readonly outcome?: Outcome
}

/** Tasks, and what their finished steps came to, so that a task goes on after a restart. */
export class TaskRecords {
  readonly #database: DatabaseSync

  constructor(database: DatabaseSync) {
    this.#database = database
    migrate(database, 'agent', [
      `CREATE TABLE agent_tasks (
        id TEXT PRIMARY KEY, conversation_id TEXT NOT NULL, message_id TEXT NOT NULL, schedule_id TEXT,
        caller TEXT NOT NULL, goal TEXT NOT NULL, language TEXT NOT NULL, model_id TEXT, intent TEXT NOT NULL,
        state TEXT NOT NULL, started_at INTEGER NOT NULL, ended_at INTEGER, outcome TEXT) STRICT;
      CREATE INDEX agent_tasks_by_conversation ON agent_tasks (conversation_id);
      CREATE TABLE task_steps (
        task_id TEXT NOT NULL REFERENCES agent_tasks (id) ON DELETE CASCADE, key TEXT NOT NULL, value TEXT NOT NULL,
        PRIMARY KEY (task_id, key)) STRICT`,
    ])
  }

  insert(task: TaskRecord): void {
    this.#database
      .prepare('INSERT INTO agent_tasks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL)')
      .run(
        task.id,
        task.conversationId,
        task.messageId,
        task.scheduleId ?? null,
        task.caller,
        task.goal,
        task.language,
        task.modelId ?? null,
        JSON.stringify(task.intent),
        task.state,
        task.startedAt,
      )
  }

  /** @throws SiloError task_unknown */
  get(id: string): TaskRecord {
    const row = this.#database.prepare('SELECT * FROM agent_tasks WHERE id = ?').get(id)
    if (!row) throw new SiloError('task_unknown')
    return taskOf(row)
  }

  /** Newest first. */
  list(of: { conversationId?: string | undefined; limit: number }): TaskRecord[] {
    return this.#database
      .prepare(
        'SELECT * FROM agent_tasks WHERE ?1 IS NULL OR conversation_id = ?1 ORDER BY started_at DESC LIMIT ?2',
      )
      .all(of.conversationId ?? null, of.limit)
      .map(taskOf)
  }

  setState(id: string, state: TaskState): void {
    this.#database.prepare('UPDATE agent_tasks SET state = ? WHERE id = ?').run(state, id)
  }

  setIntent(id: string, intent: Intent): void {
    this.#database
      .prepare('UPDATE agent_tasks SET intent = ? WHERE id = ?')
      .run(JSON.stringify(intent), id)
  }

  end(id: string, outcome: Outcome): void {
    this.#database
      .prepare("UPDATE agent_tasks SET state = 'ended', ended_at = ?, outcome = ? WHERE id = ?")
      .run(Date.now(), outcome, id)
  }

  /** JSON text of a finished step; undefined where it is not finished. */
  step(taskId: string, key: string): string | undefined {
    const row = this.#database
      .prepare('SELECT value FROM task_steps WHERE task_id = ? AND key = ?')
      .get(taskId, key)
    return row && String(row.value)
  }

  /** On disk when this returns. */
  keepStep(taskId: string, key: string, value: unknown): void {
    this.#database
      .prepare('INSERT OR REPLACE INTO task_steps VALUES (?, ?, ?)')
      .run(taskId, key, JSON.stringify(value ?? null))
  }
}

function taskOf(row: Record<string, unknown>): TaskRecord {
  return {
    id: String(row.id),
    conversationId: String(row.conversation_id),
    messageId: String(row.message_id),
    ...(row.schedule_id === null ? {} : { scheduleId: String(row.schedule_id) }),
    caller: String(row.caller),
    goal: String(row.goal),
    language: row.language === 'zh' ? 'zh' : 'en',
    ...(row.model_id === null ? {} : { modelId: String(row.model_id) }),
    intent: v.parse(intentSchema, JSON.parse(String(row.intent))),
    state: row.state as TaskState,
    startedAt: Number(row.started_at),
    ...(row.ended_at === null ? {} : { endedAt: Number(row.ended_at) }),
    ...(row.outcome === null ? {} : { outcome: v.parse(outcomeSchema, row.outcome) }),
  }
}
