import type {
  Engine,
  EngineProbe,
  EngineState,
  LoadedModel,
  LoadPlan,
  ModelFile,
} from '#shared/contracts/engine.ts'
import type { PageModelOffer } from '#shared/domain/page-model.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import type { GpuProbe } from '../capability.ts'
import { webLlmLibraries, webLlmVersion, type PageModel } from '../page-models/catalogue.ts'
import { requirePair } from '../page-models/sources.ts'
import { WebLlmModel } from './loaded.ts'

export interface WebLlmOptions {
  readonly gpu: () => Promise<GpuProbe>
  /** What the model at `path` (its id) is, and the files it consists of here. */
  readonly find: (path: string) => Promise<{ model: PageModel; record: PageModelOffer }>
  /** Takes an adapter that computes on the processor: minutes per token, for tests of loading only. */
  readonly allowSoftware?: boolean
}

/** web-llm: models compiled for WebGPU, each in a worker of its own. One request at a time per model. */
export class WebLlmEngine implements Engine {
  readonly specVersion = 1
  readonly id = 'web-llm'
  readonly #options: WebLlmOptions
  readonly #loaded = new Map<string, Promise<WebLlmModel>>()
  readonly #listeners = new Set<(state: EngineState) => void>()
  #state: EngineState = 'idle'

  constructor(options: WebLlmOptions) {
    this.#options = options
  }

  get state(): EngineState {
    return this.#state
  }

  onStateChange(listener: (state: EngineState) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  async probe(signal: AbortSignal): Promise<EngineProbe> {
    signal.throwIfAborted()
    const gpu = await this.#options.gpu()
    const software = gpu.state === 'software' && this.#options.allowSoftware === true
    const reasons = {
      works: undefined,
      software: software ? undefined : 'WebGPU computes on the processor here',
      broken: 'WebGPU computes wrong numbers here, or none',
      none: 'there is no WebGPU here',
    }
    const reason = reasons[gpu.state]
    return {
      available: reason === undefined,
      ...(reason === undefined ? {} : { reason }),
      build: `web-llm@${webLlmVersion}+${webLlmLibraries}`,
      backend: reason === undefined ? 'vulkan' : 'none',
      threads: 1,
    }
  }

  async load(
    file: ModelFile,
    plan: LoadPlan,
    options: { signal: AbortSignal; onProgress?: (fraction: number) => void },
  ): Promise<LoadedModel> {
    options.signal.throwIfAborted()
    const key = JSON.stringify([file.path, plan.contextTokens])
    const known = this.#loaded.get(key)
    if (known) return known
    const loading = this.#load(key, file, plan, options)
    this.#loaded.set(key, loading)
    this.#set('loading')
    try {
      const loaded = await loading
      this.#set('ready')
      return loaded
    } catch (error) {
      this.#loaded.delete(key)
      this.#set(options.signal.aborted ? 'idle' : 'failed')
      throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const models = await Promise.allSettled(this.#loaded.values())
    for (const result of models)
      if (result.status === 'fulfilled') await result.value[Symbol.asyncDispose]()
  }

  async #load(
    key: string,
    file: ModelFile,
    plan: LoadPlan,
    { signal, onProgress }: { signal: AbortSignal; onProgress?: (fraction: number) => void },
  ): Promise<WebLlmModel> {
    if (file.task !== 'chat')
      throw new SiloError('model_wrong_task', { params: { model: file.id, task: 'chat' } })
    const probe = await this.probe(signal)
    if (!probe.available)
      throw new SiloError('page_engine_unavailable', { params: { detail: probe.reason ?? '' } })
    const { model, record } = await this.#options.find(file.path)
    requirePair(model, record)
    return WebLlmModel.start({
      file,
      record,
      contextTokens: Math.min(plan.contextTokens, model.contextLength),
      f16: model.gpu?.f16 ?? false,
      signal,
      onProgress: onProgress ?? (() => {}),
      onState: (state) => this.#set(state),
      onDispose: () => {
        this.#loaded.delete(key)
        this.#set('idle')
      },
    })
  }

  #set(state: EngineState): void {
    if (state === this.#state) return
    this.#state = state
    for (const listener of this.#listeners) listener(state)
  }
}
