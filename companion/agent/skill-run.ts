import * as v from 'valibot'
import type { Intent } from '#shared/domain/agent-task.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import type { DurableTask } from './durable-task.ts'
import { freeAgent } from './free-agent.ts'
import type { KnownSkill } from './skill-registry.ts'

type Input = Record<string, unknown>

/**
 * Carries out a skill. Its input is what the instruction says plainly, then what the model reads in it, then what the
 * person is asked. @throws SiloError what the skill throws
 */
export async function runSkill(
  task: DurableTask,
  known: KnownSkill,
  intent: Intent,
  steps: number,
): Promise<void> {
  const { parameters } = known.skill
  const schema = known.skill.input as v.GenericSchema<unknown, Input>
  const understood =
    known.kind === 'built-in'
      ? known.skill.understand?.(task.goal, task.startedAt, task.language)
      : {}
  const given: Input = { ...understood, ...intent.input }
  const input = await inputOf(task, parameters, schema, given)
  if (known.kind === 'built-in') return known.skill.run(input, task)
  await freeAgent(task, {
    steps,
    ...(known.skill.tools.length > 0 ? { tools: known.skill.tools } : {}),
    notes: [
      known.skill.instructions,
      ...(Object.keys(input).length > 0 ? [`Input: ${JSON.stringify(input)}`] : []),
    ],
  })
}

async function inputOf(
  task: DurableTask,
  parameters: Readonly<Record<string, unknown>>,
  schema: v.GenericSchema<unknown, Input>,
  given: Input,
): Promise<Input> {
  const known = v.safeParse(schema, given)
  if (known.success) return known.output
  const question = (more: string): string =>
    `Instruction: ${task.goal}${more}\nKnown already: ${JSON.stringify(given)}\nFill in the input for this instruction as JSON. Leave out what is not said.`
  // Asked for only what the rest does not give: a small model is not to overrule what was read exactly.
  const ask = (key: string, more: string): Promise<Input> =>
    task.json(key, {
      instruction: question(more),
      schema: { ...parameters },
      parse: v.record(v.string(), v.unknown()),
      maxTokens: 300,
    })
  const read = await ask('skill-input', '').catch(refusedAnswer)
  const filled = v.safeParse(schema, { ...read, ...given })
  if (filled.success) return filled.output
  const missing = v.getDotPath(filled.issues[0]) ?? ''
  const text =
    task.language === 'zh'
      ? `完成这个任务还缺少信息（${missing}）。请补充。`
      : `Something is missing for this task (${missing}). Please say it.`
  const answer = await task.ask('skill-input-question', text)
  const again = await ask('skill-input-again', `\nThe user adds: ${answer}`).catch(refusedAnswer)
  const last = v.safeParse(schema, { ...read, ...again, ...given, ...(missing && !(missing in again) ? { [missing]: answer } : {}) }) // prettier-ignore
  if (last.success) return last.output
  throw new SiloError('task_stuck', { params: { detail: missing || 'input' } })
}

/** A model that answers rubbish leaves the input as it is; anything else ends the task. */
function refusedAnswer(error: unknown): Input {
  if (error instanceof SiloError && error.code === 'task_stuck') return {}
  throw error
}
