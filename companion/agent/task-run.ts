import * as v from 'valibot'
import type { RunContext } from '#companion/runs/run.ts'
import type { TaskContext } from '#shared/contracts/skill.ts'
import type { Tool, ToolArtifact, ToolContext, ToolResult } from '#shared/contracts/tool.ts'
import type { PlanStep, TaskState } from '#shared/domain/agent-task.ts'
import type { Approval, ApprovalBody } from '#shared/domain/approval.ts'
import type { ChangePlan, ChangeResult } from '#shared/domain/file-change.ts'
import { SiloError, toSiloError, toWire } from '#shared/errors/silo-error.ts'
import { approvalTitle, type Approvals } from './approvals.ts'
import { askModel, type ModelCall } from './model-call.ts'
import { editedPlan } from './plan-edit.ts'
import type { AgentArtifacts, AgentBlobs, AgentJournal, AgentModels, AgentPolicy, AgentTools, Rebuild, TaskUnderPolicy } from './ports.ts' // prettier-ignore
import type { TaskRecord, TaskRecords } from './task-records.ts'

export interface TaskDeps {
  readonly records: TaskRecords
  readonly approvals: Approvals
  readonly models: AgentModels
  readonly policy: AgentPolicy
  readonly journal: AgentJournal
  readonly tools: AgentTools
  readonly artifacts: AgentArtifacts
  readonly blobs: AgentBlobs
}

/** Characters of a tool's input and result that the log keeps. */
const shownLength = 16_000
/** Characters one text of a tool's input keeps in the log. */
const shownText = 2000

/**
 * One task at work. Everything it does is a step whose result is kept under a key; run again after a restart, finished
 * steps give what they gave. Everything it waits for ends with the run's signal.
 */
export class TaskRun implements TaskContext {
  readonly #task: TaskRecord
  readonly #run: RunContext
  readonly #deps: TaskDeps
  #plan: PlanStep[] = []
  #said = 0
  #shown = 0
  #asked = 0
  #calls = 0
  #tainted = false
  #pause: PromiseWithResolvers<void> | undefined
  #state: TaskState = 'running'
  /** How `rebuild` makes a change anew, for those who look at an open plan. */
  readonly rebuilds = new Map<string, Rebuild>()
  /** The answer so far. */
  text = ''

  constructor(task: TaskRecord, run: RunContext, deps: TaskDeps) {
    this.#task = task
    this.#run = run
    this.#deps = deps
  }

  get taskId(): string {
    return this.#task.id
  }
  get goal(): string {
    return this.#task.goal
  }
  get language(): TaskRecord['language'] {
    return this.#task.language
  }
  get caller(): string {
    return this.#task.caller
  }
  get startedAt(): number {
    return this.#task.startedAt
  }
  get signal(): AbortSignal {
    return this.#run.signal
  }

