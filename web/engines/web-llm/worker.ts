/// <reference lib="webworker" />
import { MLCEngine, type ChatCompletionRequestStreaming } from '@mlc-ai/web-llm'
import type { GenerateRequest, Prompt } from '#shared/contracts/engine.ts'
import type { PageFile } from '#shared/domain/page-model.ts'
import { SiloError, toWire } from '#shared/errors/silo-error.ts'
import { AnswerReader } from '#shared/generation/answer-reader.ts'
import { callSchema, plainChat, type PlainMessage } from '#shared/generation/plain-chat.ts'
import type { FromWorker, ToWorker } from './messages.ts'
import { storedBase, useStoredFiles } from './stored-cache.ts'

/** One model of web-llm, in a worker of its own: the end of the worker is the end of the model. */

let engine: MLCEngine | undefined
let modelId = ''
let contextTokens = 0
const cancelled = new Set<number>()

function send(message: FromWorker): void {
  postMessage(message)
}

async function load(message: Extract<ToWorker, { op: 'load' }>): Promise<void> {
  const { record, id } = message
  useStoredFiles(record)
  modelId = record.id
  contextTokens = message.contextTokens
  const sum = (name: string | undefined): string | undefined => {
    const file = record.files.find((known) => known.name === name)
    return file && integrityOf(file)
  }
  const tokenizers = record.files.filter(({ name }) => /^tokenizer\.(json|model)$/.test(name))
  engine = new MLCEngine({
    logLevel: 'SILENT',
    initProgressCallback: ({ progress }) => send({ op: 'progress', id, fraction: progress }),
    appConfig: {
      model_list: [
        {
          model: storedBase,
          model_id: modelId,
          model_lib: storedBase + record.pair?.library,
          required_features: message.f16 ? ['shader-f16'] : [],
          overrides: { context_window_size: contextTokens },
          integrity: {
            config: sum('mlc-chat-config.json'),
            model_lib: sum(record.pair?.library),
            tokenizer: Object.fromEntries(tokenizers.map((file) => [file.name, integrityOf(file)])),
            onFailure: 'error',
          },
        },
      ],
    },
  })
  await engine.reload(modelId)
  send({ op: 'loaded', id, contextTokens })
}

async function generate(id: number, request: GenerateRequest): Promise<void> {
  if (!engine) throw new SiloError('engine_crashed')
  const messages = messagesOf(request.prompt)
  const promptTokens = count(messages)
  if (promptTokens >= contextTokens)
    throw new SiloError('context_overflow', {
      params: { needed: promptTokens, limit: contextTokens },
    })
  const reader = new AnswerReader(request, (event) => send({ op: 'event', id, event }))
  const room = contextTokens - promptTokens
  const body: ChatCompletionRequestStreaming = {
    messages,
    stream: true,
    stream_options: { include_usage: true },
    max_tokens: Math.min(request.maxTokens ?? room, room),
    temperature: request.temperature ?? 0.8,
    top_p: request.topP,
    seed: request.seed,
    frequency_penalty: request.frequencyPenalty,
    presence_penalty: request.presencePenalty,
    response_format: formatOf(request),
  }
  const started = performance.now()
  let first = 0
  let tokens = 0
  let reason: 'stop' | 'length' = 'stop'
  let computed = promptTokens
  const begin = (): void => {
    if (first) return
    first = performance.now()
    send({ op: 'event', id, event: { type: 'prompt', promptTokens, cachedTokens: 0 } })
  }
  for await (const chunk of await engine.chat.completions.create(body)) {
    begin()
    if (chunk.usage) {
      tokens = chunk.usage.completion_tokens
      computed = Math.min(promptTokens, chunk.usage.prompt_tokens)
    }
    const choice = chunk.choices[0]
    if (choice?.finish_reason === 'length') reason = 'length'
    if (choice?.delta.content) {
      if (!chunk.usage) tokens++
      reader.push(choice.delta.content)
    }
    if (reader.stopped || cancelled.has(id)) await engine.interruptGenerate()
  }
  begin()
  const ended = cancelled.has(id) ? 'abort' : reader.finish(reason)
  send({
    op: 'event',
    id,
    event: {
      type: 'end',
      reason: ended,
      promptTokens,
      cachedTokens: promptTokens - computed,
      completionTokens: tokens,
      promptMs: first - started,
      decodeMs: performance.now() - first,
    },
  })
}

