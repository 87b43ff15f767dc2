import * as v from 'valibot'
import type { TaskContext } from '#shared/contracts/skill.ts'
import type { Tool } from '#shared/contracts/tool.ts'
import { SiloError, toSiloError } from '#shared/errors/silo-error.ts'

/** Calls one task may make. */
export const mostCalls = 25
/** Characters of one result that the model is shown. */
const resultLength = 3000
/** The same call this often is a dead end. */
const repeatLimit = 2

const callSchema = v.object({ tool: v.string(), input: v.record(v.string(), v.unknown()) })

const words = {
  en: {
    goal: 'Task',
    tools: 'Tools',
    so: 'Done so far',
    next: 'Choose the next tool and its input. When the task is done, or cannot be done, choose "finish" and say so in one or two sentences.', // prettier-ignore
    step: (name: string) => `Use ${name}`,
    repeated: 'This was tried already. Choose another way, or finish.',
    refused: 'refused',
    made: (done: number, all: number) => `${done} of ${all} changes made`,
  },
  zh: {
    goal: '任务',
    tools: '工具',
    so: '目前已完成',
    next: '选择下一个工具及其输入。任务完成或无法完成时，选择 "finish" 并用一两句话说明。',
    step: (name: string) => `使用 ${name}`,
    repeated: '这一步已经试过。请换一种方式，或选择 finish。',
    refused: '被拒绝',
    made: (done: number, all: number) => `已完成 ${done}/${all} 项更改`,
  },
}

/**
 * Works on a goal with tools of the model's own choosing, held to them by a grammar. What it proposes is approved like
 * any other plan. @throws SiloError task_limit, task_stuck
 */
export async function workFreely(task: TaskContext, tools: readonly Tool[]): Promise<void> {
  const t = words[task.language]
  const schema = choiceSchema(tools)
  const list = tools.map((tool) => `- ${tool.name}: ${tool.description}`).join('\n')
  const done: string[] = []
  const seen = new Map<string, number>()
  for (let n = 1; n <= mostCalls; n++) {
    const call = await task.json(`choose-${n}`, {
      instruction: `${t.goal}: ${task.goal}\n\n${t.tools}:\n${list}\n\n${t.next}`,
      ...(done.length > 0 ? { context: `${t.so}:\n${done.join('\n')}` } : {}),
      schema,
      parse: callSchema,
      maxTokens: 700,
    })
    if (call.tool === 'finish') {
      const answer = call.input.answer
      task.say(typeof answer === 'string' ? answer : '')
      return
    }
    const print = JSON.stringify(call)
    const times = (seen.get(print) ?? 0) + 1
    seen.set(print, times)
    if (times > repeatLimit) throw new SiloError('task_stuck', { params: { detail: call.tool } })
    if (times > 1) {
      done.push(`${n}. ${call.tool}: ${t.repeated}`)
      continue
    }
    const key = `call-${n}`
    task.plan([{ id: key, title: t.step(call.tool) }])
    done.push(`${n}. ${call.tool} ${print.slice(0, 300)}\n${await outcome(task, key, call, t)}`)
  }
  throw new SiloError('task_limit', { params: { detail: String(mostCalls) } })
}

async function outcome(
  task: TaskContext,
  key: string,
  call: v.InferOutput<typeof callSchema>,
  t: (typeof words)['en'],
): Promise<string> {
  try {
    const result = await task.tool(key, call.tool, call.input)
    if (!result.plan) return JSON.stringify(result.data ?? null).slice(0, resultLength)
    const made = await task.propose(`${key}:changes`, result.plan)
    return t.made(made.filter(({ state }) => state === 'done').length, made.length)
  } catch (cause) {
    task.signal.throwIfAborted()
    const error = toSiloError(cause, key)
    // What a person refused stays refused: the model hears of it and may say so.
    return error.code === 'approval_denied' ? t.refused : `${error.code}: ${error.message}`.slice(0, 300) // prettier-ignore
  }
}

/** One object out of as many as there are tools, `finish` among them. */
function choiceSchema(tools: readonly Tool[]): Record<string, unknown> {
  return {
    oneOf: [
      ...tools.map((tool) => choice(tool.name, { ...tool.parameters })),
      choice('finish', {
        type: 'object',
        properties: { answer: { type: 'string' } },
        required: ['answer'],
        additionalProperties: false,
      }),
    ],
  }
}

function choice(tool: string, input: Record<string, unknown>): Record<string, unknown> {
  return {
    type: 'object',
    properties: { tool: { const: tool }, input },
    required: ['tool', 'input'],
    additionalProperties: false,
  }
}