  pause(): void {
    if (this.#pause) return
    this.#pause = Promise.withResolvers()
    this.#enter('paused')
  }

  unpause(): void {
    this.#pause?.resolve()
    this.#pause = undefined
    this.#enter(this.#deps.approvals.openOf(this.taskId) > 0 ? 'waiting' : 'running')
  }

  plan(steps: readonly { readonly id: string; readonly title: string }[]): void {
    const kept = this.#plan.filter(({ id }) => !steps.some((step) => step.id === id))
    const named = steps.map(({ id, title }): PlanStep => ({ state: 'waiting', ...this.#plan.find((step) => step.id === id), id, title })) // prettier-ignore
    this.#plan = [...kept, ...named]
    this.#showPlan()
  }

  async step<T>(key: string, work: () => Promise<{ value: T; note?: string }>): Promise<T> {
    const known = this.#known<{ value: T; note?: string }>(key)
    if (known) {
      this.#mark(key, 'done', known.note)
      return known.value
    }
    await this.#proceed()
    this.#mark(key, 'running')
    try {
      const result = await work()
      this.#keep(key, result)
      this.#mark(key, 'done', result.note)
      return result.value
    } catch (error) {
      if (!this.signal.aborted) this.#mark(key, 'failed')
      throw error
    }
  }

  async tool(key: string, name: string, input: Record<string, unknown>): Promise<ToolResult> {
    const known = this.#known<ToolResult & { foreign?: boolean }>(key)
    if (known) {
      this.#tainted ||= known.foreign ?? false
      return known
    }
    await this.#proceed()
    const tool = this.#deps.tools.get(name)
    const callId = `${key}-${++this.#calls}`.slice(0, 64)
    const started = performance.now()
    this.#mark(key, 'running')
    this.#run.emit({ type: 'tool-call', callId, tool: name, input: bounded(input), stepId: key })
    try {
      const result = await this.#call(tool, callId, input)
      // What it made is stored now; the kept result is JSON.
      for (const artifact of result.artifacts ?? []) this.#store(artifact, callId)
      const { artifacts: _stored, ...kept } = result
      this.#keep(key, { ...kept, foreign: tool.readsForeignText })
      this.#tainted ||= tool.readsForeignText
      this.#run.emit({
        type: 'tool-result',
        callId,
        summary: result.summary.slice(0, 500),
        detail: JSON.stringify(result.data ?? null).slice(0, shownLength),
        foreign: tool.readsForeignText,
        ms: Math.round(performance.now() - started),
      })
      this.#mark(key, 'done', result.summary)
      return kept
    } catch (cause) {
      this.signal.throwIfAborted()
      const error = toSiloError(cause, callId)
      this.#run.emit({ type: 'tool-result', callId, summary: '', error: toWire(error), ms: Math.round(performance.now() - started) }) // prettier-ignore
      this.#mark(key, 'failed')
      throw error
    }
  }

  async propose(
    key: string,
    plan: ChangePlan,
    rebuild?: Rebuild,
  ): Promise<readonly ChangeResult[]> {
    // prettier-ignore
    const known = this.#known<ChangeResult[]>(key)
    if (known) {
      this.#mark(key, 'done')
      return known
    }
    if (plan.changes.length === 0) return []
    this.#mark(key, 'running')
    const approval = await this.#ask(`${key}:approval`, { kind: 'changes', plan }, rebuild)
    const skipped = plan.changes.map(({ id }): ChangeResult => ({ changeId: id, state: 'skipped' }))
    let results = skipped
    if (approval.state === 'approved') {
      const edited = editedPlan(plan, approval.answer?.edits ?? [], rebuild)
      // The batch has the approval's id: after a crash it is the same batch.
      const request = { id: approval.id, taskId: this.taskId, approvalId: approval.id, plan: edited } // prettier-ignore
      const made = await this.#deps.journal.make(request, this.signal)
      this.signal.throwIfAborted()
      results = skipped.map((skip) => made.find(({ changeId }) => changeId === skip.changeId) ?? skip) // prettier-ignore
      const count = (state: ChangeResult['state']): number => results.filter((each) => each.state === state).length // prettier-ignore
      this.#run.emit({ type: 'changes-made', batchId: approval.id, done: count('done'), failed: count('failed'), skipped: count('skipped') }) // prettier-ignore
    }
    this.#keep(key, results)
    this.#mark(key, approval.state === 'approved' ? 'done' : 'skipped')
    return results
  }

  async ask(key: string, text: string, options?: readonly string[]): Promise<string> {
    const body: ApprovalBody = { kind: 'question', text, ...(options ? { options: [...options] } : {}) } // prettier-ignore
    const { state, answer } = await this.#ask(key, body)
    if (state !== 'approved') throw new SiloError('approval_denied')
    return answer?.text ?? ''
  }

  async json<T>(
    key: string,
    request: { readonly instruction: string; readonly context?: string; readonly schema: Record<string, unknown>; readonly parse: v.GenericSchema<unknown, T>; readonly maxTokens?: number }, // prettier-ignore
  ): Promise<T> {
    return this.step(key, async () => {
      for (let again = 0; ; again++) {
        const text = await this.#askModel({ ...request, schema: request.schema })
        const parsed = v.safeParse(request.parse, json(text))
        if (parsed.success) return { value: parsed.output }
        if (again > 0) throw new SiloError('task_stuck', { params: { detail: 'model' } })
      }
    })
  }

  async write(
    key: string,
    request: { readonly instruction: string; readonly context?: string; readonly maxTokens?: number; readonly show?: boolean }, // prettier-ignore
  ): Promise<string> {
    const text = await this.step(key, async () => ({ value: await this.#askModel(request) }))
    if (request.show) this.say(text)
    return text
  }

  say(text: string): void {
    this.text += text
    const key = `say:${this.#said++}`
    if (this.#known(key) !== undefined) return
    this.#run.emit({ type: 'text-delta', text })
    this.#keep(key, true)
  }

  artifact(artifact: ToolArtifact): void {
    this.#store(artifact)
  }

  /** One call of a tool with all that stands between it and the computer. */
  async #call(tool: Tool, callId: string, input: Record<string, unknown>): Promise<ToolResult> {
    const parsed = v.safeParse(tool.input as v.GenericSchema, input)
    if (!parsed.success)
      throw new SiloError('tool_input_invalid', {
        params: { name: tool.name, detail: parsed.issues[0]?.message ?? '' },
      })
    const view = this.#underPolicy()
    const context: ToolContext = {
      taskId: this.taskId,
      caller: this.caller,
      language: this.language,
      signal: this.signal,
      files: this.#deps.policy.files(view),
      leave: this.#deps.policy.leave(view),
      keep: (content) => this.#deps.blobs.keep(content),
      progress: (done, total, detail) =>
        this.#run.emit({ type: 'progress', stage: tool.name, done, unit: 'files', ...(total === undefined ? {} : { total }), ...(detail === undefined ? {} : { detail }) }), // prettier-ignore
      output: (stream, text) => this.#run.emit({ type: 'tool-output', callId, stream, text: text.slice(0, shownLength) }), // prettier-ignore
    }
    return (tool as Tool<unknown>).call(parsed.output, context)
  }

  #underPolicy(): TaskUnderPolicy {
    return {
      taskId: this.taskId,
      tainted: () => this.#tainted,
      named: (resource) => namedIn(this.goal, resource),
      ask: async (body) => {
        const approval = await this.#ask(`leave:${++this.#asked}`, body)
        if (!approval.answer) throw new SiloError('approval_denied')
        return { answer: approval.answer, by: approval.answeredBy ?? 'self' }
      },
    }
  }

  /** Asks, or goes on waiting for what was asked before a restart. */
  async #ask(key: string, body: ApprovalBody, rebuild?: Rebuild): Promise<Approval> {
    await this.#proceed()
    const { approvals } = this.#deps
    let id = this.#known<string>(key)
    if (id === undefined) {
      const approval = approvals.create({ taskId: this.taskId, conversationId: this.#task.conversationId, body }) // prettier-ignore
      id = approval.id
      this.#keep(key, id)
      this.#run.emit({
        type: 'approval-request',
        approvalId: id,
        kind: body.kind,
        title: approvalTitle(body),
        ...(body.kind === 'changes' ? { count: body.plan.changes.length } : {}),
      })
    }
    if (rebuild) this.rebuilds.set(id, rebuild)
    const known = approvals.get(id)
    if (known.state !== 'open') return known
    this.#enter('waiting')
    try {
      const answered = await approvals.answered(id, this.signal)
      const decision = answered.state === 'approved' ? 'approve' : 'deny'
      this.#run.emit({ type: 'approval-answer', approvalId: id, decision, by: answered.answeredBy ?? 'self' }) // prettier-ignore
      return answered
    } finally {
      if (!this.signal.aborted && !this.#pause) this.#enter('running')
    }
  }

  async #askModel(call: ModelCall): Promise<string> {
    if (call.context) this.#tainted = true
    const lease = await this.#deps.models.acquireChat(this.#task.modelId, { signal: this.signal })
    try {
      return await askModel(lease.loaded, call, this.language, this.signal)
    } finally {
      lease.release()
    }
  }

  #store(artifact: ToolArtifact, callId?: string): void {
    const key = `artifact:${this.#shown++}`
    if (this.#known(key) !== undefined) return
    const { conversationId, messageId } = this.#task
    const stored = this.#deps.artifacts.add(artifact, {
      conversationId,
      messageId,
      runId: this.taskId,
      ...(callId === undefined ? {} : { callId }),
      language: this.language,
    })
    const type = stored.version > 1 ? 'artifact-updated' : 'artifact-created'
    this.#run.emit({ type, artifact: stored })
    this.#keep(key, true)
  }

  /** Waits while the task is paused. */
  async #proceed(): Promise<void> {
    this.signal.throwIfAborted()
    if (!this.#pause) return
    const { promise, reject } = Promise.withResolvers<never>()
    const stop = (): void => reject(this.signal.reason)
    this.signal.addEventListener('abort', stop, { once: true })
    try {
      await Promise.race([this.#pause.promise, promise])
    } finally {
      this.signal.removeEventListener('abort', stop)
    }
  }

  #enter(state: TaskState): void {
    if (this.#state === state) return
    this.#state = state
    this.#deps.records.setState(this.taskId, state)
    this.#run.emit({ type: 'task-state', state })
  }

  #mark(id: string, state: PlanStep['state'], note?: string): void {
    const known = this.#plan.find((step) => step.id === id)
    if (!known || (known.state === state && known.note === note)) return
    this.#plan = this.#plan.map((step) => step === known ? { ...step, state, ...(note === undefined ? {} : { note }) } : step) // prettier-ignore
    this.#showPlan()
  }

  #showPlan(): void {
    this.#run.emit({ type: 'plan', steps: this.#plan })
  }

  #known<T>(key: string): T | undefined {
    const text = this.#deps.records.step(this.taskId, key)
    return text === undefined ? undefined : (JSON.parse(text) as T)
  }

  #keep(key: string, value: unknown): void {
    this.#deps.records.keepStep(this.taskId, key, value)
  }
}

/** Does the instruction itself name this folder or host? */
function namedIn(goal: string, resource: string): boolean {
  const words = goal.normalize('NFC').toLowerCase()
  const parts = resource.normalize('NFC').toLowerCase().split(/[/\\]/).filter(Boolean)
  const last = parts.at(-1)
  return last !== undefined && last.length > 1 && words.includes(last)
}

function json(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function bounded(input: Record<string, unknown>): Record<string, unknown> {
  const text = JSON.stringify(input, (_, value: unknown) =>
    typeof value === 'string' && value.length > shownText ? `${value.slice(0, shownText)}…` : value,
  )
  return text.length > shownLength ? { cut: text.slice(0, shownText) } : (JSON.parse(text) as Record<string, unknown>) // prettier-ignore
}
