import type { FileAccess, Leave, Tool } from '#shared/contracts/tool.ts'
import type { Skill } from '#shared/contracts/skill.ts'
import type { ChangeBatch } from '#shared/domain/agent-task.ts'
import type { ApprovalAnswer, ApprovalBody } from '#shared/domain/approval.ts'
import type { Capability } from '#shared/domain/capability.ts'
import type { ChangePlan, ChangeResult } from '#shared/domain/file-change.ts'

// Whoever keeps tools or skills of many inputs in one list knows nothing of each one's input but that its schema gives it.
// oxlint-disable-next-line typescript/no-explicit-any
export type AnyTool = Tool<any>
// oxlint-disable-next-line typescript/no-explicit-any
export type AnySkill = Skill<any>

/** What the policy asks of a task. */
export interface TaskUnderPolicy {
  readonly taskId: string
  /** Has the model read text that somebody else wrote? */
  tainted(): boolean
  /** Did the person's own words name this? */
  named(resource: string): boolean
  ask(body: ApprovalBody): Promise<{ answer: ApprovalAnswer; by: string }>
}

/** What a task needs of the policy. */
export interface PolicyPort {
  files(task: TaskUnderPolicy): FileAccess
  leave(task: TaskUnderPolicy): Leave
  allowForTask(taskId: string, capability: Capability, resource: string, by: string): void
  endTask(taskId: string): void
}

/** What a task needs of the journal. */
export interface JournalPort {
  make(
    request: { id: string; taskId: string; approvalId?: string; plan: ChangePlan },
    signal: AbortSignal,
  ): Promise<readonly ChangeResult[]>
  undo(batchId: string, changeIds: readonly string[] | undefined, signal: AbortSignal): Promise<ChangeBatch> // prettier-ignore
  redo(batchId: string, changeIds: readonly string[] | undefined, signal: AbortSignal): Promise<ChangeBatch> // prettier-ignore
  list(of: { taskId?: string | undefined; limit: number }): ChangeBatch[]
  standing(taskId: string): number
}

/** A tool and where it comes from. */
export interface OfferedTool {
  readonly tool: AnyTool
  /** `silo`, or the MCP server it belongs to. */
  readonly origin: string
  /** Why it cannot be used now. */
  readonly unavailable?: string
}
