import * as v from 'valibot'
import type { Skill, TaskContext } from '#shared/contracts/skill.ts'
import { SiloError } from '#shared/errors/silo-error.ts'

const questions = {
  en: (name: string) => `“${name}” is not clear from the instruction. What is it?`,
  zh: (name: string) => `指令中没有说明“${name}”。请填写：`,
}

/**
 * Runs a skill: what the instruction says by itself is read from it; what is still missing is asked of the model, and
 * then of the person. @throws SiloError skill_invalid, approval_denied and what the skill throws
 */
export async function runSkill(
  skill: Skill,
  given: Record<string, unknown>,
  task: TaskContext,
): Promise<void> {
  // prettier-ignore
  const typed = skill as unknown as Skill<unknown>
  const understood = { ...skill.understand?.(task.goal, task.startedAt, task.language), ...given }
  let input = v.safeParse(typed.input, understood)
  if (!input.success) {
    const missing = [...new Set(input.issues.map((issue) => String(issue.path?.[0]?.key ?? '')))].filter(Boolean) // prettier-ignore
    const properties = (skill.parameters.properties ?? {}) as Record<string, unknown>
    const wanted = Object.fromEntries(missing.map((name) => [name, properties[name] ?? { type: 'string' }])) // prettier-ignore
    const asked = await task
      .json('input', {
        instruction: `${skill.description}\n\n${task.goal}`,
        schema: { type: 'object', properties: wanted, required: missing, additionalProperties: false }, // prettier-ignore
        parse: v.record(v.string(), v.unknown()),
        maxTokens: 200,
      })
      .catch((cause: unknown) => {
        task.signal.throwIfAborted()
        if (cause instanceof SiloError && cause.code === 'task_stuck') return {}
        throw cause
      })
    // A small model fills a hole with anything: only what stands in the instruction is believed.
    const believed = Object.fromEntries(Object.entries(asked).filter(([, value]) => typeof value !== 'string' || task.goal.includes(value))) // prettier-ignore
    const complete: Record<string, unknown> = { ...understood, ...believed }
    input = v.safeParse(typed.input, complete)
    for (const name of input.success ? [] : missing)
      if (complete[name] === undefined) complete[name] = await task.ask(`ask:${name}`, questions[task.language](name)) // prettier-ignore
    input = v.safeParse(typed.input, complete)
  }
  if (!input.success)
    throw new SiloError('skill_invalid', { params: { detail: input.issues[0]?.message ?? '' } })
  await typed.run(input.output, task)
}
