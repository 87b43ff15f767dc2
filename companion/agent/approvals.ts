import type { DatabaseSync } from 'node:sqlite'
import { isDeepStrictEqual } from 'node:util'
import * as v from 'valibot'
import { migrate } from '#companion/records/database.ts'
import { approvalAnswerSchema, approvalBodySchema, type Approval, type ApprovalAnswer, type ApprovalBody, type ChangeEdit } from '#shared/domain/approval.ts' // prettier-ignore
import type { ChangePlan } from '#shared/domain/file-change.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { editedPlan, type Rebuild } from './edits.ts'

/** What tasks ask, until somebody answers: for as long as it takes, over restarts too. */
export class Approvals {
  readonly #database: DatabaseSync
  readonly #changed: (approval: Approval) => void
  readonly #waiting = new Map<string, Set<() => void>>()
  /** How target names are made from facts; known while the task that asks is running. */
  readonly #rebuilds = new Map<string, Rebuild>()

  constructor(database: DatabaseSync, changed: (approval: Approval) => void = () => {}) {
    this.#database = database
    this.#changed = changed
    migrate(database, 'approvals', [
      `CREATE TABLE approvals (
        id TEXT PRIMARY KEY, task_id TEXT NOT NULL, conversation_id TEXT, created_at INTEGER NOT NULL, state TEXT NOT NULL,
        body TEXT NOT NULL, answer TEXT, answered_at INTEGER, answered_by TEXT
      ) STRICT;
      CREATE INDEX approvals_by_task ON approvals (task_id);
      CREATE INDEX approvals_open ON approvals (created_at) WHERE state = 'open'`,
    ])
  }

  /** Asks, or returns what the same id asked before. */
  ask(wanted: { id: string; taskId: string; conversationId: string; body: ApprovalBody; rebuild?: Rebuild }): { approval: Approval; isNew: boolean } {
    const { id, taskId, conversationId, body, rebuild } = wanted
    if (rebuild) this.#rebuilds.set(id, rebuild)
    const { changes } = this.#database
      .prepare(
        "INSERT INTO approvals (id, task_id, conversation_id, created_at, state, body) VALUES (?, ?, ?, ?, 'open', ?) ON CONFLICT (id) DO NOTHING",
      )
      .run(id, taskId, conversationId, Date.now(), JSON.stringify(body))
    const approval = this.get(id)
    if (Number(changes) > 0) this.#changed(approval)
    return { approval, isNew: Number(changes) > 0 }
  } // prettier-ignore

  /** @throws SiloError approval_unknown */
  get(id: string): Approval {
    const row = this.#database.prepare('SELECT * FROM approvals WHERE id = ?').get(id)
    if (!row) throw new SiloError('approval_unknown')
    return approvalOf(row)
  }

  /** Newest first. */
  list(of: { open?: boolean; taskId?: string; limit?: number } = {}): Approval[] {
    return this.#database
      .prepare(
        `SELECT * FROM approvals WHERE (?1 IS NULL OR task_id = ?1) AND (?2 = 0 OR state = 'open')
         ORDER BY created_at DESC, rowid DESC LIMIT ?3`,
      )
      .all(of.taskId ?? null, of.open ? 1 : 0, of.limit ?? 200)
      .map(approvalOf)
  }

  has(id: string): boolean {
    return this.#database.prepare('SELECT 1 FROM approvals WHERE id = ?').get(id) !== undefined
  }

  openOf(taskId: string): number {
    return this.#count(taskId, 'open')
  }

  deniedOf(taskId: string): number {
    return this.#count(taskId, 'denied')
  }

