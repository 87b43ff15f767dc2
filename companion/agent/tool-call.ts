import * as v from 'valibot'
import type { ToolArtifact, ToolResult } from '#shared/contracts/tool.ts'
import { SiloError, toSiloError, toWire } from '#shared/errors/silo-error.ts'
import type { DurableTask } from './durable-task.ts'
import { cutJson } from './foreign-text.ts'
import type { TaskUnderPolicy } from './ports.ts'

/** Characters of JSON an event holds of an input or a result. */
const eventRoom = 12_000
/** Characters of a program's output that are kept of one call. */
const outputRoom = 200_000
const progressMs = 250

/** Calls a tool with the task's rights, and writes down what was asked and what came of it. */
export async function callTool(
  task: DurableTask,
  callId: string,
  name: string,
  input: Record<string, unknown>,
  onArtifact: (artifact: ToolArtifact) => void,
): Promise<ToolResult> {
  const { run, deps } = task
  run.emit({
    type: 'tool-call',
    callId,
    tool: name,
    input: recordOf(cutJson(input, eventRoom)),
    ...(stepOf(task, callId) ? { stepId: stepOf(task, callId) } : {}),
  })
  const started = performance.now()
  const ms = (): number => Math.round(performance.now() - started)
  try {
    const offered = deps.tools().find(({ tool }) => tool.name === name)
    if (!offered) throw new SiloError('tool_unknown', { params: { name } })
    const parsed = v.safeParse(offered.tool.input as v.GenericSchema, input)
    if (!parsed.success) {
      const issue = parsed.issues[0]
      const detail = `${v.getDotPath(issue) ?? ''} ${issue.message}`.trim().slice(0, 300)
      throw new SiloError('tool_input_invalid', { params: { name, detail } })
    }
    const under: TaskUnderPolicy = {
      taskId: task.taskId,
      tainted: () => task.tainted(),
      named: (resource) => task.named(resource),
      ask: task.asker(callId),
    }
    let written = 0
    let shownAt = 0
    const result: ToolResult = await offered.tool.call(parsed.output as never, {
      taskId: task.taskId,
      caller: task.caller,
      language: task.language,
      signal: task.signal,
      files: deps.policy.files(under),
      leave: deps.policy.leave(under),
      keep: (content) => deps.keep(content),
      progress(done, total, detail) {
        if (performance.now() - shownAt < progressMs && done !== total) return
        shownAt = performance.now()
        run.emit({
          type: 'progress',
          stage: name,
          done,
          unit: 'files',
          ...(total === undefined ? {} : { total }),
          ...(detail === undefined ? {} : { detail: detail.slice(0, 300) }),
        })
      },
      output(stream, text) {
        const room = outputRoom - written
        if (room <= 0) return
        written += text.length
        run.emit({ type: 'tool-output', callId, stream, text: text.slice(0, room) })
      },
      show: onArtifact,
    })
    task.signal.throwIfAborted()
    for (const artifact of result.artifacts ?? []) onArtifact(artifact)
    run.emit({
      type: 'tool-result',
      callId,
      summary: result.summary.slice(0, 300),
      detail: JSON.stringify(cutJson(result.data, eventRoom)) ?? 'null',
      ...(offered.tool.readsForeignText ? { foreign: true } : {}),
      ms: ms(),
    })
    return result
  } catch (error) {
    // The end of the process is no result: the call is made again by whoever goes on.
    if (!task.signal.aborted) {
      const known = toSiloError(error, callId)
      run.emit({ type: 'tool-result', callId, summary: '', error: toWire(known), ms: ms() })
      if (!(error instanceof SiloError))
        throw new SiloError('tool_failed', { params: { name, detail: 'internal' }, cause: error })
    }
    throw error
  }
}

/** A call belongs to the step of the plan that its key names, or begins with. */
function stepOf(task: DurableTask, key: string): string | undefined {
  if (task.planned.has(key)) return key
  const head = key.split(/[:#/]/)[0]!
  return task.planned.has(head) ? head : undefined
}

function recordOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : { value }
}
