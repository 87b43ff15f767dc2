import * as v from 'valibot'
import type { ChatMessage, GenerateEvent, GenerateRequest, Prompt, ToolCall } from '#shared/contracts/engine.ts' // prettier-ignore
import { newId } from '#shared/domain/ids.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { AnswerReader } from '#shared/generation/answer-reader.ts'
import type { ServerDialect } from '../server/dialect.ts'
import { askJson, askStream } from '../server/http.ts'

/** A model may be loaded first, and a long prompt be read, before anything is heard; ms. */
const silenceMs = 300_000

const usageSchema = v.object({
  prompt_tokens: v.number(),
  completion_tokens: v.optional(v.number(), 0),
  prompt_tokens_details: v.nullish(v.object({ cached_tokens: v.nullish(v.number()) })),
})
const chunkSchema = v.object({
  choices: v.optional(
    v.array(
      v.object({
        text: v.nullish(v.string()),
        delta: v.optional(
          v.object({
            content: v.nullish(v.string()),
            tool_calls: v.nullish(
              v.array(
                v.object({
                  index: v.optional(v.number(), 0),
                  id: v.nullish(v.string()),
                  function: v.optional(
                    v.object({ name: v.nullish(v.string()), arguments: v.nullish(v.string()) }),
                  ),
                }),
              ),
            ),
          }),
        ),
        finish_reason: v.nullish(v.string()),
      }),
    ),
    [],
  ),
  usage: v.nullish(usageSchema),
})
type Chunk = v.InferOutput<typeof chunkSchema>
const failedSchema = v.object({ error: v.object({ message: v.string() }) })
const answeredSchema = v.object({ usage: usageSchema })
const vectorsSchema = v.object({
  data: v.array(v.object({ index: v.number(), embedding: v.array(v.number()) })),
})

/** OpenAI's API, as Ollama, LM Studio, vLLM and others speak it. `model` is what the server calls the model. */
export function openAiDialect(model: string): ServerDialect {
  return {
    // Nothing in this API counts tokens but an answer; what it computed of the prompt is in the server's cache then.
    async countTokens(address, prompt, signal) {
      const body = { model, ...promptOf(prompt), max_tokens: 1, temperature: 0 }
      const answer = await askJson({ address, path: pathOf(prompt), body, signal, silenceMs })
      return v.parse(answeredSchema, answer).usage.prompt_tokens
    },

    async *generate(address, request, signal) {
      const body = {
        model,
        ...bodyOf(request),
        stream: true,
        stream_options: { include_usage: true },
      }
      const answer = new Answer(request)
      for await (const input of askStream({
        address,
        path: pathOf(request.prompt),
        body,
        signal,
        silenceMs,
      })) {
        const failed = v.safeParse(failedSchema, input)
        if (failed.success) throw new SiloError('engine_crashed', { cause: new Error(failed.output.error.message) }) // prettier-ignore
        answer.read(v.parse(chunkSchema, input))
        yield* answer.events.splice(0)
        if (answer.stopped) break
      }
      answer.end()
      yield* answer.events
    },

    async embed(address, texts, signal) {
      const body = { model, input: texts.map((text) => text || ' ') }
      const { data } = v.parse(vectorsSchema, await askJson({ address, path: '/v1/embeddings', body, signal, silenceMs })) // prettier-ignore
      return data.toSorted((a, b) => a.index - b.index).map(({ embedding }) => Float32Array.from(embedding)) // prettier-ignore
    },

    refusal(message, contextTokens) {
      if (/context|too long|too large|maximum.*length|exceed/i.test(message)) {
        const numbers = [...message.matchAll(/\d+/g)].map(Number).filter((number) => number > contextTokens) // prettier-ignore
        const needed = numbers.length > 0 ? Math.max(...numbers) : contextTokens + 1
        return new SiloError('context_overflow', { params: { needed, limit: contextTokens } })
      }
      if (/grammar|schema|response_format/i.test(message))
        return new SiloError('grammar_invalid', { params: { detail: message } })
      return undefined
    },
  }
}