function messagesOf(prompt: Prompt): PlainMessage[] {
  return prompt.kind === 'chat' ? plainChat(prompt) : [{ role: 'user', content: prompt.text }]
}

function formatOf({
  prompt,
  format,
}: GenerateRequest): { type: 'json_object'; schema?: string } | undefined {
  // prettier-ignore
  if (!format) return undefined
  if (format.type === 'json') return { type: 'json_object' }
  const tools = prompt.kind === 'chat' ? (prompt.tools ?? []) : []
  const schema = format.type === 'tool' ? callSchema(tools, format.name) : format.schema
  return { type: 'json_object', schema: JSON.stringify(schema) }
}

/** web-llm tells the length of a prompt only after it was computed; its tokenizer is asked instead. */
function count(messages: readonly PlainMessage[]): number {
  const pipelines: unknown = Reflect.get(engine ?? {}, 'loadedModelIdToPipeline')
  const pipeline: unknown = pipelines instanceof Map ? pipelines.get(modelId) : undefined
  const tokenizer = Reflect.get(pipeline ?? {}, 'tokenizer') as { encode(text: string): Int32Array }
  const text = messages.map(({ role, content }) => `<|im_start|>${role}\n${content}<|im_end|>\n`)
  return tokenizer.encode(`${text.join('')}<|im_start|>assistant\n`).length
}

function integrityOf({ sha256 }: PageFile): string {
  const bytes = sha256.match(/../g)!.map((pair) => Number.parseInt(pair, 16))
  return `sha256-${btoa(String.fromCharCode(...bytes))}`
}

async function answer(message: ToWorker): Promise<void> {
  if (message.op === 'load') await load(message)
  else if (message.op === 'generate') await generate(message.id, message.request)
  else if (message.op === 'count') {
    if (!engine) throw new SiloError('engine_crashed')
    send({ op: 'counted', id: message.id, tokens: count(messagesOf(message.prompt)) })
  } else {
    cancelled.add(message.id)
    await engine?.interruptGenerate()
  }
}

/** What web-llm throws, by name: the classes are not exported. */
function errorOf(error: unknown): SiloError {
  if (error instanceof SiloError) return error
  const { name, message } = error instanceof Error ? error : { name: '', message: String(error) }
  if (name === 'IntegrityError')
    return new SiloError('checksum_mismatch', { params: { source: modelId }, cause: error })
  if (name === 'DeviceLostError' || /out of memory/i.test(message))
    return new SiloError('out_of_memory', { params: { model: modelId }, cause: error })
  if (name === 'LinkError' || name === 'CompileError' || /import|tvm.?abi|module/i.test(message)) {
    const detail = `the model’s library is made for another web-llm: ${message}`
    return new SiloError('page_engine_unavailable', { params: { detail }, cause: error })
  }
  if (/WebGPU|shader|FeatureSupport/i.test(`${name} ${message}`))
    return new SiloError('page_engine_unavailable', { params: { detail: message }, cause: error })
  if (/grammar|schema/i.test(message))
    return new SiloError('grammar_invalid', { params: { detail: message }, cause: error })
  return new SiloError('model_load_failed', { params: { model: modelId }, cause: error })
}

addEventListener('message', ({ data }: MessageEvent<ToWorker>) => {
  answer(data).catch((error: unknown) => {
    send({ op: 'error', id: data.id, error: toWire(errorOf(error)) })
  })
})
