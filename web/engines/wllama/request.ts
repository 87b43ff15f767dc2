import type { GenerateRequest, Prompt } from '#shared/contracts/engine.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { jsonGrammar, schemaGrammar, toolGrammar } from '#shared/generation/grammar.ts'
import { plainChat } from '../plain-chat.ts'

/** What is sent to llama.cpp's server inside wllama. */
export function completionOf(request: GenerateRequest): Record<string, unknown> {
  // A grammar of our own: with a schema the engine forms one that some templates' output cannot begin.
  const grammar = grammarOf(request)
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
    ...(grammar === undefined ? {} : { grammar }),
  }
}

export function promptOf(prompt: Prompt): Record<string, unknown> {
  return prompt.kind === 'text' ? { prompt: prompt.text } : { messages: plainChat(prompt) }
}

function grammarOf({ prompt, format }: GenerateRequest): string | undefined {
  if (!format) return undefined
  if (format.type === 'json') return jsonGrammar()
  if (format.type === 'json-schema') return schemaGrammar(format.schema)
  const tools = prompt.kind === 'chat' ? (prompt.tools ?? []) : []
  const named = tools.filter((tool) => format.name === undefined || tool.name === format.name)
  if (named.length > 0) return toolGrammar(named)
  throw new SiloError('bad_request', { params: { detail: 'there is no such tool' }, field: 'format' }) // prettier-ignore
}

/** `request (2003 tokens) exceeds the available context size (1024 tokens)`, `input (…) is too large …`. */
export function overflowOf(message: string, limit: number): SiloError | undefined {
  const found = /(?:request|input) \((\d+) tokens\) (?:exceeds|is larger|is too large)/.exec(
    message,
  )
  if (!found) return undefined
  return new SiloError('context_overflow', { params: { needed: Number(found[1]), limit } })
}
