import type { Log } from '#companion/observe/log.ts'
import type { RunRegistry, RunSpec } from '#companion/runs/registry.ts'
import type { RunContext } from '#companion/runs/run.ts'
import type { Skill } from '#shared/contracts/skill.ts'
import type { AgentTask, Intent } from '#shared/domain/agent-task.ts'
import type { Approval, ApprovalAnswer, ChangeEdit } from '#shared/domain/approval.ts'
import type { ChangePlan } from '#shared/domain/file-change.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { languageOf } from '#shared/generation/language.ts'
import type { StartRun } from '#shared/protocol/api.ts'
import type { RunSummary } from '#shared/protocol/run-event.ts'
import { workFreely } from './free-agent.ts'
import { chooseIntent } from './intent.ts'
import { editedPlan } from './plan-edit.ts'
import type { AgentTurns } from './ports.ts'
import { runSkill } from './skill-run.ts'
import type { TaskRecord } from './task-records.ts'
import { TaskRun, type TaskDeps } from './task-run.ts'

export type StartAgent = Extract<StartRun, { kind: 'agent' }>

export interface AgentInit extends TaskDeps {
  readonly runs: RunRegistry
  readonly turns: AgentTurns
  readonly skills: () => readonly Skill[]
  readonly log: Log
  readonly onChange: (conversationId: string) => void
}

/** Starts tasks, goes on with them after a restart, and answers for them. */
export class AgentService {
  readonly #init: AgentInit
  readonly #live = new Map<string, TaskRun>()

  constructor(init: AgentInit) {
    this.#init = init
  }

  /** Where an instruction would go. */
  intent(text: string, collectionIds: readonly string[]): Intent {
    return chooseIntent(text, collectionIds, this.#init.skills())
  }

  /** @throws SiloError conversation_unknown, message_unknown, conflict, run_conflict, skill_unknown, shutting_down */
  start(request: StartAgent, caller: string, scheduleId?: string): RunSummary {
    const { records, runs, turns, onChange } = this.#init
    const { skill } = request.intent ?? {}
    if (skill !== undefined) this.#skill(skill)
    const summary = runs.start({
      ...this.#spec(request.id, request.conversationId, request.assistantMessageId),
      request,
      prepare: () => {
        turns.prepare(request, '')
        const goal = turns.goal(request.conversationId, request.parentId)
        const chosen = request.intent ?? this.intent(goal, [])
        records.insert({
          id: request.id,
          conversationId: request.conversationId,
          messageId: request.assistantMessageId,
          ...(scheduleId === undefined ? {} : { scheduleId }),
          caller,
          goal,
          language: languageOf(goal),
          ...(request.modelId === undefined ? {} : { modelId: request.modelId }),
          intent: chosen.kind === 'skill' ? chosen : { ...chosen, kind: 'agent' },
          state: 'running',
          startedAt: Date.now(),
        })
      },
    })
    onChange(request.conversationId)
    return summary
  }

  /** Goes on with the tasks that the end of a former process interrupted. */
  resume(): void {
    const { runs, records, log } = this.#init
    for (const run of runs.list({ activeOnly: true, limit: -1 })) {
      if (run.kind !== 'agent') continue
      const task = records.get(run.id)
      runs.resume(this.#spec(task.id, task.conversationId, task.messageId))
      log.info('goes on with a task', { runId: run.id })
    }
  }

  /** Newest first. */
  tasks(of: { conversationId?: string | undefined; limit: number }): AgentTask[] {
    return this.#init.records.list(of).map((task) => this.#taskOf(task))
  }

  /** @throws SiloError task_unknown */
  task(id: string): AgentTask {
    return this.#taskOf(this.#init.records.get(id))
  }

  /** @throws SiloError task_unknown */
  pause(id: string): AgentTask {
    const task = this.task(id)
    this.#live.get(id)?.pause()
    return this.#live.has(id) ? this.task(id) : task
  }

  /** @throws SiloError task_unknown */
  unpause(id: string): AgentTask {
    this.task(id)
    this.#live.get(id)?.unpause()
    return this.task(id)
  }

  approvals(of: { open: boolean; taskId?: string; limit: number }): Approval[] {
    return this.#init.approvals.list(of)
  }

  /** @throws SiloError approval_unknown */
  approval(id: string): Approval {
    return this.#init.approvals.get(id)
  }

  /** @throws SiloError approval_unknown, approval_answered, bad_request */
  answer(id: string, answer: ApprovalAnswer, by: string): Approval {
    const { body } = this.approval(id)
    // A target that cannot be is said to whoever wrote it, not to the task.
    if (body.kind === 'changes') this.preview(id, answer.edits ?? [])
    return this.#init.approvals.answer(id, answer, by)
  }

  /** The plan as it would be with these edits. @throws SiloError approval_unknown, bad_request */
  preview(id: string, edits: readonly ChangeEdit[]): ChangePlan {
    const { body, taskId } = this.approval(id)
    if (body.kind !== 'changes') throw new SiloError('bad_request', { params: { detail: 'kind' } })
    return editedPlan(body.plan, edits, this.#live.get(taskId)?.rebuilds.get(id))
  }

  #spec(
    id: string,
    conversationId: string,
    messageId: string,
  ): Omit<RunSpec, 'request' | 'prepare'> {
    // prettier-ignore
    const { records, turns, approvals, policy, onChange } = this.#init
    let live: TaskRun | undefined
    return {
      id,
      kind: 'agent',
      subject: conversationId,
      messageId,
      resumable: true,
      execute: async (run) => {
        const task = records.get(id)
        live = new TaskRun(task, run, this.#init)
        this.#live.set(id, live)
        try {
          await this.#work(task, live, run)
          return {}
        } finally {
          this.#live.delete(id)
        }
      },
      settle: ({ outcome, error }) => {
        approvals.withdraw(id)
        policy.endTask(id)
        records.end(id, outcome)
        turns.finish(conversationId, messageId, live?.text ?? '', outcome, error)
      },
      ended: () => onChange(conversationId),
    }
  }

  async #work(task: TaskRecord, live: TaskRun, run: RunContext): Promise<void> {
    const { records, tools } = this.#init
    if (records.step(task.id, 'begun') === undefined) {
      run.emit({ type: 'intent-chosen', intent: task.intent })
      records.keepStep(task.id, 'begun', true)
    }
    const { skill, input } = task.intent
    if (task.intent.kind === 'skill' && skill !== undefined)
      return runSkill(this.#skill(skill), input ?? {}, live)
    return workFreely(live, tools.list())
  }

  #skill(id: string): Skill {
    const found = this.#init.skills().find((skill) => skill.id === id)
    if (!found) throw new SiloError('skill_unknown', { params: { name: id } })
    return found
  }

  #taskOf(task: TaskRecord): AgentTask {
    const { id, conversationId, scheduleId, goal, intent, state, startedAt, endedAt, outcome } = task // prettier-ignore
    return {
      id,
      conversationId,
      ...(scheduleId === undefined ? {} : { scheduleId }),
      goal,
      intent,
      state,
      startedAt,
      ...(endedAt === undefined ? {} : { endedAt }),
      ...(outcome === undefined ? {} : { outcome }),
      openApprovals: this.#init.approvals.openOf(id),
      changedFiles: this.#init.journal.standing(id),
    }
  }
}
