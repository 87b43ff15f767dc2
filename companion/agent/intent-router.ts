import * as v from 'valibot'
import type { ModelPort } from '#companion/chat/ports.ts'
import type { Log } from '#companion/observe/log.ts'
import { intentByRules, sureEnough, type SkillSketch } from '#shared/agent/intent-rules.ts'
import type { Intent } from '#shared/domain/agent-task.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { askModel } from './model-calls.ts'

const answerSchema = v.object({ kind: v.string() })
/** Where the model is busy or slow, the rules' guess has to do, ms. */
const patienceMs = 8000
const confidenceOfModel = 0.7

/** Decides where an instruction goes: by rules where they are sure, else by a short question to the model. */
export class IntentRouter {
  readonly #models: ModelPort
  readonly #skills: () => readonly SkillSketch[]
  readonly #log: Log

  constructor(models: ModelPort, skills: () => readonly SkillSketch[], log: Log) {
    this.#models = models
    this.#skills = skills
    this.#log = log
  }

  /** Never fails: without a model the rules' guess stays, with its low confidence. @throws the signal's reason */
  async route(text: string, collectionIds: readonly string[], signal: AbortSignal): Promise<Intent> {
    const skills = this.#skills()
    const guess = intentByRules(text, collectionIds.length > 0, skills)
    if (guess.confidence >= sureEnough) return guess
    try {
      return await this.#ask(text, collectionIds.length > 0, skills, guess, signal)
    } catch (error) {
      signal.throwIfAborted()
      this.#log.debug('an intent was not asked of the model', { error })
      return guess
    }
  } // prettier-ignore

  async #ask(text: string, hasCollections: boolean, skills: readonly SkillSketch[], guess: Intent, signal: AbortSignal): Promise<Intent> {
    const choices = [
      'chat: talk, explain, write or translate something; needs no files',
      ...(hasCollections ? ['vault: a question that the user’s documents answer'] : []),
      ...skills.map(({ id, description }) => `${id}: ${description}`),
      'agent: any other work on files, programs or the web',
    ]
    const kinds = choices.map((line) => line.slice(0, line.indexOf(':')))
    const examples = skills.flatMap(({ id, examples: each }) => each.slice(0, 1).map((example) => `"${example}" → ${id}`)) // prettier-ignore
    const content = [`What is this instruction?`, ...choices.map((line) => `- ${line}`), ...examples, `Instruction: ${text.slice(0, 2000)}`].join('\n') // prettier-ignore
    const limited = AbortSignal.any([signal, AbortSignal.timeout(patienceMs)])
    const answer = await askModel(
      this.#models,
      undefined,
      {
        messages: () => [
          { role: 'system', content: 'You sort instructions. Answer with one JSON object.' },
          { role: 'user', content },
        ],
        schema: {
          type: 'object',
          properties: { kind: { enum: kinds } },
          required: ['kind'],
          additionalProperties: false,
        },
        maxTokens: 24,
      },
      limited,
      () => {},
      () => {},
    )
    const { kind } = v.parse(answerSchema, JSON.parse(answer))
    if (!kinds.includes(kind)) throw new SiloError('task_stuck', { params: { detail: kind } })
    // What the rules saw and the model agrees with is surer than either.
    const confidence = kind === (guess.skill ?? guess.kind) ? 0.85 : confidenceOfModel
    if (kind === 'chat') return { kind, reason: 'only-talk', confidence }
    if (kind === 'vault') return { kind, reason: 'asks-documents', confidence }
    if (kind === 'agent') return { kind, reason: 'needs-tools', confidence }
    return { kind: 'skill', skill: kind, reason: 'skill-matches', confidence }
  } // prettier-ignore
}
