import type { Intent, PlanStep, TaskState } from '#shared/domain/agent-task.ts'
import type { Outcome } from '#shared/domain/conversation.ts'
import type { WireError } from '#shared/errors/silo-error.ts'
import type { RunEvent, RunEventBody } from '#shared/protocol/run-event.ts'

type Request = Extract<RunEventBody, { type: 'approval-request' }>
type Result = Extract<RunEventBody, { type: 'tool-result' }>
type Progress = Extract<RunEventBody, { type: 'progress' }>

export interface CallView {
  readonly callId: string
  readonly tool: string
  readonly input: Readonly<Record<string, unknown>>
  readonly stepId?: string
  /** Ms since 1970. */
  readonly startedAt: number
  /** What a program wrote, the newest `outputKept` characters. */
  readonly output: readonly { readonly stream: 'stdout' | 'stderr'; readonly text: string }[]
  readonly result?: Omit<Result, 'type' | 'callId'>
}

export interface AskView {
  readonly approvalId: string
  readonly kind: Request['kind']
  readonly title: string
  readonly count?: number
  readonly at: number
  readonly decision?: 'approve' | 'deny' | 'withdraw'
  readonly by?: string
}

export interface MadeView {
  readonly batchId: string
  readonly done: number
  readonly failed: number
  readonly skipped: number
}

/** What is shown of a task: its run's events folded into one value, the same live, after a reload and years later. */
export interface TaskView {
  readonly runId: string
  readonly lastSeq: number
  readonly state: TaskState
  readonly startedAt?: number
  readonly endedAt?: number
  readonly intent?: Intent
  readonly steps: readonly PlanStep[]
  readonly calls: readonly CallView[]
  readonly asks: readonly AskView[]
  readonly made: readonly MadeView[]
  /** Files and sources that failed without ending the task. */
  readonly failures: readonly { readonly item: string; readonly error: WireError }[]
  /** What is being worked on, and, in steps, how much of the limit is used. */
  readonly progress?: Progress
  readonly used?: { readonly done: number; readonly total?: number }
  readonly outcome?: Outcome
  readonly error?: WireError
}

/** Characters of one program's output that are kept. */
const outputKept = 20_000

export function emptyTask(runId: string): TaskView {
  return { runId, lastSeq: -1, state: 'running', steps: [], calls: [], asks: [], made: [], failures: [] } // prettier-ignore
}

/** Adds one event. Events already seen (a lower or equal `seq`) change nothing. */
export function foldTask(task: TaskView, { seq, at, body }: RunEvent): TaskView {
  if (seq <= task.lastSeq) return task
  const next = { ...task, lastSeq: seq }
  switch (body.type) {
    case 'run-started':
      return { ...next, startedAt: at }
    case 'intent-chosen':
      return { ...next, intent: body.intent }
    case 'plan':
      return { ...next, steps: body.steps }
    case 'task-state':
      return { ...next, state: body.state }
    case 'tool-call': {
      const { callId, tool, input, stepId } = body
      const call = { callId, tool, input, startedAt: at, output: [], ...(stepId === undefined ? {} : { stepId }) } // prettier-ignore
      // A task that went on after a restart may name a call again.
      return { ...next, calls: [...task.calls.filter((known) => known.callId !== callId), call] }
    }
    case 'tool-output':
      return { ...next, calls: withCall(task.calls, body.callId, (call) => withOutput(call, body)) }
    case 'tool-result': {
      const { type: _type, callId, ...result } = body
      const { progress: _past, ...rest } = next
      return { ...rest, calls: withCall(task.calls, callId, (call) => ({ ...call, result })) }
    }
    case 'approval-request': {
      const { type: _type, ...ask } = body
      const others = task.asks.filter(({ approvalId }) => approvalId !== ask.approvalId)
      const { progress: _past, ...rest } = next
      return { ...rest, state: 'waiting', asks: [...others, { ...ask, at }] }
    }
    case 'approval-answer': {
      const { approvalId, decision, by } = body
      const answered = (ask: AskView) => (ask.approvalId === approvalId ? { ...ask, decision, by } : ask) // prettier-ignore
      return { ...next, asks: task.asks.map(answered) }
    }
    case 'changes-made': {
      const { type: _type, ...made } = body
      return { ...next, made: [...task.made.filter(({ batchId }) => batchId !== made.batchId), made] } // prettier-ignore
    }
    case 'progress':
      return body.unit === 'steps' ? { ...next, used: figures(body) } : { ...next, progress: body }
    case 'item-failed':
      return { ...next, failures: [...task.failures, { item: body.item, error: body.error }] }
    case 'run-ended': {
      const { progress: _past, ...rest } = next
      return {
        ...rest,
        state: 'ended',
        endedAt: at,
        outcome: body.outcome,
        ...(body.error ? { error: body.error } : {}),
        // What nobody answered is not asked any more.
        asks: task.asks.map((ask) => (ask.decision ? ask : { ...ask, decision: 'withdraw' })),
      }
    }
    default:
      return next
  }
}

/** Calls of one step; with undefined those that belong to no step of the plan. */
export function callsOf(task: TaskView, stepId: string | undefined): readonly CallView[] {
  const steps = new Set(task.steps.map(({ id }) => id))
  return task.calls.filter((call) =>
    stepId === undefined
      ? call.stepId === undefined || !steps.has(call.stepId)
      : call.stepId === stepId,
  )
}

function figures({ done, total }: Progress): { done: number; total?: number } {
  return total === undefined ? { done } : { done, total }
}

function withCall(
  calls: readonly CallView[],
  callId: string,
  change: (call: CallView) => CallView,
): readonly CallView[] {
  return calls.map((call) => (call.callId === callId ? change(call) : call))
}

function withOutput(
  call: CallView,
  { stream, text }: Extract<RunEventBody, { type: 'tool-output' }>,
): CallView {
  const last = call.output.at(-1)
  const joined =
    last?.stream === stream
      ? [...call.output.slice(0, -1), { stream, text: last.text + text }]
      : [...call.output, { stream, text }]
  let over = joined.reduce((sum, piece) => sum + piece.text.length, 0) - outputKept
  const kept = []
  for (const piece of joined) {
    const cut = Math.min(Math.max(0, over), piece.text.length)
    over -= cut
    if (cut < piece.text.length) kept.push({ stream: piece.stream, text: piece.text.slice(cut) })
  }
  return { ...call, output: kept }
}
