import type { Context } from 'hono'
import * as v from 'valibot'
import type { GenerateRequest } from '#shared/contracts/engine.ts'
import { newId } from '#shared/domain/ids.ts'
import { parseInput } from '#shared/errors/parse.ts'
import { userOf, type OpenAiDeps } from './access.ts'
import { readJson } from './body.ts'
import { unsupported } from './errors.ts'
import { collect, startGeneration, type EndEvent } from './generation.ts'
import { nowSeconds, samplingEntries, samplingOf, usageOf } from './sampling.ts'
import { sseDone, sseResponse } from './sse.ts'

const bodySchema = v.object({
  ...samplingEntries,
  prompt: v.union([v.string(), v.array(v.unknown())]),
  echo: v.nullish(v.boolean()),
  suffix: v.nullish(v.string()),
  best_of: v.nullish(v.number()),
  logprobs: v.nullish(v.number()),
})
type Body = v.InferOutput<typeof bodySchema>

/** OpenAI's own default for this endpoint. */
const defaultMaxTokens = 16

/** `POST /v1/completions`. */
export async function completions(context: Context, deps: OpenAiDeps): Promise<Response> {
  const body = parseInput(bodySchema, await readJson(context))
  const generation = await startGeneration(
    deps.models,
    body.model,
    { ...requestOf(body), user: userOf(context) },
    context.req.raw.signal,
  )
  const base = {
    id: `cmpl-${newId()}`,
    object: 'text_completion',
    created: nowSeconds(),
    model: generation.modelId,
    system_fingerprint: null,
  }
  if (!body.stream) {
    const { text, end } = await collect(generation)
    return context.json({
      ...base,
      choices: [{ index: 0, text, logprobs: null, finish_reason: finishReason(end) }],
      usage: usageOf(end),
    })
  }
  const includeUsage = body.stream_options?.include_usage === true
  const head = JSON.stringify(base).slice(0, -1)
  const chunk = (text: string, finish: string | null): string =>
    `data: ${head},"choices":[{"index":0,"text":${JSON.stringify(text)},"logprobs":null,"finish_reason":${
      finish === null ? 'null' : `"${finish}"`
    }}]${includeUsage ? ',"usage":null' : ''}}\n\n`
  return sseResponse(generation, deps.log, {
    write(event) {
      if (event.type === 'text') return chunk(event.text, null)
      if (event.type !== 'end') return ''
      const usage = includeUsage
        ? `data: ${head},"choices":[],"usage":${JSON.stringify(usageOf(event))}}\n\n`
        : ''
      return chunk('', finishReason(event)) + usage
    },
    close: () => sseDone,
  })
}

function requestOf(body: Body): GenerateRequest {
  if (body.echo) throw unsupported('echo', 'not supported')
  if (body.suffix) throw unsupported('suffix', 'not supported')
  if ((body.best_of ?? 1) !== 1)
    throw unsupported('best_of', 'one choice per request is all there is')
  if (typeof body.logprobs === 'number') throw unsupported('logprobs', 'not supported')
  const prompt = typeof body.prompt === 'string' ? body.prompt : body.prompt[0]
  if (typeof prompt !== 'string' || (Array.isArray(body.prompt) && body.prompt.length !== 1)) {
    throw unsupported(
      'prompt',
      'expected one string; several prompts and token lists are not supported',
    )
  }
  if (prompt === '') throw unsupported('prompt', 'expected a text that is not empty')
  return {
    prompt: { kind: 'text', text: prompt },
    ...samplingOf({ ...body, max_tokens: body.max_tokens ?? defaultMaxTokens }),
  }
}

function finishReason(end: EndEvent): string {
  return end.reason === 'length' ? 'length' : 'stop'
}
