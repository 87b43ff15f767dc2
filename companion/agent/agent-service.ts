import { existsSync } from 'node:fs'
import type { ChangeFeed } from '#companion/observe/change-feed.ts'
import type { Log } from '#companion/observe/log.ts'
import type { RunContext, RunResult } from '#companion/runs/run.ts'
import type { RunEnd, RunRegistry, RunSpec } from '#companion/runs/registry.ts'
import { pathsNamedIn } from '#shared/agent/named-paths.ts'
import type { AgentTask, ChangeBatch, Intent } from '#shared/domain/agent-task.ts'
import type { Approval, ApprovalAnswer } from '#shared/domain/approval.ts'
import type { Citation, Message } from '#shared/domain/conversation.ts'
import { SiloError, type Language } from '#shared/errors/silo-error.ts'
import { languageOf } from '#shared/generation/language.ts'
import type { SkillInfo, ToolInfo } from '#shared/protocol/agent.ts'
import type { StartRun } from '#shared/protocol/api.ts'
import type { RunEvent, RunSummary } from '#shared/protocol/run-event.ts'
import type { Approvals } from './approvals.ts'
import { DurableTask, type TaskDeps } from './durable-task.ts'
import { freeAgent } from './free-agent.ts'
import type { IntentRouter } from './intent-router.ts'
import type { SkillRegistry } from './skill-registry.ts'
import { runSkill } from './skill-run.ts'
import type { TaskRecord } from './task-store.ts'
import { defaultLimits, UsageMeter, type TaskLimits } from './usage.ts'

export type StartAgent = Extract<StartRun, { kind: 'agent' }>

export interface AgentDeps extends Omit<TaskDeps, 'namedPaths' | 'changed'> {
  readonly runs: RunRegistry
  readonly changes: ChangeFeed
  readonly skills: SkillRegistry
  readonly intents: IntentRouter
  readonly conversations: {
    /** Writes the messages a task begins with, as a chat does. */
    prepare(request: Omit<StartAgent, 'kind' | 'modelId' | 'intent'>, space: string): void
    message(conversationId: string, id: string): Message | undefined
    finish(message: Message): void
  }
  /** The canonical path of what an instruction names. @throws SiloError path_refused */
  canonical(named: string): Promise<string>
  readonly log: Log
  readonly limits?: TaskLimits
}

/** Starts tasks, goes on with those that a former process left, and answers for them. */
export class AgentService {
  readonly #deps: AgentDeps
  /** Tasks at work here, with what wakes a paused one. */
  readonly #gates = new Map<string, Set<() => void>>()

  constructor(deps: AgentDeps) {
    this.#deps = deps
  }

  get approvals(): Approvals {
    return this.#deps.approvals
  }

  /** @throws SiloError conversation_unknown, message_unknown, conflict, run_conflict, skill_unknown, shutting_down */
  start(request: StartAgent, space = '', origin: { caller?: string; scheduleId?: string } = {}): RunSummary {
    const { runs, store, conversations, skills, changes } = this.#deps
    if (request.intent?.kind === 'skill') skills.get(request.intent.skill ?? '')
    const { conversationId, assistantMessageId: messageId } = request
    const run = runs.start({
      ...this.#spec(request.id, conversationId, messageId),
      space,
      request,
      prepare: () => {
        conversations.prepare(request, space)
        const goal = conversations.message(conversationId, request.parentId)?.text ?? ''
        store.insert({
          id: request.id,
          conversationId,
          messageId,
          goal,
          language: languageOf(goal),
          caller: origin.caller ?? 'self',
          startedAt: Date.now(),
          ...(request.intent === undefined ? {} : { intent: request.intent }),
          ...(request.modelId === undefined ? {} : { modelId: request.modelId }),
          ...(origin.scheduleId === undefined ? {} : { scheduleId: origin.scheduleId }),
        })
      },
    })
    changes.publish('conversations', conversationId)
    return run
  } // prettier-ignore

