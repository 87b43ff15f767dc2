import type {
  ChatCompletionChunk,
  ChatCompletionParams,
  RawCompletionChunk,
  RawCompletionParams,
  StreamParams,
} from '@wllama/wllama/esm/index.js'
import type {
  EngineState,
  GenerateEvent,
  GenerateRequest,
  LoadedModel,
  ModelFile,
  Prompt,
} from '#shared/contracts/engine.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { Answering, completionOf, endOf, overflowOf, promptOf, textOf, type ServerChunk } from '#shared/generation/llama-server.ts' // prettier-ignore
import { Pipe } from '#shared/generation/pipe.ts'
import { Slots } from '#shared/generation/slots.ts'
import type { Session } from './session.ts'

export interface WllamaModelInit {
  readonly model: ModelFile
  readonly parallel: number
  readonly session: Session
  /** Loads the same model again after a crash. */
  readonly restart: () => Promise<Session>
  readonly onState: (state: EngineState) => void
  readonly onDispose: () => void
}

type TextRequest = RawCompletionParams & StreamParams<RawCompletionChunk>
type ChatRequest = ChatCompletionParams & StreamParams<ChatCompletionChunk>

/** No sign of life for so long means the worker hangs, ms: a step of 64 tokens takes 20 s on a slow phone. */
const silenceLimit = 60_000
/** A stopped answer has to let go of its slot within this, or the worker is ended. */
const stopLimit = 5_000
const countsKept = 16

/** A model in a worker of wllama. */
export class WllamaModel implements LoadedModel {
  readonly model: ModelFile
  readonly contextTokens: number
  readonly dimensions: number
  readonly parallel: number
  readonly #init: WllamaModelInit
  readonly #slots: Slots
  readonly #counts = new Map<string, number>()
  /** Aborted when the worker dies: everything in flight ends with it. */
  #life = new AbortController()
  #session: Session | undefined
  #restarting: Promise<Session> | undefined
  #disposed = false

  constructor(init: WllamaModelInit) {
    this.#init = init
    this.model = init.model
    this.#session = init.session
    this.contextTokens = init.session.contextTokens
    this.dimensions = init.session.dimensions
    this.parallel = init.parallel
    this.#slots = new Slots(init.model.task === 'embed' ? 1 : init.parallel)
  }

