import { availableParallelism } from 'node:os'
import { getLlama, LlamaLogLevel, type LlamaModel } from 'node-llama-cpp'
import type { AnswerEvent, GenerateRequest, Prompt } from '#shared/contracts/engine.ts'
import { newId } from '#shared/domain/ids.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { jsonGrammar, schemaGrammar, toolGrammar } from '#shared/generation/grammar.ts'
import {
  addonOf,
  type Addon,
  type AddonContext,
  type AddonModel,
  type AddonSampler,
} from './addon.ts'
import { affordablePlan } from '../memory-fit.ts'
import { Answer } from './answer.ts'
import type { FromWorker, ToWorker } from './messages.ts'
import { Scheduler } from './scheduler.ts'
import { PageStore } from '../kv-pages/page-store.ts'
import { SequencePages, type SequencePagesInit } from '../kv-pages/sequence-pages.ts' // prettier-ignore
import { templateOf, type ChatTemplate } from './template.ts'
import { tokenizePrompt } from './chat-tokens.ts'

type LoadMessage = Extract<ToWorker, { op: 'load' }>

const batchSize = 512

/** A model in the memory of this process: what the child process does, without the messages. */
export class ModelHost {
  readonly contextTokens: number
  readonly dimensions: number
  readonly #addon: Addon
  readonly #model: AddonModel
  readonly #context: AddonContext
  readonly #scheduler: Scheduler
  readonly #pages: SequencePages | undefined
  readonly #template: ChatTemplate
  readonly #answers = new Map<number, Answer>()
  readonly #grammars = new Map<string, object>()
  readonly #cancelledEmbeds = new Set<number>()
  #embedQueue: Promise<unknown> = Promise.resolve()

