import type { Log } from '#companion/observe/log.ts'
import type {
  EngineState,
  GenerateEvent,
  GenerateRequest,
  LoadedModel,
  LoadPlan,
  ModelFile,
  Prompt,
} from '#shared/contracts/engine.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { abortable } from '#shared/generation/abortable.ts'
import { EngineChild } from './child.ts'
import type { FromWorker, ToWorker } from './messages.ts'

type Loaded = Extract<FromWorker, { op: 'loaded' }>

export interface LoadedOptions {
  readonly model: ModelFile
  readonly plan: LoadPlan
  readonly gpu: 'auto' | 'cpu'
  readonly threads: number
  readonly kvBytesPerToken: number
  readonly pages: Extract<ToWorker, { op: 'load' }>['pages']
  readonly log: Log
  readonly onState: (state: EngineState) => void
  readonly onDispose: () => void
}

/** Loading may read many gigabytes from a slow disk. Milliseconds. */
const loadLimit = 10 * 60_000
/** Restarts without being asked, within `restartWindow` ms; beyond that the next call restarts. */
const eagerRestarts = 3
const restartWindow = 60_000
/** Computed context is written within this when a model is unloaded, or lost. Milliseconds. */
const keepLimit = 10_000
const forgetLimit = 60_000
/** Texts per message: an abort takes effect between messages. */
const textsPerMessage = 8

/** A model in its own process, which is started again when it dies. */
export class LlamaCppModel implements LoadedModel {
  readonly model: ModelFile
  readonly #options: LoadedOptions
  #running: Promise<{ child: EngineChild; loaded: Loaded }> | undefined
  #child: EngineChild | undefined
  #granted: Loaded | undefined
  #disposed = false
  #crashes: number[] = []

  constructor(options: LoadedOptions) {
    this.model = options.model
    this.#options = options
  }

  get contextTokens(): number {
    return this.#granted?.contextTokens ?? this.#options.plan.contextTokens
  }

  get dimensions(): number {
    return this.#granted?.dimensions ?? 0
  }

  get parallel(): number {
    return this.#granted?.parallel ?? this.#options.plan.parallel
  }

  get callsTools(): boolean {
    return this.#granted?.callsTools ?? false
  }

  get backend(): Loaded['backend'] | undefined {
    return this.#granted?.backend
  }

  /** Process id of the engine, for tests and `silo doctor`. */
  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** Starts the process and loads the model; the abort ends both. */
  async start(signal: AbortSignal, onProgress?: (fraction: number) => void): Promise<void> {
    signal.throwIfAborted()
    const stop = (): void => void this.#child?.close()
    signal.addEventListener('abort', stop, { once: true })
    try {
      await this.#ensure(onProgress)
    } catch (error) {
      signal.throwIfAborted()
      throw error
    } finally {
      signal.removeEventListener('abort', stop)
    }
  }

  async countTokens(prompt: Prompt, signal: AbortSignal): Promise<number> {
    const { child } = await this.#ready(signal)
    const reply = await ask(child, signal, (id) => ({ op: 'count', id, prompt: mutable(prompt) }))
    if (reply.op !== 'counted') throw new SiloError('engine_crashed')
    return reply.tokens
  }

