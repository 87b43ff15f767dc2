import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { canonicalPath } from '#companion/policy/canonical-path.ts'
import { PolicyRecords } from '#companion/policy/policy-records.ts'
import { Policy, type TaskUnderPolicy } from '#companion/policy/policy.ts'
import { openDatabase } from '#companion/records/database.ts'
import type { FileAccess, Leave } from '#shared/contracts/tool.ts'
import type { ApprovalAnswer, ApprovalBody } from '#shared/domain/approval.ts'
import { newId } from '#shared/domain/ids.ts'
import { SiloError } from '#shared/errors/silo-error.ts'

/** A policy over its own records, a task, and a person who answers what was laid down beforehand. */
export class PolicyWorld {
  readonly home = realpathSync(mkdtempSync(join(tmpdir(), 'silo-policy-')))
  readonly #database: DatabaseSync = openDatabase(join(this.home, 'silo.db'))
  readonly policy = new Policy(new PolicyRecords(this.#database), [this.home])
  readonly asked: ApprovalBody[] = []
  /** Taken one after the other. A question without one fails the test. */
  readonly answers: ApprovalAnswer[] = []
  beforeAnswer: () => void = () => {}
  tainted = false
  /** What the person's own words name. */
  readonly named: string[] = []
  taskId = newId()

  files(): FileAccess {
    return this.policy.files(this.#task())
  }

  get leave(): Leave {
    return this.policy.leave(this.#task())
  }

  /** The person named it in the instruction. */
  allow(folder: string): void {
    this.policy.allowForTask(this.taskId, 'files.read', folder, 'self')
  }

  /** What the journal asks before it touches a path. */
  async guard(path: string): Promise<void> {
    await this.policy.requireOpenPlace(path)
    if ((await canonicalPath(path)) !== path) throw new SiloError('path_changed', { params: { path } }) // prettier-ignore
  }

  /** The companion started anew. */
  restarted(): Policy {
    return new Policy(new PolicyRecords(this.#database), [this.home])
  }

  close(): void {
    this.#database.close()
    rmSync(this.home, { recursive: true, force: true })
  }

  #task(): TaskUnderPolicy {
    return {
      taskId: this.taskId,
      tainted: () => this.tainted,
      named: (resource) => this.named.includes(resource),
      ask: async (body) => {
        this.asked.push(body)
        const answer = this.answers.shift()
        if (!answer) throw new Error(`nobody expected ${JSON.stringify(body)}`)
        this.beforeAnswer()
        return { answer, by: 'self' }
      },
    }
  }
}

/** The code of the error that something ends with; undefined where it does not. */
export async function codeOf(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work
    return undefined
  } catch (error) {
    if (error instanceof SiloError) return error.code
    throw error
  }
}
