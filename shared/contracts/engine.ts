/**
 * The seam to everything that runs a model. One suite in tests/contracts/engine.ts states what every
 * implementation and the fake do. All calls take an AbortSignal; aborting `generate` ends the iteration
 * with an `end` event of reason `abort`, aborting anything else rejects with the signal's reason.
 */
export interface Engine extends AsyncDisposable {
  readonly specVersion: 1
  /** `llama-cpp`, `fake`, … */
  readonly id: string
  /** Can it run here, and how? Never throws for "no". */
  probe(signal: AbortSignal): Promise<EngineProbe>
  /**
   * Loads a model file. Loading the same file and plan again returns the same handle.
   * @throws SiloError model_corrupt, model_load_failed, out_of_memory, engine_crashed
   */
  load(
    model: ModelFile,
    plan: LoadPlan,
    options: { signal: AbortSignal; onProgress?: (fraction: number) => void },
  ): Promise<LoadedModel>
  readonly state: EngineState
  /**
   * Removes what was computed for a session (see `GenerateRequest.session`; absent: for any), from memory and from
   * disk. An engine that keeps nothing on disk has none of this.
   */
  forget?(session?: string): Promise<void>
  /** Called whenever `state` changes; returns the way to stop listening. */
  onStateChange(listener: (state: EngineState) => void): () => void
}

export type EngineState = 'idle' | 'loading' | 'ready' | 'restarting' | 'failed'

export interface EngineProbe {
  readonly available: boolean
  /** Why not, in English for the log. */
  readonly reason?: string
  /** Build id of the engine: part of every cache key. */
  readonly build: string
  readonly backend: 'cpu' | 'cuda' | 'vulkan' | 'metal' | 'none'
  readonly threads: number
}

export interface ModelFile {
  readonly id: string
  readonly path: string
  readonly sha256: string
  readonly task: 'chat' | 'embed'
}

export interface LoadPlan {
  /** Tokens per sequence wanted; the engine may grant fewer, never more than the model was trained for. */
  readonly contextTokens: number
  /** How many requests may be computed at once, each with its own cache. */
  readonly parallel: number
}

/** A model in memory. Disposing it frees the memory; calls in flight end with engine_crashed. */
export interface LoadedModel extends AsyncDisposable {
  readonly model: ModelFile
  /** Tokens per sequence granted. */
  readonly contextTokens: number
  /** Length of the vectors `embed` returns; 0 for a chat model. */
  readonly dimensions: number
  /** How many answers are computed at once; the engine may grant fewer than the plan wished for. */
  readonly parallel: number
  /** Was it trained to call tools, as its own template says? Absent: not known to be. */
  readonly callsTools?: boolean
  /** The tokens `prompt` becomes, template included, generation prompt too. */
  countTokens(prompt: Prompt, signal: AbortSignal): Promise<number>
  /** @throws SiloError context_overflow before any event; engine_crashed at any time */
  generate(request: GenerateRequest, signal: AbortSignal): AsyncIterable<GenerateEvent>
  /** Unit-length vectors, one per text, in order. @throws SiloError model_wrong_task, context_overflow */
  embed(texts: readonly string[], signal: AbortSignal): Promise<Float32Array[]>
}

export type Prompt =
  | {
      readonly kind: 'chat'
      readonly messages: readonly ChatMessage[]
      readonly tools?: readonly ToolSpec[]
    }
  | { readonly kind: 'text'; readonly text: string }

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant' | 'tool'
  readonly content: string
  readonly toolCalls?: readonly ToolCall[]
  readonly toolCallId?: string
  readonly name?: string
}

export interface ToolSpec {
  readonly name: string
  readonly description?: string
  /** JSON Schema of the arguments. */
  readonly parameters: Record<string, unknown>
}

export interface ToolCall {
  readonly id: string
  readonly name: string
  /** JSON text. */
  readonly arguments: string
}

export interface GenerateRequest {
  readonly prompt: Prompt
  /** At most this many new tokens; absent means what the context leaves. */
  readonly maxTokens?: number
  /** 0 is greedy. */
  readonly temperature?: number
  readonly topP?: number
  readonly topK?: number
  readonly minP?: number
  readonly seed?: number
  readonly frequencyPenalty?: number
  readonly presencePenalty?: number
  /** Strings that end the answer and are not part of it. */
  readonly stop?: readonly string[]
  /**
   * What the prompt continues from one request to the next, e.g. a conversation's id. What is computed for it may be
   * kept on disk, so that it need not be computed again; without one it is not.
   */
  readonly session?: string
  /** Whose request it is. Where requests wait, users take turns; absent: the owner's. */
  readonly user?: string
  /** Restricts the answer. With `tools`, `tool` forces a call of one (`name`) or of any (`required`). */
  readonly format?:
    | { readonly type: 'json-schema'; readonly schema: Record<string, unknown> }
    | { readonly type: 'json' }
    | { readonly type: 'tool'; readonly name?: string }
}

export type GenerateEvent =
  /** Only where several share a model: so many answers come first. Before any other event. */
  | { readonly type: 'waiting'; readonly ahead: number }
  | { readonly type: 'prompt'; readonly promptTokens: number; readonly cachedTokens: number }
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'tool-call'; readonly call: ToolCall }
  | {
      readonly type: 'end'
      readonly reason: 'stop' | 'length' | 'tool-calls' | 'abort'
      readonly promptTokens: number
      readonly cachedTokens: number
      readonly completionTokens: number
      /** Ms spent on the prompt, and from the first token to the last. */
      readonly promptMs: number
      readonly decodeMs: number
    }

/** What an engine itself says of an answer. */
export type AnswerEvent = Exclude<GenerateEvent, { type: 'waiting' }>