  private constructor(
    addon: Addon,
    model: AddonModel,
    context: AddonContext,
    template: ChatTemplate,
    sizes: { contextTokens: number; dimensions: number; sequences: number },
    pages: SequencePages | undefined,
  ) {
    this.#addon = addon
    this.#model = model
    this.#context = context
    this.#template = template
    this.#pages = pages
    this.contextTokens = sizes.contextTokens
    this.dimensions = sizes.dimensions
    this.#scheduler = new Scheduler(context, {
      batchSize,
      contextTokens: sizes.contextTokens,
      sequences: sizes.sequences,
      pages,
    })
  }

  static async load(
    message: LoadMessage,
    onProgress: (fraction: number) => void,
  ): Promise<{ host: ModelHost; loaded: Omit<Extract<FromWorker, { op: 'loaded' }>, 'id'> }> {
    const embed = message.task === 'embed'
    const affordable = affordablePlan({
      model: { id: message.modelId, path: message.path },
      contextTokens: message.contextTokens,
      parallel: embed ? 1 : message.parallel,
      bytesPerToken: message.kvBytesPerToken,
      limited: message.gpu === 'cpu',
    })
    const { parallel } = affordable
    let { contextTokens } = affordable
    const llama = await getLlama({
      gpu: message.gpu === 'cpu' ? false : 'auto',
      build: 'never',
      skipDownload: true,
      progressLogs: false,
      logLevel: LlamaLogLevel.error,
    })
    let model: LlamaModel
    try {
      model = await llama.loadModel({
        modelPath: message.path,
        gpuLayers: llama.gpu ? { fitContext: { contextSize: contextTokens * parallel } } : 0,
        onLoadProgress: (fraction) => onProgress(fraction),
      })
    } catch (error) {
      throw new SiloError('model_load_failed', {
        params: { model: message.modelId },
        cause: error,
      })
    }
    const { addon, native } = addonOf(llama, model)
    contextTokens = Math.min(contextTokens, native.getTrainContextSize())
    const threads = message.threads || defaultThreads(addon)
    // Cells come in blocks of 256; what is granted stays what was asked for.
    const cells = Math.ceil(contextTokens / 256) * 256 * parallel
    const context = new addon.AddonContext(native, {
      contextSize: cells,
      batchSize: embed ? Math.max(batchSize, contextTokens) : batchSize,
      sequences: parallel,
      flashAttention: 'auto',
      threads,
      ...(embed ? { embeddings: true } : {}),
    })
    if (!(await context.init())) {
      throw new SiloError('out_of_memory', { params: { model: message.modelId } })
    }
    const template = templateOf(model, native)
    const dimensions = embed ? native.getEmbeddingVectorSize() : 0
    const backend = llama.gpu || 'cpu'
    const sizes = { contextTokens, dimensions, sequences: parallel }
    const pages = embed ? undefined : pagesOf(message, context, contextTokens, backend)
    const host = new ModelHost(addon, native, context, template, sizes, pages)
    const callsTools = !embed && template.knowsTools
    return {
      host,
      loaded: { op: 'loaded', contextTokens, dimensions, parallel, callsTools, backend, threads },
    }
  }

  count(prompt: Prompt): number {
    return this.#tokenize(prompt).length
  }

  /** Starts an answer. Events go to `emit`; `failed` gets what is thrown before or between them. */
  generate(
    id: number,
    request: GenerateRequest,
    emit: (event: AnswerEvent) => void,
    failed: (error: unknown) => void,
  ): void {
    const promptTokens = this.#tokenize(request.prompt)
    const room = this.contextTokens - promptTokens.length
    if (room < 1) {
      throw new SiloError('context_overflow', {
        params: { needed: promptTokens.length + 1, limit: this.contextTokens },
      })
    }
    const grammar = this.#grammarOf(request)
    const answer = new Answer({
      request,
      promptTokens,
      maxTokens: Math.max(1, Math.min(request.maxTokens ?? room, room)),
      model: this.#model,
      makeSampler: () => this.#sampler(request, grammar),
      newCallId: () => `call_${newId()}`,
      emit,
      failed: (error) => {
        this.#answers.delete(id)
        failed(error)
      },
      done: () => this.#answers.delete(id),
    })
    this.#answers.set(id, answer)
    this.#scheduler.add(answer)
  }

  /** Writes computed context to disk. */
  keep(): Promise<void> {
    return this.#scheduler.keep()
  }

  forget(session?: string): Promise<void> {
    return this.#scheduler.forget(session)
  }

  limitPages(maxBytes: number): void {
    this.#pages?.limit(maxBytes)
  }

  cancel(id: number): void {
    const answer = this.#answers.get(id)
    if (answer) answer.cancelled = true
    else this.#cancelledEmbeds.add(id)
    this.#answers.delete(id)
  }

  /** One vector per text; other messages are heard between texts. */
  async embed(id: number, texts: readonly string[]): Promise<Float32Array<ArrayBuffer>[]> {
    const tokenized = texts.map((text) => this.#embedTokens(text))
    const longest = Math.max(0, ...tokenized.map((tokens) => tokens.length))
    if (longest > this.contextTokens) {
      throw new SiloError('context_overflow', {
        params: { needed: longest, limit: this.contextTokens },
      })
    }
    const turn = this.#embedQueue.then(async () => {
      const vectors: Float32Array<ArrayBuffer>[] = []
      for (const tokens of tokenized) {
        if (this.#cancelledEmbeds.has(id)) throw new SiloError('cancelled')
        vectors.push(await this.#vectorOf(tokens))
      }
      return vectors
    })
    this.#embedQueue = turn.catch(() => {})
    try {
      return await turn
    } finally {
      this.#cancelledEmbeds.delete(id)
    }
  }

  async #vectorOf(tokens: Uint32Array): Promise<Float32Array<ArrayBuffer>> {
    this.#context.disposeSequence(0)
    this.#context.initBatch(tokens.length)
    // Mean pooling needs the output of every token.
    this.#context.addToBatch(
      0,
      0,
      tokens,
      tokens.map((_, index) => index),
    )
    await this.#context.decodeBatch()
    const raw = this.#context.getEmbedding(tokens.length)
    let squares = 0
    for (const value of raw) squares += value * value
    const norm = Math.sqrt(squares) || 1
    return Float32Array.from(raw, (value) => value / norm)
  }

  #embedTokens(text: string): Uint32Array {
    // The tokenizer in the file lacks the Unicode normalisation these models were trained with.
    const tokens = [...this.#model.tokenize(text.normalize('NFKC'), false)]
    if (this.#model.shouldPrependBosToken()) tokens.unshift(this.#model.tokenBos())
    if (this.#model.shouldAppendEosToken()) tokens.push(this.#model.tokenEos())
    return Uint32Array.from(tokens.length > 0 ? tokens : [this.#model.tokenEos()])
  }

  #tokenize(prompt: Prompt): Uint32Array {
    return tokenizePrompt(this.#model, this.#template, prompt)
  }

  #sampler(request: GenerateRequest, grammar: object | undefined): AddonSampler {
    const sampler = new this.#addon.AddonSampler(this.#model)
    const frequency = request.frequencyPenalty ?? 0
    const presence = request.presencePenalty ?? 0
    sampler.applyConfig({
      temperature: request.temperature ?? 0.8,
      seed: request.seed ?? Math.floor(Math.random() * 0xff_ff_ff_ff),
      ...(request.topK === undefined ? {} : { topK: request.topK }),
      ...(request.topP === undefined ? {} : { topP: request.topP }),
      ...(request.minP === undefined ? {} : { minP: request.minP }),
      ...(frequency === 0 && presence === 0
        ? {}
        : {
            repeatPenalty: 1,
            repeatPenaltyMaxTokens: 4096,
            repeatPenaltyTokens: new Uint32Array(0),
            repeatPenaltyFrequencyPenalty: frequency,
            repeatPenaltyPresencePenalty: presence,
          }),
      ...(grammar
        ? {
            grammarEvaluationState: new this.#addon.AddonGrammarEvaluationState(
              this.#model,
              grammar,
            ),
          }
        : {}),
    })
    return sampler
  }

  #grammarOf(request: GenerateRequest): object | undefined {
    const { format, prompt } = request
    if (!format) return undefined
    let text: string
    if (format.type === 'json') text = jsonGrammar()
    else if (format.type === 'json-schema') text = schemaGrammar(format.schema)
    else {
      const tools = prompt.kind === 'chat' ? (prompt.tools ?? []) : []
      const chosen = tools.filter((tool) => !format.name || tool.name === format.name)
      if (chosen.length === 0) {
        throw new SiloError('bad_request', {
          params: { detail: 'the forced tool is not among the tools' },
          field: 'tool_choice',
        })
      }
      text = toolGrammar(chosen)
    }
    const known = this.#grammars.get(text)
    if (known) return known
    try {
      const grammar = new this.#addon.AddonGrammar(text, { addonExports: this.#addon })
      if (this.#grammars.size > 50) this.#grammars.clear()
      this.#grammars.set(text, grammar)
      return grammar
    } catch (error) {
      throw new SiloError('grammar_invalid', {
        params: { detail: 'it does not make a grammar' },
        cause: error,
      })
    }
  }
}

function pagesOf(
  { pages, kvBytesPerToken }: LoadMessage,
  context: AddonContext,
  contextTokens: number,
  backend: string,
): SequencePages | undefined {
  if (!pages || kvBytesPerToken === 0) return undefined
  const { directory, maxBytes, sha256, build } = pages
  const owner = { model: sha256, build: `${build} ${backend}`, cacheType: 'f16' }
  const state: SequencePagesInit['state'] = {
    save: (path, sequence, tokens) => context.saveSequenceStateToFile(path, sequence, tokens),
    async load(path, sequence, maxTokens) {
      context.disposeSequence(sequence)
      try {
        return await context.loadSequenceStateFromFile(path, sequence, maxTokens)
      } catch (error) {
        // Part of it may have been read.
        context.disposeSequence(sequence)
        throw error
      }
    },
  }
  return new SequencePages({
    store: new PageStore({ directory, owner, maxBytes }),
    state,
    contextTokens,
    bytesPerToken: kvBytesPerToken,
    // The companion logs what a child says there when it ends; nobody waits for an answer.
    failed: (error) => void process.stderr.write(`computed context: ${String(error)}\n`),
  })
}

/** Physical cores on larger machines, where a second thread per core slows llama.cpp down. */
function defaultThreads(addon: Addon): number {
  const usable = availableParallelism()
  return usable <= 4 ? usable : Math.max(1, Math.min(usable, addon.getMathCores()))
}