  async *generate(request: GenerateRequest, signal: AbortSignal): AsyncGenerator<GenerateEvent> {
    let promptTokens = 0
    let cachedTokens = 0
    let completionTokens = 0
    const startedAt = performance.now()
    const aborted = (): GenerateEvent => ({
      type: 'end',
      reason: 'abort',
      promptTokens,
      cachedTokens,
      completionTokens,
      promptMs: 0,
      decodeMs: performance.now() - startedAt,
    })
    if (this.model.task !== 'chat') throw wrongTask(this.model.id, 'chat')
    if (signal.aborted) {
      yield aborted()
      return
    }
    const { child } = await this.#ready(signal).catch((error: unknown) => {
      if (signal.aborted) return { child: undefined }
      throw error
    })
    if (!child) {
      yield aborted()
      return
    }
    const queue: GenerateEvent[] = []
    let failure: SiloError | undefined
    let wake: (() => void) | undefined
    const id = child.request((id) => ({ op: 'generate', id, request: mutable(request) }), {
      message: (message) => {
        if (message.op === 'events') queue.push(...message.events)
        wake?.()
      },
      error: (error) => {
        failure = error
        wake?.()
      },
    })
    const onAbort = (): void => wake?.()
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      for (;;) {
        const event = queue.shift()
        if (event) {
          if (event.type === 'prompt') ({ promptTokens, cachedTokens } = event)
          else if (event.type === 'text') completionTokens++
          if (event.type === 'end') {
            child.forget(id)
            yield event
            return
          }
          yield event
        } else if (signal.aborted) {
          yield aborted()
          return
        } else if (failure) throw failure
        else {
          await new Promise<void>((resolve) => {
            wake = resolve
          })
        }
      }
    } finally {
      signal.removeEventListener('abort', onAbort)
      child.cancel(id)
    }
  }

  async embed(texts: readonly string[], signal: AbortSignal): Promise<Float32Array[]> {
    if (this.model.task !== 'embed') throw wrongTask(this.model.id, 'embed')
    const { child } = await this.#ready(signal)
    const vectors: Float32Array[] = []
    for (let at = 0; at < texts.length; at += textsPerMessage) {
      const part = texts.slice(at, at + textsPerMessage)
      const reply = await ask(child, signal, (id) => ({ op: 'embed', id, texts: part }))
      if (reply.op !== 'vectors') throw new SiloError('engine_crashed')
      vectors.push(...reply.vectors)
    }
    return vectors
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed) return
    this.#disposed = true
    this.#options.onDispose()
    if (this.#options.pages) await this.#tell((id) => ({ op: 'keep', id }), keepLimit)
    await this.#child?.close()
  }

  /** Drops what was computed for a session (absent: for any), from memory and disk. Never throws. */
  async forget(session?: string): Promise<void> {
    await this.#tell((id) => ({ op: 'forget', id, ...(session === undefined ? {} : { session }) }), forgetLimit) // prettier-ignore
  }

  /** Pages on disk may have so many bytes from now on. Never throws. */
  async limitPages(maxBytes: number): Promise<void> {
    await this.#tell((id) => ({ op: 'limit-pages', id, maxBytes }), keepLimit)
  }

  /** Asks a process that runs for something that may fail. */
  async #tell(build: (id: number) => ToWorker, limit: number): Promise<void> {
    const child = this.#child
    if (!this.#granted || !child || child.gone) return
    await ask(child, AbortSignal.timeout(limit), build).catch((error: unknown) => {
      this.#options.log.debug('the engine did not do as it was told', { error })
    })
  }

  async #ready(signal: AbortSignal): Promise<{ child: EngineChild }> {
    signal.throwIfAborted()
    if (this.#disposed) throw new SiloError('engine_crashed')
    return abortable(this.#ensure(), signal)
  }

  #ensure(
    onProgress?: (fraction: number) => void,
  ): Promise<{ child: EngineChild; loaded: Loaded }> {
    if (!this.#running) {
      const running = this.#launch(onProgress)
      this.#running = running
      running.catch(() => {
        if (this.#running === running) this.#running = undefined
      })
    }
    return this.#running
  }

  async #launch(
    onProgress?: (fraction: number) => void,
  ): Promise<{ child: EngineChild; loaded: Loaded }> {
    const { model, plan, gpu, threads, kvBytesPerToken, pages, log, onState } = this.#options
    onState(this.#granted ? 'restarting' : 'loading')
    let up = false
    const child = new EngineChild({ log, onExit: () => up && this.#died() })
    this.#child = child
    const timer = setTimeout(() => void child.close(), loadLimit)
    try {
      const loaded = await new Promise<Loaded>((resolve, reject) => {
        child.request(
          (id) => ({
            op: 'load',
            id,
            modelId: model.id,
            path: model.path,
            task: model.task,
            contextTokens: plan.contextTokens,
            parallel: plan.parallel,
            gpu,
            threads,
            kvBytesPerToken,
            ...(pages ? { pages } : {}),
          }),
          {
            message: (message) => {
              if (message.op === 'progress') onProgress?.(message.fraction)
              else if (message.op === 'loaded') resolve(message)
            },
            error: reject,
          },
        )
      })
      this.#granted = loaded
      up = true
      onState('ready')
      return { child, loaded }
    } catch (error) {
      await child.close()
      onState('failed')
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  #died(): void {
    this.#running = undefined
    if (this.#disposed) return
    this.#options.onState('restarting')
    const now = Date.now()
    this.#crashes = [...this.#crashes.filter((at) => now - at < restartWindow), now]
    if (this.#crashes.length <= eagerRestarts) this.#ensure().catch(() => {})
    else this.#options.onState('failed')
  }
}

function ask(
  child: EngineChild,
  signal: AbortSignal,
  build: Parameters<EngineChild['request']>[0],
): Promise<FromWorker> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      child.cancel(id)
      reject(signal.reason)
    }
    const settle = (): void => {
      signal.removeEventListener('abort', onAbort)
      child.forget(id)
    }
    const id = child.request(build, {
      message: (message) => {
        settle()
        resolve(message)
      },
      error: (error) => {
        signal.removeEventListener('abort', onAbort)
        reject(error)
      },
    })
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
}

/** Contract types are deeply readonly, message types are what the schema infers; the data is the same. */
function mutable<T>(value: T): Mutable<T> {
  return value as Mutable<T>
}
type Mutable<T> = T extends (infer U)[] | readonly (infer U)[]
  ? Mutable<U>[]
  : T extends object
    ? { -readonly [K in keyof T]: Mutable<T[K]> }
    : T

function wrongTask(model: string, task: string): SiloError {
  return new SiloError('model_wrong_task', { params: { model, task } })
}