/** Chunks of one answer in, events out. */
class Answer {
  readonly events: GenerateEvent[] = []
  readonly #reader: AnswerReader
  readonly #calls: { id: string; name: string; arguments: string }[] = []
  readonly #startedAt = performance.now()
  #firstAt: number | undefined
  #reason: 'stop' | 'length' = 'stop'
  #usage: v.InferOutput<typeof usageSchema> | undefined
  #pieces = 0

  constructor(request: GenerateRequest) {
    // A forced call comes as a call, not as text that must be read for one.
    const read = request.format?.type === 'tool' ? { ...request, format: undefined } : request
    this.#reader = new AnswerReader(
      read as GenerateRequest,
      (event) => void this.events.push(event),
    )
  }

  get stopped(): boolean {
    return this.#reader.stopped
  }

  read({ choices, usage }: Chunk): void {
    if (usage) this.#usage = usage
    const [choice] = choices
    if (!choice) return
    if (choice.finish_reason === 'length') this.#reason = 'length'
    for (const { index, id, function: called } of choice.delta?.tool_calls ?? []) {
      const call = (this.#calls[index] ??= { id: '', name: '', arguments: '' })
      call.id ||= id ?? ''
      call.name += called?.name ?? ''
      call.arguments += called?.arguments ?? ''
    }
    const text = choice.delta?.content ?? choice.text ?? ''
    if (text === '') return
    this.#firstAt ??= performance.now()
    this.#pieces++
    this.#reader.push(text)
  }

  end(): void {
    const reason = this.#reader.finish(this.#reason)
    const calls = this.#calls.filter(({ name }) => name !== '')
    for (const call of calls)
      this.events.push({ type: 'tool-call', call: { ...call, id: call.id || newId() } })
    const now = performance.now()
    this.events.push({
      type: 'end',
      reason: calls.length > 0 ? 'tool-calls' : reason,
      promptTokens: this.#usage?.prompt_tokens ?? 0,
      cachedTokens: this.#usage?.prompt_tokens_details?.cached_tokens ?? 0,
      completionTokens: this.#usage?.completion_tokens || this.#pieces,
      promptMs: (this.#firstAt ?? now) - this.#startedAt,
      decodeMs: now - (this.#firstAt ?? now),
    })
  }
}

function pathOf(prompt: Prompt): string {
  return prompt.kind === 'text' ? '/v1/completions' : '/v1/chat/completions'
}

function bodyOf(request: GenerateRequest): Record<string, unknown> {
  const { prompt, format, maxTokens, seed, topK, topP, minP, frequencyPenalty, presencePenalty } =
    request
  const optional = { max_tokens: maxTokens, seed, top_k: topK, top_p: topP, min_p: minP, frequency_penalty: frequencyPenalty, presence_penalty: presencePenalty } // prettier-ignore
  return {
    ...promptOf(prompt),
    temperature: request.temperature ?? 0.8,
    ...Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined)),
    ...formatOf(format),
  }
}

function formatOf(format: GenerateRequest['format']): Record<string, unknown> {
  switch (format?.type) {
    case 'json':
      return { response_format: { type: 'json_object' } }
    case 'json-schema':
      return { response_format: { type: 'json_schema', json_schema: { name: 'answer', strict: true, schema: format.schema } } } // prettier-ignore
    case 'tool':
      return { tool_choice: format.name === undefined ? 'required' : { type: 'function', function: { name: format.name } } } // prettier-ignore
    default:
      return {}
  }
}

function promptOf(prompt: Prompt): Record<string, unknown> {
  if (prompt.kind === 'text') return { prompt: prompt.text }
  const tools = prompt.tools ?? []
  return {
    messages: prompt.messages.map(messageOf),
    ...(tools.length > 0
      ? { tools: tools.map((tool) => ({ type: 'function', function: tool })) }
      : {}),
  }
}

function messageOf({ role, content, toolCalls, toolCallId }: ChatMessage): Record<string, unknown> {
  if (role === 'tool') return { role, content, tool_call_id: toolCallId ?? '' }
  const calls = (toolCalls ?? []).map(callOf)
  return { role, content, ...(calls.length > 0 ? { tool_calls: calls } : {}) }
}

function callOf({ id, name, arguments: text }: ToolCall): Record<string, unknown> {
  return { id, type: 'function', function: { name, arguments: text } }
}