  #count(taskId: string, state: Approval['state']): number {
    const row = this.#database
      .prepare('SELECT count(*) AS n FROM approvals WHERE task_id = ? AND state = ?')
      .get(taskId, state)
    return Number(row?.n)
  }

  /**
   * The same answer again is the same answer.
   * @throws SiloError approval_unknown, approval_answered, bad_request where the answer does not fit the question
   */
  answer(id: string, answer: ApprovalAnswer, by: string): Approval {
    const known = this.get(id)
    if (known.state !== 'open') {
      if (known.answer && isDeepStrictEqual(known.answer, answer)) return known
      throw new SiloError('approval_answered')
    }
    const { body } = known
    if (answer.decision === 'approve') {
      if (body.kind === 'changes') editedPlan(body.plan, answer.edits ?? [], this.#rebuilds.get(id))
      if (body.kind === 'question' && !answer.text)
        throw new SiloError('bad_request', { params: { detail: 'text' }, field: 'text' })
    }
    this.#settle(id, answer.decision === 'approve' ? 'approved' : 'denied', answer, by)
    return this.get(id)
  }

  /** The rows as they would be with these edits. @throws SiloError approval_unknown, bad_request */
  preview(id: string, edits: readonly ChangeEdit[]): ChangePlan {
    const { body } = this.get(id)
    if (body.kind !== 'changes')
      throw new SiloError('bad_request', { params: { detail: body.kind } })
    // A row that is left out is shown still: it can be taken in again.
    const kept = edits.map(({ include: _include, ...edit }) => edit)
    return editedPlan(body.plan, kept, this.#rebuilds.get(id))
  }

  /** The task ended: nobody needs the answers any more. */
  withdraw(taskId: string): void {
    for (const { id } of this.list({ taskId, open: true })) this.#settle(id, 'withdrawn')
  }

  /** Contents that open plans name: they are not swept. */
  namedContents(): Set<string> {
    const named = new Set<string>()
    for (const { body } of this.list({ open: true, limit: -1 }))
      if (body.kind === 'changes')
        for (const change of body.plan.changes) if ('content' in change) named.add(change.content)
    return named
  }

  /** Resolves when it is not open any more. There is no limit: a person may take days. @throws the signal's reason */
  async settled(id: string, signal: AbortSignal): Promise<Approval> {
    signal.throwIfAborted()
    const known = this.get(id)
    if (known.state !== 'open') return known
    await new Promise<void>((resolve, reject) => {
      const listeners = this.#waiting.get(id) ?? new Set()
      this.#waiting.set(id, listeners)
      const stop = (): void => {
        listeners.delete(done)
        signal.removeEventListener('abort', abort)
      }
      const done = (): void => {
        stop()
        resolve()
      }
      const abort = (): void => {
        stop()
        reject(signal.reason)
      }
      listeners.add(done)
      signal.addEventListener('abort', abort, { once: true })
    })
    return this.get(id)
  }

  #settle(id: string, state: Approval['state'], answer?: ApprovalAnswer, by?: string): void {
    this.#database
      .prepare(
        "UPDATE approvals SET state = ?, answer = ?, answered_at = ?, answered_by = ? WHERE id = ? AND state = 'open'",
      )
      .run(state, answer ? JSON.stringify(answer) : null, Date.now(), by ?? null, id)
    for (const listener of this.#waiting.get(id) ?? []) listener()
    this.#waiting.delete(id)
    if (state === 'withdrawn') this.#rebuilds.delete(id)
    this.#changed(this.get(id))
  }
}

function approvalOf(row: Record<string, unknown>): Approval {
  const taskId = String(row.task_id)
  return {
    id: String(row.id),
    runId: taskId,
    taskId,
    ...(row.conversation_id === null ? {} : { conversationId: String(row.conversation_id) }),
    createdAt: Number(row.created_at),
    state: row.state as Approval['state'],
    body: v.parse(approvalBodySchema, JSON.parse(String(row.body))),
    ...(row.answer === null
      ? {}
      : { answer: v.parse(approvalAnswerSchema, JSON.parse(String(row.answer))) }),
    ...(row.answered_at === null ? {} : { answeredAt: Number(row.answered_at) }),
    ...(row.answered_by === null ? {} : { answeredBy: String(row.answered_by) }),
  }
}
