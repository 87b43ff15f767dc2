import type { GenerateEvent, GenerateRequest, Prompt } from '#shared/contracts/engine.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { AnswerReader } from './answer-reader.ts'
import { jsonGrammar, schemaGrammar, toolGrammar } from './grammar.ts'
import type { Pipe } from './pipe.ts'
import { plainChat } from './plain-chat.ts'

/** What is sent to llama.cpp's server: a process of its own, or the one inside wllama. */
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

/** The GBNF grammar of what a request restricts its answer to. @throws SiloError grammar_invalid, bad_request */
export function grammarOf({ prompt, format }: GenerateRequest): string | undefined {
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

/** A chunk of a streamed answer. */
export interface ServerChunk {
  readonly choices?: readonly {
    readonly text?: string
    readonly delta?: { readonly content?: string | null }
    readonly finish_reason?: string | null
  }[]
  readonly prompt_progress?: { readonly total: number; readonly cache: number } | null
  readonly timings?: {
    readonly cache_n: number
    readonly prompt_n: number
    readonly prompt_ms: number
    readonly predicted_n: number
    readonly predicted_ms: number
  } | null
}

/** Turns the chunks of one answer into events; the first end wins. */
export class Answering {
  readonly #pipe: Pick<Pipe<GenerateEvent>, 'push' | 'close'>
  readonly #reader: AnswerReader
  #progress: ServerChunk['prompt_progress']
  #timings: ServerChunk['timings']
  #reason: 'stop' | 'length' = 'stop'
  #done = false

  constructor(request: GenerateRequest, pipe: Pick<Pipe<GenerateEvent>, 'push' | 'close'>) {
    this.#pipe = pipe
    this.#reader = new AnswerReader(request, (event) => pipe.push(event))
  }

  get stopped(): boolean {
    return this.#reader.stopped
  }

  read(chunk: ServerChunk): void {
    if (this.#done) return
    if (chunk.prompt_progress && !this.#progress) {
      this.#progress = chunk.prompt_progress
      this.#pipe.push({
        type: 'prompt',
        promptTokens: this.#progress.total,
        cachedTokens: this.#progress.cache,
      })
    }
    if (chunk.timings) this.#timings = chunk.timings
    const choice = chunk.choices?.[0]
    if (choice?.finish_reason === 'length') this.#reason = 'length'
    const text = textOf(chunk)
    if (text !== '') this.#reader.push(text)
  }

  ended(): void {
    if (this.#done) return
    this.#close(this.#reader.finish(this.#reason))
  }

  aborted(): void {
    if (!this.#done) this.#close('abort')
  }

  #close(reason: EndReason): void {
    this.#done = true
    this.#pipe.push(endOf(reason, this.#timings, this.#progress))
    this.#pipe.close()
  }
}

export function textOf({ choices }: ServerChunk): string {
  return choices?.[0]?.delta?.content ?? choices?.[0]?.text ?? ''
}

type EndReason = Extract<GenerateEvent, { type: 'end' }>['reason']

export function endOf(
  reason: EndReason,
  timings?: ServerChunk['timings'],
  progress?: ServerChunk['prompt_progress'],
): GenerateEvent {
  return {
    type: 'end',
    reason,
    promptTokens: progress?.total ?? 0,
    cachedTokens: progress?.cache ?? 0,
    completionTokens: timings?.predicted_n ?? 0,
    promptMs: timings?.prompt_ms ?? 0,
    decodeMs: timings?.predicted_ms ?? 0,
  }
}