  async countTokens(prompt: Prompt, signal: AbortSignal): Promise<number> {
    const key = JSON.stringify(prompt)
    const known = this.#counts.get(key)
    if (known !== undefined) return known
    const release = await this.#slots.take(signal)
    try {
      signal.throwIfAborted()
      const stopper = new AbortController()
      let total = 0
      // The engine has no tokenizer of its own to ask: it tells the length when it begins to read a prompt.
      const request = { ...promptOf(prompt), n_predict: 1, cache_prompt: true, return_progress: true } // prettier-ignore
      try {
        await this.#stream(request, stopper.signal, signal, (chunk) => {
          if (chunk.prompt_progress) total = chunk.prompt_progress.total
          if (total > 0) stopper.abort()
        })
      } catch (error) {
        if (!(error instanceof SiloError) || error.code !== 'context_overflow') throw error
        total = Number(error.params.needed)
      }
      signal.throwIfAborted()
      this.#remember(key, total)
      return total
    } finally {
      release()
    }
  }

  async *generate(request: GenerateRequest, signal: AbortSignal): AsyncGenerator<GenerateEvent> {
    this.#requireLife()
    if (this.model.task === 'embed') throw wrongTask(this.model.id, 'chat')
    const body = completionOf(request)
    let release: () => void
    try {
      release = await this.#slots.take(signal)
    } catch {
      yield endOf('abort')
      return
    }
    const pipe = new Pipe<GenerateEvent>()
    const stopper = new AbortController()
    const answer = new Answering(request, pipe)
    const stop = (): void => {
      answer.aborted()
      stopper.abort()
    }
    signal.addEventListener('abort', stop, { once: true })
    const work = this.#stream(body, stopper.signal, signal, (chunk) => {
      answer.read(chunk)
      if (answer.stopped) stopper.abort()
    })
      .then(
        () => answer.ended(),
        (error) => pipe.fail(error),
      )
      .finally(() => {
        signal.removeEventListener('abort', stop)
        release()
      })
    try {
      yield* pipe
    } finally {
      stopper.abort()
      void work
    }
  }

  async embed(texts: readonly string[], signal: AbortSignal): Promise<Float32Array[]> {
    this.#requireLife()
    signal.throwIfAborted()
    if (this.model.task !== 'embed') throw wrongTask(this.model.id, 'embed')
    const vectors: Float32Array[] = []
    const release = await this.#slots.take(signal)
    try {
      for (const text of texts) {
        signal.throwIfAborted()
        const session = await this.#ready()
        const { data } = await this.#alive(session.wllama.createEmbedding({ input: text })).catch(
          (error: unknown) => {
            throw this.#failure(error, session)
          },
        )
        const vector = data[0]?.embedding
        if (!Array.isArray(vector)) throw new SiloError('engine_crashed')
        vectors.push(Float32Array.from(vector))
      }
      return vectors
    } finally {
      release()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed) return
    this.#disposed = true
    this.#end(new SiloError('engine_crashed'))
    this.#init.onDispose()
  }

  /** Ends the worker at once, as a crash would; the next request starts another. */
  kill(): void {
    this.#end(new SiloError('engine_crashed'))
    if (!this.#disposed) this.#init.onState('restarting')
  }

  /** Runs one completion to its end, to the stop or to the death of the worker, whichever comes first. */
  async #stream(
    body: Record<string, unknown>,
    stop: AbortSignal,
    signal: AbortSignal,
    onChunk: (chunk: ServerChunk) => void,
  ): Promise<void> {
    if ((await this.#attempt(body, stop, signal, onChunk)) === 'ended') return
    // A worker that hung before its first word has lost nothing but time: another one is asked the same, once.
    if ((await this.#attempt(body, stop, signal, onChunk)) === 'hung')
      throw new SiloError('engine_crashed')
  }

  /** 'hung' where the worker was ended because nothing came of it, and no word had. */
  async #attempt(
    body: Record<string, unknown>,
    stop: AbortSignal,
    signal: AbortSignal,
    onChunk: (chunk: ServerChunk) => void,
  ): Promise<'ended' | 'hung'> {
    const session = await this.#ready()
    if (stop.aborted || signal.aborted) return 'ended'
    let said = false
    let hung = false
    const watchdog = new Watchdog(() => {
      hung = !stop.aborted
      this.kill()
    })
    const options = {
      ...body,
      stream: true as const,
      abortSignal: stop,
      onData: (chunk: ServerChunk) => {
        watchdog.seen(silenceLimit)
        said ||= textOf(chunk) !== ''
        onChunk(chunk)
      },
    }
    const unwatch = onAbort(stop, () => watchdog.seen(stopLimit))
    watchdog.seen(silenceLimit)
    try {
      const { wllama } = session
      const call: Promise<void> =
        'prompt' in body
          ? wllama.createCompletion(options as unknown as TextRequest)
          : wllama.createChatCompletion(options as unknown as ChatRequest)
      await this.#alive(call)
      return 'ended'
    } catch (error) {
      if (error instanceof Error && error.name === 'AbortError' && stop.aborted) return 'ended'
      if (hung && !said) return 'hung'
      throw this.#failure(error, session)
    } finally {
      unwatch()
      watchdog.stop()
    }
  }

  async #ready(): Promise<Session> {
    this.#requireLife()
    if (this.#session) return this.#session
    this.#restarting ??= this.#init
      .restart()
      .then(async (session) => {
        if (this.#disposed) await session.wllama.exit()
        this.#requireLife()
        this.#session = session
        this.#init.onState('ready')
        return session
      })
      .catch((error: unknown) => {
        this.#init.onState('failed')
        throw error
      })
      .finally(() => (this.#restarting = undefined))
    return this.#restarting
  }

  /** `promise`, unless the worker dies first: what waits for a dead worker would wait for ever. */
  #alive<T>(promise: Promise<T>): Promise<T> {
    const { signal } = this.#life
    return new Promise((resolve, reject) => {
      const unwatch = onAbort(signal, () => reject(signal.reason))
      promise.then(resolve, reject).finally(unwatch)
    })
  }

  #failure(error: unknown, session: Session): unknown {
    if (error instanceof SiloError) return error
    const message = error instanceof Error ? error.message : String(error)
    const overflow = overflowOf(message, this.contextTokens)
    if (overflow) return overflow
    if (/grammar|json.?schema/i.test(message + session.complaint()))
      return new SiloError('grammar_invalid', { params: { detail: message }, cause: error })
    this.kill()
    return new SiloError('engine_crashed', { cause: error })
  }

  #end(reason: SiloError): void {
    this.#life.abort(reason)
    this.#life = new AbortController()
    void this.#session?.wllama.exit().catch(() => {})
    this.#session = undefined
  }

  #requireLife(): void {
    if (this.#disposed) throw new SiloError('engine_crashed')
  }

  #remember(key: string, tokens: number): void {
    this.#counts.set(key, tokens)
    const oldest = this.#counts.keys().next()
    if (this.#counts.size > countsKept && !oldest.done) this.#counts.delete(oldest.value)
  }
}

class Watchdog {
  readonly #bark: () => void
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(bark: () => void) {
    this.#bark = bark
  }

  /** Waits for `ms` from now. */
  seen(ms: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(this.#bark, ms)
  }

  stop(): void {
    clearTimeout(this.#timer)
  }
}

function onAbort(signal: AbortSignal, act: () => void): () => void {
  if (signal.aborted) act()
  else signal.addEventListener('abort', act, { once: true })
  return () => signal.removeEventListener('abort', act)
}

function wrongTask(model: string, task: string): SiloError {
  return new SiloError('model_wrong_task', { params: { model, task } })
}
