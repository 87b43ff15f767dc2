import type { GenerateRequest, Prompt } from '#shared/contracts/engine.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { callSchema, plainChat } from '../plain-chat.ts'

/** What is sent to llama.cpp's server inside wllama. */
export function completionOf(request: GenerateRequest): Record<string, unknown> {
  const schema = answerSchema(request)
  const { maxTokens, seed, topK, topP, minP, frequencyPenalty, presencePenalty } = request
  return {
    ...promptOf(request.prompt),
    temperature: request.temperature ?? 0.8,
    cache_prompt: true,
    return_progress: true,
    timings_per_token: true,
    ...(maxTokens === undefined ? {} : { n_predict: maxTokens, max_tokens: maxTokens }),
    ...(seed === undefined ? {} : { seed }),
    ...(topK === undefined ? {} : { top_k: topK }),
    ...(topP === undefined ? {} : { top_p: topP }),
    ...(minP === undefined ? {} : { min_p: minP }),
    ...(frequencyPenalty === undefined ? {} : { frequency_penalty: frequencyPenalty }),
    ...(presencePenalty === undefined ? {} : { presence_penalty: presencePenalty }),
    ...(schema === undefined ? {} : { json_schema: schema }),
  }
}

export function promptOf(prompt: Prompt): Record<string, unknown> {
  return prompt.kind === 'text' ? { prompt: prompt.text } : { messages: plainChat(prompt) }
}

function answerSchema({ prompt, format }: GenerateRequest): Record<string, unknown> | undefined {
  if (!format) return undefined
  if (format.type === 'json') return { type: 'object' }
  if (format.type === 'json-schema') return format.schema
  const tools = prompt.kind === 'chat' ? (prompt.tools ?? []) : []
  if (!tools.some((tool) => format.name === undefined || tool.name === format.name))
    throw new SiloError('bad_request', {
      params: { detail: 'there is no such tool' },
      field: 'format',
    })
  return callSchema(tools, format.name)
}

/** `request (2003 tokens) exceeds the available context size (1024 tokens)`, `input (…) is too large …`. */
export function overflowOf(message: string, limit: number): SiloError | undefined {
  const found = /(?:request|input) \((\d+) tokens\) (?:exceeds|is larger|is too large)/.exec(
    message,
  )
  if (!found) return undefined
  return new SiloError('context_overflow', { params: { needed: Number(found[1]), limit } })
}
