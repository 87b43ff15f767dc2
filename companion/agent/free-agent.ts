import * as v from 'valibot'
import type { ChatMessage } from '#shared/contracts/engine.ts'
import type { ChangeResult } from '#shared/domain/file-change.ts'
import { agentSystemPrompt, agentTask, nextStepSchema, planQuestion, planSchema, type ToolSketch } from '#shared/agent/tool-choice.ts' // prettier-ignore
import { SiloError } from '#shared/errors/silo-error.ts'
import { mostDenials, type DurableTask } from './durable-task.ts'
import { cutJson, cutText } from './foreign-text.ts'
import { callingMessages, toldOf, type Done } from './native-calls.ts'
import type { OfferedTool } from './ports.ts'

const nextSchema = v.object({
  step: v.optional(v.number()),
  tool: v.string(),
  input: v.record(v.string(), v.unknown()),
})
const plansSchema = v.object({ steps: v.pipe(v.array(v.string()), v.minLength(1), v.maxLength(8)) })

/** The same call, or errors one after the other, this often: it gets no further. */
const mostRepeats = 3
const mostErrors = 4

export interface FreeAgentOptions {
  readonly steps: number
  /** Only these tools; absent: all that can be used. */
  readonly tools?: readonly string[]
  /** Instructions of an own skill. */
  readonly notes?: readonly string[]
}

/**
 * Composes tools freely: a plan, then one call after the other, each chosen by the model as JSON that a grammar holds it to.
 * What changes files is proposed and waits for a person, as everywhere.
 * @throws SiloError task_limit, task_stuck, approval_denied after several refusals, and what the model's calls throw
 */
export async function freeAgent(task: DurableTask, options: FreeAgentOptions): Promise<void> {
  const offered = task.deps
    .tools()
    .filter(({ unavailable, tool }) => unavailable === undefined && (options.tools?.includes(tool.name) ?? true)) // prettier-ignore
  // Plain: they go to another process.
  const sketches: ToolSketch[] = offered.map(({ tool: { name, description, parameters } }) => ({ name, description, parameters })) // prettier-ignore
  const planned = await plan(task, sketches)
  const done: Done[] = []
  let errors = 0
  for (let n = 1; ; n++) {
    if (n > options.steps)
      throw new SiloError('task_limit', { params: { detail: `${options.steps} steps` } })
    const next = await task.decide(`next-${n}`, {
      messages: (room) => messagesOf(task, sketches, options.notes ?? [], planned, done, room),
      schema: nextStepSchema(sketches, planned.length),
      native: {
        tools: sketches,
        messages: (room) => callingMessages(task.goal, hintsOf(planned, options.notes ?? [], room), done, room), // prettier-ignore
      },
      parse: nextSchema,
      maxTokens: 900,
    })
    task.run.emit({ type: 'progress', stage: 'agent', done: n, total: options.steps, unit: 'steps' }) // prettier-ignore
    const at = Math.min(Math.max(next.step ?? n, 1), planned.length)
    if (next.tool === 'finish') {
      task.say(String(next.input.answer ?? '').trim())
      return
    }
    for (let before = 1; before < at; before++) task.planned.mark(`plan-${before}`, 'done')
    task.planned.mark(`plan-${at}`, 'running')
    const repeats = done.filter((each) => each.tool === next.tool && same(each.input, next.input))
    if (repeats.length >= mostRepeats - 1) throw new SiloError('task_stuck', { params: { detail: `${next.tool} again and again` } }) // prettier-ignore
    const told = await call(task, `plan-${at}:${n}`, next.tool, next.input, offered)
    errors = told.failed ? errors + 1 : 0
    if (task.denials >= mostDenials) throw new SiloError('approval_denied')
    if (errors >= mostErrors) throw new SiloError('task_stuck', { params: { detail: `${errors} errors` } }) // prettier-ignore
    const again = repeats.length > 0 ? { note: 'You made this call before. Do something else, or finish.' } : {} // prettier-ignore
    done.push({
      tool: next.tool,
      input: next.input,
      told: { ...told.told, ...again },
      foreign: told.foreign,
    })
  }
}

async function plan(task: DurableTask, sketches: readonly ToolSketch[]): Promise<string[]> {
  const { steps } = await task.decide('plan', {
    messages: () => [
      { role: 'system', content: agentSystemPrompt() },
      { role: 'user', content: planQuestion(task.goal, sketches, task.language) },
    ],
    schema: planSchema,
    parse: plansSchema,
    maxTokens: 300,
  })
  task.plan(steps.map((title, n) => ({ id: `plan-${n + 1}`, title: title.slice(0, 120) })))
  return steps
}

async function call(
  task: DurableTask,
  key: string,
  name: string,
  input: Record<string, unknown>,
  offered: readonly OfferedTool[],
): Promise<{ told: Record<string, unknown>; foreign: boolean; failed: boolean }> {
  const tool = offered.find((each) => each.tool.name === name)?.tool
  try {
    if (!tool) throw new SiloError('tool_unknown', { params: { name } })
    const result = await task.tool(key, name, input)
    if (tool.readsForeignText) task.taint()
    if (!result.plan || result.plan.changes.length === 0)
      return {
        told: { result: result.data, summary: result.summary },
        foreign: tool.readsForeignText,
        failed: false,
      }
    const results = await task.propose(key, result.plan)
    return { told: madeOf(results), foreign: false, failed: false }
  } catch (error) {
    if (!(error instanceof SiloError) || task.signal.aborted) throw error
    if (error.code === 'task_limit' || error.code === 'task_stuck') throw error
    const refused = error.code === 'approval_denied'
    // The same thing in other words is still refused.
    const message = refused
      ? 'The user refused this. Do not try it in another way; finish if nothing else helps.'
      : error.message
    return { told: { error: message }, foreign: !refused, failed: !refused }
  }
}

function madeOf(results: readonly ChangeResult[]): Record<string, unknown> {
  const count = (state: ChangeResult['state']): number => results.filter((each) => each.state === state).length // prettier-ignore
  const [done, failed, skipped] = [count('done'), count('failed'), count('skipped')]
  return {
    changed: done,
    ...(failed > 0
      ? {
          failed,
          why: results.flatMap(({ error }) => (error ? [error.message] : [])).slice(0, 3),
        }
      : {}),
    ...(skipped > 0 ? { refusedByUser: skipped } : {}),
  }
}

/** Older results are cut first: the newest is what the next step rests on. */
function messagesOf(
  task: DurableTask,
  tools: readonly ToolSketch[],
  notes: readonly string[],
  planned: readonly string[],
  done: readonly Done[],
  room: number,
): ChatMessage[] {
  const messages: ChatMessage[] = [
    { role: 'system', content: agentSystemPrompt() },
    {
      role: 'user',
      content: agentTask(task.goal, tools, hintsOf(planned, notes, room)),
    },
  ]
  for (const [n, each] of done.entries()) {
    const text = toldOf(done, n, room)
    messages.push(
      {
        role: 'assistant',
        content: JSON.stringify({ tool: each.tool, input: cutJson(each.input, 600) }),
      },
      {
        role: 'user',
        content: `Result of ${each.tool}: ${text}\nNext step as JSON.`,
      },
    )
  }
  return messages
}

function hintsOf(planned: readonly string[], notes: readonly string[], room: number): string[] {
  const plan = planned.length > 1 ? [`Plan: ${planned.map((step, n) => `${n + 1}. ${step}`).join(' ')}`] : [] // prettier-ignore
  return [...notes.map((note) => cutText(note, room)), ...plan]
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
