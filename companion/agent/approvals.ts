import type { DatabaseSync } from 'node:sqlite'
import { isDeepStrictEqual } from 'node:util'
import * as v from 'valibot'
import { migrate } from '#companion/records/database.ts'
import { approvalSchema, type Approval, type ApprovalAnswer, type ApprovalBody } from '#shared/domain/approval.ts' // prettier-ignore
import { newId } from '#shared/domain/ids.ts'
import { SiloError } from '#shared/errors/silo-error.ts'

export interface ApprovalRequest {
  readonly taskId: string
  readonly conversationId: string
  readonly body: ApprovalBody
}

/** What people were asked, and what they said. Stored, so that a question outlives the process that asked it. */
export class Approvals {
  readonly #database: DatabaseSync
  readonly #waiting = new Map<string, (approval: Approval) => void>()
  readonly #onChange: () => void

  constructor(database: DatabaseSync, onChange: () => void = () => {}) {
    this.#database = database
    this.#onChange = onChange
    migrate(database, 'approvals', [
      `CREATE TABLE approvals (
        id TEXT PRIMARY KEY, task_id TEXT NOT NULL, state TEXT NOT NULL, created_at INTEGER NOT NULL, approval TEXT NOT NULL) STRICT;
      CREATE INDEX approvals_by_task ON approvals (task_id);
      CREATE INDEX approvals_by_state ON approvals (state, created_at)`,
    ])
  }

  create({ taskId, conversationId, body }: ApprovalRequest): Approval {
    const approval: Approval = { id: newId(), runId: taskId, taskId, conversationId, createdAt: Date.now(), state: 'open', body } // prettier-ignore
    this.#database
      .prepare('INSERT INTO approvals VALUES (?, ?, ?, ?, ?)')
      .run(approval.id, taskId, approval.state, approval.createdAt, JSON.stringify(approval))
    this.#onChange()
    return approval
  }

  /** @throws SiloError approval_unknown */
  get(id: string): Approval {
    const row = this.#database.prepare('SELECT approval FROM approvals WHERE id = ?').get(id)
    if (!row) throw new SiloError('approval_unknown')
    return approvalOf(row)
  }

  /** Newest first. */
  list(of: { open: boolean; taskId?: string | undefined; limit: number }): Approval[] {
    return this.#database
      .prepare(
        "SELECT approval FROM approvals WHERE (?1 = 0 OR state = 'open') AND (?2 IS NULL OR task_id = ?2) ORDER BY created_at DESC LIMIT ?3",
      )
      .all(of.open ? 1 : 0, of.taskId ?? null, of.limit)
      .map(approvalOf)
  }

  openOf(taskId: string): number {
    const row = this.#database
      .prepare("SELECT count(*) AS open FROM approvals WHERE task_id = ? AND state = 'open'")
      .get(taskId)
    return Number(row?.open)
  }

  /** The same answer once more is the same answer. @throws SiloError approval_unknown, approval_answered, bad_request */
  answer(id: string, answer: ApprovalAnswer, by: string): Approval {
    const approval = this.get(id)
    if (approval.state !== 'open') {
      if (isDeepStrictEqual(approval.answer, answer)) return approval
      throw new SiloError('approval_answered')
    }
    const state = answer.decision === 'approve' ? 'approved' : 'denied'
    const answered = { ...approval, state, answer, answeredAt: Date.now(), answeredBy: by } as const
    this.#write(answered)
    this.#waiting.get(id)?.(answered)
    return answered
  }

  /** The task is over: nobody need answer any more. */
  withdraw(taskId: string): void {
    for (const approval of this.list({ open: true, taskId, limit: -1 }))
      this.#write({ ...approval, state: 'withdrawn' })
  }

  /** Resolves when it was answered; at once where it was already. @throws the signal's reason */
  async answered(id: string, signal: AbortSignal): Promise<Approval> {
    const now = this.get(id)
    if (now.state !== 'open') return now
    signal.throwIfAborted()
    const { promise, resolve, reject } = Promise.withResolvers<Approval>()
    const stop = (): void => reject(signal.reason)
    this.#waiting.set(id, resolve)
    signal.addEventListener('abort', stop, { once: true })
    try {
      return await promise
    } finally {
      this.#waiting.delete(id)
      signal.removeEventListener('abort', stop)
    }
  }

  #write(approval: Approval): void {
    this.#database
      .prepare('UPDATE approvals SET state = ?, approval = ? WHERE id = ?')
      .run(approval.state, JSON.stringify(approval), approval.id)
    this.#onChange()
  }
}

function approvalOf(row: Record<string, unknown>): Approval {
  return v.parse(approvalSchema, JSON.parse(String(row.approval)))
}

/** One line that says what is asked. */
export function approvalTitle(body: ApprovalBody): string {
  switch (body.kind) {
    case 'changes':
      return body.plan.title
    case 'grant':
      return body.resource
    case 'command':
      return body.argv.join(' ').slice(0, 200)
    case 'python':
      return body.why || body.code.split('\n', 1)[0]!.slice(0, 200)
    case 'send':
      return body.host
    case 'question':
      return body.text.slice(0, 200)
  }
}
