import type { AnswerEvent, GenerateRequest } from '#shared/contracts/engine.ts'
import type { AddonModel, AddonSampler } from './addon.ts'
import type { Job } from './scheduler.ts'
import { StopFilter } from '#shared/generation/stop-filter.ts'
import { parseToolCall, ToolCallReader, type Piece } from '#shared/generation/tool-calls.ts'
import { Detokenizer } from './text-stream.ts'

export interface AnswerOptions {
  readonly request: GenerateRequest
  readonly promptTokens: Uint32Array
  readonly maxTokens: number
  readonly model: AddonModel
  readonly makeSampler: () => AddonSampler
  readonly newCallId: () => string
  readonly emit: (event: AnswerEvent) => void
  readonly failed: (error: unknown) => void
  readonly done: () => void
}

/** One answer: tokens in, events out. */
export class Answer implements Job {
  readonly promptTokens: Uint32Array
  readonly maxTokens: number
  readonly session: string | undefined
  readonly makeSampler: () => AddonSampler
  cancelled = false
  readonly #options: AnswerOptions
  readonly #detokenizer: Detokenizer
  readonly #stop: StopFilter
  readonly #tools: ReadonlySet<string>
  readonly #reader: ToolCallReader | undefined
  /** Text of a forced call, which is parsed as a whole. */
  #forced: string | undefined
  #calls = 0
  #tokens = 0
  #cached = 0

  constructor(options: AnswerOptions) {
    this.#options = options
    this.promptTokens = options.promptTokens
    this.maxTokens = options.maxTokens
    this.session = options.request.session
    this.makeSampler = options.makeSampler
    this.#detokenizer = new Detokenizer(options.model)
    this.#stop = new StopFilter(options.request.stop ?? [])
    const { prompt, format } = options.request
    this.#tools = new Set(prompt.kind === 'chat' ? prompt.tools?.map((tool) => tool.name) : [])
    if (format?.type === 'tool') this.#forced = ''
    else if (this.#tools.size > 0 && !format)
      this.#reader = new ToolCallReader(this.#tools, options.newCallId)
  }

  started(cachedTokens: number): void {
    this.#cached = cachedTokens
    this.#options.emit({
      type: 'prompt',
      promptTokens: this.promptTokens.length,
      cachedTokens,
    })
  }

  accept(token: number): boolean {
    if (this.#options.model.isEogToken(token)) return false
    this.#tokens++
    this.#say(this.#stop.push(this.#detokenizer.push(token)))
    return !this.#stop.stopped
  }

  ended(reason: 'stop' | 'length', timing: { promptMs: number; decodeMs: number }): void {
    if (!this.#stop.stopped) {
      this.#say(this.#stop.push(this.#detokenizer.flush()))
      this.#say(this.#stop.flush())
    }
    if (this.#reader) for (const piece of this.#reader.flush()) this.#put(piece)
    if (this.#forced) {
      const call = parseToolCall(this.#forced, this.#tools, this.#options.newCallId())
      this.#put(call ? { call } : { text: this.#forced })
    }
    this.#options.emit({
      type: 'end',
      reason: this.#calls > 0 ? 'tool-calls' : reason,
      promptTokens: this.promptTokens.length,
      cachedTokens: this.#cached,
      completionTokens: this.#tokens,
      ...timing,
    })
    this.#options.done()
  }

  failed(error: unknown): void {
    this.#options.failed(error)
  }

  #say(text: string): void {
    if (!text) return
    if (this.#forced !== undefined) this.#forced += text
    else if (this.#reader) for (const piece of this.#reader.push(text)) this.#put(piece)
    else this.#put({ text })
  }

  #put(piece: Piece): void {
    if ('text' in piece) this.#options.emit({ type: 'text', text: piece.text })
    else {
      this.#calls++
      this.#options.emit({ type: 'tool-call', call: piece.call })
    }
  }
}