  /** Goes on with what a former process left. Called once, when everything is there. */
  resume(): RunSummary[] {
    return this.#deps.store.unfinished().flatMap((task) => {
      try {
        return [this.#deps.runs.resume(this.#spec(task.id, task.conversationId, task.messageId))]
      } catch (error) {
        this.#deps.log.error('a task could not be gone on with', { taskId: task.id, error })
        return []
      }
    })
  }

  /** Newest first. */
  list(of: { conversationId?: string; limit: number }): AgentTask[] {
    return this.#deps.store.list(of).map((task) => this.#view(task))
  }

  /** @throws SiloError task_unknown */
  get(id: string): { task: AgentTask; approvals: Approval[]; batches: ChangeBatch[] } {
    return {
      task: this.#view(this.#deps.store.get(id)),
      approvals: this.#deps.approvals.list({ taskId: id }),
      batches: this.#deps.journal.list({ taskId: id, limit: 1000 }),
    }
  }

  /** It stops before its next step; what is under way comes to its end. @throws SiloError task_unknown */
  pause(id: string): AgentTask {
    return this.#setPaused(id, true)
  }

  /** @throws SiloError task_unknown */
  unpause(id: string): AgentTask {
    return this.#setPaused(id, false)
  }

  /** @throws SiloError approval_unknown, approval_answered, bad_request */
  answer(id: string, answer: ApprovalAnswer, by: string): Approval {
    return this.#deps.approvals.answer(id, answer, by)
  }

  intent(text: string, collectionIds: readonly string[], signal: AbortSignal): Promise<Intent> {
    return this.#deps.intents.route(text, collectionIds, signal)
  }

  skills(language: Language): SkillInfo[] {
    return this.#deps.skills.list(language)
  }

  putSkill(id: string, source: string): SkillInfo {
    return this.#deps.skills.put(id, source)
  }

  removeSkill(id: string): void {
    this.#deps.skills.remove(id)
  }

  tools(language: Language): ToolInfo[] {
    return this.#deps.tools().map(({ tool, origin, unavailable }) => ({
      name: tool.name,
      title: tool.title[language],
      description: tool.description,
      ...(tool.capability === undefined ? {} : { capability: tool.capability }),
      origin,
      ...(unavailable === undefined ? {} : { unavailable }),
    }))
  }

  #spec(id: string, conversationId: string, messageId: string): Omit<RunSpec, 'request' | 'prepare'> {
    const task: { at?: DurableTask } = {}
    return {
      id,
      kind: 'agent',
      subject: conversationId,
      messageId,
      resumable: true,
      execute: (run) => this.#execute(run, task),
      settle: (end) => this.#settle(id, task.at, end),
      ended: () => {
        this.#deps.policy.endTask(id)
        this.#deps.changes.publish('conversations', conversationId)
        this.#deps.changes.publish('status')
      },
    }
  } // prettier-ignore

  async #execute(run: RunContext, holder: { at?: DurableTask }): Promise<RunResult> {
    const { store, intents, skills, runs } = this.#deps
    const record = store.get(run.id)
    const limits = this.#deps.limits ?? defaultLimits
    const log = runs.events(run.id, -1, Number.MAX_SAFE_INTEGER)
    const meter = new UsageMeter(limits)
    try {
      const deps = {
        ...this.#deps,
        namedPaths: await this.#openNamed(record),
        changed: ({ conversationId }: TaskRecord) =>
          this.#deps.changes.publish('conversations', conversationId),
      }
      const task = new DurableTask(record, run, log, meter, deps, () => this.#gate(holder.at!))
      holder.at = task
      await this.#gate(task)
      const intent = record.intent ?? (await intents.route(record.goal, [], task.signal))
      if (!record.intent) store.setIntent(record.id, intent)
      if (!log.some(({ body }) => body.type === 'intent-chosen'))
        run.emit({ type: 'intent-chosen', intent })
      if (intent.kind === 'skill' && intent.skill !== undefined)
        await runSkill(task, skills.get(intent.skill), intent, limits.steps)
      else await freeAgent(task, { steps: limits.steps })
      task.planned.end(true)
      return { counts: { changed: this.#deps.journal.standing(run.id) } }
    } catch (error) {
      const isLeft = run.signal.reason instanceof SiloError && run.signal.reason.code === 'interrupted' // prettier-ignore
      if (!isLeft) holder.at?.planned.end(false)
      // A limit that aborted everything is the reason, not what it broke off.
      if (meter.signal.aborted && !run.signal.aborted) throw meter.signal.reason
      throw error
    } finally {
      meter.stop()
      this.#gates.delete(run.id)
    }
  }

  /** Folders that the person's own words name may be read for this task. */
  async #openNamed(task: TaskRecord): Promise<string[]> {
    const named: string[] = []
    for (const readings of pathsNamedIn(task.goal)) {
      try {
        const paths = await Promise.all(readings.map((each) => this.#deps.canonical(each)))
        const canonical = paths.find((path) => existsSync(path)) ?? paths.at(-1)!
        this.#deps.policy.allowForTask(task.id, 'files.read', canonical, task.caller)
        named.push(canonical)
      } catch (error) {
        // Refused places stay refused, whoever names them.
        if (!(error instanceof SiloError)) throw error
      }
    }
    return named
  }

  async #gate(task: DurableTask): Promise<void> {
    const { store } = this.#deps
    while (store.get(task.taskId).paused) {
      task.setState('paused')
      await task.meter.waiting(
        () =>
          new Promise<void>((resolve, reject) => {
            const wakers = this.#gates.get(task.taskId) ?? new Set()
            this.#gates.set(task.taskId, wakers)
            const abort = (): void => reject(task.signal.reason)
            const wake = (): void => {
              task.signal.removeEventListener('abort', abort)
              resolve()
            }
            if (task.signal.aborted) return abort()
            wakers.add(wake)
            task.signal.addEventListener('abort', abort, { once: true })
          }),
      )
      task.setState('running')
    }
  }

  #setPaused(id: string, paused: boolean): AgentTask {
    const { store, changes } = this.#deps
    const task = store.get(id)
    if (task.endedAt === undefined) {
      store.setPaused(id, paused)
      if (!paused) for (const wake of this.#gates.get(id) ?? []) wake()
      if (!paused) this.#gates.delete(id)
      changes.publish('conversations', task.conversationId)
    }
    return this.#view(store.get(id))
  }

  #settle(id: string, task: DurableTask | undefined, { outcome, error }: RunEnd): void {
    const { store, approvals, conversations, runs } = this.#deps
    const record = store.find(id)
    if (!record) return
    approvals.withdraw(id)
    store.end(id, outcome)
    const message = conversations.message(record.conversationId, record.messageId)
    if (!message) return
    const log = runs.events(id, -1, Number.MAX_SAFE_INTEGER)
    conversations.finish({
      ...message,
      ...answerOf(log),
      ...(task?.modelId === undefined ? {} : { modelId: task.modelId }),
      outcome,
      ...(error === undefined ? {} : { error }),
    })
  }

  #view(task: TaskRecord): AgentTask {
    const isPaused = task.paused && task.endedAt === undefined
    return {
      id: task.id,
      conversationId: task.conversationId,
      ...(task.scheduleId === undefined ? {} : { scheduleId: task.scheduleId }),
      goal: task.goal,
      intent: task.intent ?? { kind: 'agent', reason: 'unsure', confidence: 0 },
      state: isPaused ? 'paused' : task.state,
      startedAt: task.startedAt,
      ...(task.endedAt === undefined ? {} : { endedAt: task.endedAt }),
      ...(task.outcome === undefined ? {} : { outcome: task.outcome }),
      openApprovals: this.#deps.approvals.openOf(task.id),
      changedFiles: this.#deps.journal.standing(task.id),
    }
  }
}

/** What the log says that the answer is. */
function answerOf(log: readonly RunEvent[]): Pick<Message, 'text' | 'citations' | 'placement' | 'modelId'> {
  let text = ''
  const citations: Citation[] = []
  let placed: Pick<Message, 'placement' | 'modelId'> = {}
  for (const { body } of log) {
    if (body.type === 'text-delta') text += body.text
    else if (body.type === 'citation') citations.push(body.citation)
    else if (body.type === 'placement-chosen') {
      const { place = 'companion', device, engine, reason, modelId } = body
      placed = { placement: { place, device, engine, reason }, modelId }
    }
  }
  return { text, citations, ...placed }
} // prettier-ignore
