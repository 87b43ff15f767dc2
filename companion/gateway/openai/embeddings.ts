import type { Context } from 'hono'
import * as v from 'valibot'
import { parseInput } from '#shared/errors/parse.ts'
import { modelIdOf, type OpenAiDeps } from './access.ts'
import { readJson } from './body.ts'
import { unsupported } from './errors.ts'

const bodySchema = v.object({
  model: v.nullish(v.string()),
  input: v.union([v.string(), v.pipe(v.array(v.unknown()), v.minLength(1), v.maxLength(2048))]),
  encoding_format: v.nullish(v.picklist(['float', 'base64'])),
  dimensions: v.nullish(v.number()),
})

/** `POST /v1/embeddings`. Texts are embedded as they are: prefixes a model wants are the caller's. */
export async function embeddings(context: Context, deps: OpenAiDeps): Promise<Response> {
  const body = parseInput(bodySchema, await readJson(context))
  if (typeof body.dimensions === 'number') {
    throw unsupported('dimensions', 'vectors cannot be shortened')
  }
  const texts = (typeof body.input === 'string' ? [body.input] : body.input).map((text, index) => {
    if (typeof text !== 'string') {
      throw unsupported(`input.${index}`, 'expected a text; token lists are not supported')
    }
    if (text === '') throw unsupported(`input.${index}`, 'expected a text that is not empty')
    return text
  })
  const { signal } = context.req.raw
  const lease = await deps.models.acquire(modelIdOf(body.model), 'embed', { signal })
  try {
    const vectors = await lease.loaded.embed(texts, signal)
    let tokens = 0
    for (const text of texts) {
      tokens += await lease.loaded.countTokens({ kind: 'text', text }, signal)
    }
    const encode =
      body.encoding_format === 'base64' ? toBase64 : (vector: Float32Array) => [...vector]
    return context.json({
      object: 'list',
      data: vectors.map((vector, index) => ({
        object: 'embedding',
        index,
        embedding: encode(vector),
      })),
      model: lease.modelId,
      usage: { prompt_tokens: tokens, total_tokens: tokens },
    })
  } finally {
    lease.release()
  }
}

/** Little-endian float32, as OpenAI's clients decode it; every platform Silo runs on is little-endian. */
function toBase64(vector: Float32Array): string {
  return Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString('base64')
}
