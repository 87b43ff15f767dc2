import type { GenerateEvent, GenerateRequest, LoadedModel, ModelFile, Prompt } from '#shared/contracts/engine.ts' // prettier-ignore
import { SiloError } from '#shared/errors/silo-error.ts'
import { endOf } from '#shared/generation/llama-server.ts'
import type { ServerDialect } from './dialect.ts'
import { ServerRefusal, type ServerAddress } from './http.ts'

/** A server with a model in it, and how to have it again after it died. */
export interface ServerHost extends AsyncDisposable {
  /** The server that runs; starts it again where it died. @throws SiloError engine_crashed */
  address(signal: AbortSignal): Promise<ServerAddress>
}

export interface ServerModelInit {
  readonly model: ModelFile
  readonly host: ServerHost
  readonly dialect: ServerDialect
  readonly contextTokens: number
  /** Answers at once. */
  readonly parallel: number
  /** 0 for a chat model. */
  readonly dimensions: number
  readonly callsTools?: boolean
  /** The server does not tell how long a prompt is before it answers; then it is counted first. */
  readonly countsFirst?: boolean
  readonly onDispose: () => void
}

/** Counts of prompts are asked for more than once in a turn. */
const countsKept = 16
const textsPerRequest = 8

/** A model in a server that speaks HTTP. */
export class ServerModel implements LoadedModel {
  readonly model: ModelFile
  readonly contextTokens: number
  readonly dimensions: number
  readonly parallel: number
  readonly callsTools: boolean
  readonly #init: ServerModelInit
  readonly #counts = new Map<string, number>()
  readonly #life = new AbortController()

  constructor(init: ServerModelInit) {
    this.#init = init
    this.model = init.model
    this.contextTokens = init.contextTokens
    this.dimensions = init.dimensions
    this.parallel = init.parallel
    this.callsTools = init.callsTools ?? false
  }

  async countTokens(prompt: Prompt, signal: AbortSignal): Promise<number> {
    const key = JSON.stringify(prompt)
    const known = this.#counts.get(key)
    if (known !== undefined) return known
    const tokens = await this.#during(signal, (address, until) =>
      this.#init.dialect.countTokens(address, prompt, until),
    )
    this.#counts.set(key, tokens)
    const oldest = this.#counts.keys().next()
    if (this.#counts.size > countsKept && !oldest.done) this.#counts.delete(oldest.value)
    return tokens
  }

  async *generate(request: GenerateRequest, signal: AbortSignal): AsyncGenerator<GenerateEvent> {
    if (this.model.task !== 'chat') throw wrongTask(this.model.id, 'chat')
    let prompt: Extract<GenerateEvent, { type: 'prompt' }> | undefined
    const aborted = (): GenerateEvent =>
      ({ ...endOf('abort'), ...prompt, type: 'end' }) as GenerateEvent
    if (signal.aborted) return yield aborted()
    const until = AbortSignal.any([signal, this.#life.signal])
    try {
      const address = await this.#init.host.address(until)
      if (this.#init.countsFirst) {
        const promptTokens = await this.countTokens(request.prompt, signal)
        if (promptTokens >= this.contextTokens)
          throw new SiloError('context_overflow', { params: { needed: promptTokens + 1, limit: this.contextTokens } }) // prettier-ignore
        prompt = { type: 'prompt', promptTokens, cachedTokens: 0 }
        yield prompt
      }
      for await (const event of this.#init.dialect.generate(address, request, until)) {
        if (event.type === 'prompt') prompt = event
        if (signal.aborted) return yield aborted()
        yield event
        if (event.type === 'end') return
      }
      throw new SiloError('engine_crashed', { cause: new Error('the answer had no end') })
    } catch (error) {
      if (signal.aborted) return yield aborted()
      throw this.#failure(error)
    }
  }

  async embed(texts: readonly string[], signal: AbortSignal): Promise<Float32Array[]> {
    if (this.model.task !== 'embed') throw wrongTask(this.model.id, 'embed')
    const vectors: Float32Array[] = []
    for (let at = 0; at < texts.length; at += textsPerRequest) {
      const part = texts.slice(at, at + textsPerRequest)
      const found = await this.#during(signal, (address, until) =>
        this.#init.dialect.embed(address, part, until),
      )
      if (found.length !== part.length) throw new SiloError('engine_crashed')
      vectors.push(...found.map(unit))
    }
    signal.throwIfAborted()
    return vectors
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#life.signal.aborted) return
    this.#life.abort(new SiloError('engine_crashed'))
    this.#init.onDispose()
    await this.#init.host[Symbol.asyncDispose]()
  }

  async #during<T>(
    signal: AbortSignal,
    work: (address: ServerAddress, until: AbortSignal) => Promise<T>,
  ): Promise<T> {
    signal.throwIfAborted()
    const until = AbortSignal.any([signal, this.#life.signal])
    try {
      return await work(await this.#init.host.address(until), until)
    } catch (error) {
      signal.throwIfAborted()
      throw this.#failure(error)
    }
  }

  #failure(error: unknown): unknown {
    if (error instanceof SiloError) return error
    const refused = error instanceof ServerRefusal ? this.#init.dialect.refusal(error.message, this.contextTokens) : undefined // prettier-ignore
    return refused ?? new SiloError('engine_crashed', { cause: error })
  }
}

function unit(vector: Float32Array): Float32Array {
  let squares = 0
  for (const value of vector) squares += value * value
  const norm = Math.sqrt(squares) || 1
  return vector.map((value) => value / norm)
}

function wrongTask(model: string, task: string): SiloError {
  return new SiloError('model_wrong_task', { params: { model, task } })
}
