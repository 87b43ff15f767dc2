import * as v from 'valibot'
import type { GenerateRequest } from '#shared/contracts/engine.ts'
import { unsupported } from './errors.ts'

const between = (low: number, high: number) =>
  v.nullish(v.pipe(v.number(), v.minValue(low), v.maxValue(high)))
export const positiveInteger = v.pipe(v.number(), v.integer(), v.minValue(1))

/** What chat and text completions share. Unknown fields are let through: clients send many. */
export const samplingEntries = {
  model: v.nullish(v.string()),
  stream: v.nullish(v.boolean()),
  stream_options: v.nullish(v.object({ include_usage: v.nullish(v.boolean()) })),
  max_tokens: v.nullish(positiveInteger),
  temperature: between(0, 2),
  top_p: between(0, 1),
  /** Not OpenAI's, but sent by clients of local servers. */
  top_k: v.nullish(v.pipe(v.number(), v.integer(), v.minValue(0))),
  min_p: between(0, 1),
  seed: v.nullish(v.pipe(v.number(), v.integer())),
  frequency_penalty: between(-2, 2),
  presence_penalty: between(-2, 2),
  stop: v.nullish(v.union([v.string(), v.pipe(v.array(v.string()), v.maxLength(16))])),
  n: v.nullish(v.number()),
  logit_bias: v.nullish(v.record(v.string(), v.unknown())),
} as const

const samplingSchema = v.object(samplingEntries)
type Sampling = Partial<v.InferOutput<typeof samplingSchema>>

/** @throws SiloError bad_request for more than one choice and for logit_bias */
export function samplingOf(body: Sampling): Omit<GenerateRequest, 'prompt'> {
  if ((body.n ?? 1) !== 1) throw unsupported('n', 'one choice per request is all there is')
  if (body.logit_bias && Object.keys(body.logit_bias).length > 0) {
    throw unsupported('logit_bias', 'not supported')
  }
  const stop = (typeof body.stop === 'string' ? [body.stop] : (body.stop ?? [])).filter(Boolean)
  return {
    ...given('maxTokens', body.max_tokens),
    ...given('temperature', body.temperature),
    ...given('topP', body.top_p),
    ...given('topK', body.top_k),
    ...given('minP', body.min_p),
    ...given('seed', body.seed),
    ...given('frequencyPenalty', body.frequency_penalty),
    ...given('presencePenalty', body.presence_penalty),
    ...(stop.length > 0 ? { stop } : {}),
  }
}

function given<K extends keyof GenerateRequest>(
  key: K,
  value: GenerateRequest[K] | null,
): Pick<GenerateRequest, K> | object {
  return value === null || value === undefined ? {} : { [key]: value }
}

/** Usage as chat and text completions report it. */
export function usageOf(end: {
  promptTokens: number
  cachedTokens: number
  completionTokens: number
}): object {
  return {
    prompt_tokens: end.promptTokens,
    completion_tokens: end.completionTokens,
    total_tokens: end.promptTokens + end.completionTokens,
    prompt_tokens_details: { cached_tokens: end.cachedTokens },
  }
}

/** Seconds since 1970, as `created` wants them. */
export function nowSeconds(): number {
  return Math.floor(Date.now() / 1000)
}
