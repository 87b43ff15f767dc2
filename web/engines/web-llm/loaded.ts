import type {
  EngineState,
  GenerateEvent,
  GenerateRequest,
  LoadedModel,
  ModelFile,
  Prompt,
} from '#shared/contracts/engine.ts'
import type { PageModelOffer } from '#shared/domain/page-model.ts'
import { fromWire, SiloError } from '#shared/errors/silo-error.ts'
import { Pipe } from '#shared/generation/pipe.ts'
import { Slots } from '#shared/generation/slots.ts'
import type { FromWorker, ToWorker } from './messages.ts'

interface Init {
  readonly file: ModelFile
  readonly record: PageModelOffer
  readonly contextTokens: number
  readonly f16: boolean
  readonly signal: AbortSignal
  readonly onProgress: (fraction: number) => void
  readonly onState: (state: EngineState) => void
  readonly onDispose: () => void
}

type Listener = (message: FromWorker) => void

/** Nothing from the worker for so long means it hangs, ms: shaders of a first load compile for a minute. */
const silenceLimit = 180_000
/** A stopped answer has to end within this, or the worker is ended, ms. */
const stopLimit = 5_000
const freeId = 0

/** A model of web-llm in its worker; after a crash the next request starts another. */
export class WebLlmModel implements LoadedModel {
  readonly model: ModelFile
  readonly contextTokens: number
  readonly dimensions = 0
  readonly parallel = 1
  readonly #init: Init
  readonly #slots = new Slots(1)
  readonly #listeners = new Map<number, Listener>()
  #worker: Worker | undefined
  #nextId = freeId + 1
  #disposed = false

  private constructor(init: Init) {
    this.#init = init
    this.model = init.file
    this.contextTokens = init.contextTokens
  }

  static async start(init: Init): Promise<WebLlmModel> {
    const model = new WebLlmModel(init)
    await model.#start(init.signal)
    return model
  }

  async countTokens(prompt: Prompt, signal: AbortSignal): Promise<number> {
    const release = await this.#slots.take(signal)
    try {
      await this.#start(signal)
      const answer = await this.#ask((id) => ({ op: 'count', id, prompt }), signal)
      return answer.op === 'counted' ? answer.tokens : 0
    } finally {
      release()
    }
  }

  async *generate(request: GenerateRequest, signal: AbortSignal): AsyncGenerator<GenerateEvent> {
    if (this.#disposed) throw new SiloError('engine_crashed')
    let release: () => void
    try {
      release = await this.#slots.take(signal)
    } catch {
      yield stopped
      return
    }
    const pipe = new Pipe<GenerateEvent>()
    let id = freeId
    let timer: ReturnType<typeof setTimeout> | undefined
    const watch = (ms: number): void => {
      clearTimeout(timer)
      timer = setTimeout(() => this.#crash(new SiloError('engine_crashed')), ms)
    }
    let last: GenerateEvent = stopped
    let ended = false
    const settle = (): void => {
      ended = true
      clearTimeout(timer)
      this.#listeners.delete(id)
      release()
    }
    const stop = (): void => {
      // The person need not wait for the worker; the next request does.
      pipe.push({ ...stopped, ...(last.type === 'prompt' ? { promptTokens: last.promptTokens } : {}) }) // prettier-ignore
      pipe.close()
      if (id === freeId || ended) return
      this.#post({ op: 'cancel', id })
      watch(stopLimit)
    }
    signal.addEventListener('abort', stop, { once: true })
    try {
      await this.#start(signal)
      id = this.#listen((message) => {
        if (!signal.aborted) watch(silenceLimit)
        if (message.op === 'error') {
          settle()
          pipe.fail(fromWire(message.error))
        } else if (message.op === 'event') {
          if (message.event.type === 'prompt') last = message.event
          if (message.event.type === 'end') settle()
          pipe.push(message.event)
          if (message.event.type === 'end') pipe.close()
        }
      })
      watch(silenceLimit)
      this.#post({ op: 'generate', id, request })
    } catch (error) {
      settle()
      if (!signal.aborted) pipe.fail(error)
    }
    try {
      yield* pipe
    } finally {
      signal.removeEventListener('abort', stop)
      if (!ended && !signal.aborted) stop()
    }
  }

  async embed(_texts: readonly string[], signal: AbortSignal): Promise<Float32Array[]> {
    signal.throwIfAborted()
    throw new SiloError('model_wrong_task', { params: { model: this.model.id, task: 'embed' } })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed) return
    this.#disposed = true
    this.#end(new SiloError('engine_crashed'))
    this.#init.onDispose()
  }

  /** Starts the worker and loads the model, unless it runs. */
  async #start(signal: AbortSignal): Promise<void> {
    if (this.#disposed) throw new SiloError('engine_crashed')
    if (this.#worker) return
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' })
    this.#worker = worker
    worker.addEventListener('message', ({ data }: MessageEvent<FromWorker>) => {
      if (this.#worker === worker) this.#listeners.get(data.id)?.(data)
    })
    worker.addEventListener('error', (event) => {
      if (this.#worker === worker) this.#crash(new SiloError('engine_crashed', { cause: event.message })) // prettier-ignore
    })
    const { record, contextTokens, f16 } = this.#init
    try {
      await this.#ask((id) => ({ op: 'load', id, record, contextTokens, f16 }), signal)
      this.#init.onState('ready')
    } catch (error) {
      this.#end(new SiloError('engine_crashed'))
      throw error
    }
  }

  #ask(build: (id: number) => ToWorker, signal: AbortSignal): Promise<FromWorker> {
    return new Promise((resolve, reject) => {
      let timer: ReturnType<typeof setTimeout> | undefined
      const watch = (): void => {
        clearTimeout(timer)
        timer = setTimeout(() => this.#crash(new SiloError('engine_crashed')), silenceLimit)
      }
      const settle = (): void => {
        clearTimeout(timer)
        signal.removeEventListener('abort', leave)
        this.#listeners.delete(id)
      }
      const leave = (): void => {
        settle()
        reject(signal.reason)
      }
      const id = this.#listen((message) => {
        watch()
        if (message.op === 'progress') return this.#init.onProgress(message.fraction)
        settle()
        if (message.op === 'error') reject(fromWire(message.error))
        else resolve(message)
      })
      if (signal.aborted) return leave()
      signal.addEventListener('abort', leave, { once: true })
      watch()
      this.#post(build(id))
    })
  }

  #listen(listener: Listener): number {
    const id = this.#nextId++
    this.#listeners.set(id, listener)
    return id
  }

  #post(message: ToWorker): void {
    this.#worker?.postMessage(message)
  }

  #crash(reason: SiloError): void {
    this.#end(reason)
    if (!this.#disposed) this.#init.onState('restarting')
  }

  #end(reason: SiloError): void {
    this.#worker?.terminate()
    this.#worker = undefined
    const { code, retryable, message } = reason
    for (const [id, listener] of this.#listeners)
      listener({ op: 'error', id, error: { code, retryable, message } })
    this.#listeners.clear()
  }
}

const stopped = {
  type: 'end',
  reason: 'abort',
  promptTokens: 0,
  cachedTokens: 0,
  completionTokens: 0,
  promptMs: 0,
  decodeMs: 0,
} as const satisfies GenerateEvent
