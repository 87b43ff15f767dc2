import type { LoadedModel } from '#shared/contracts/engine.ts'
import type { SiloError } from '#shared/errors/silo-error.ts'
import type { PageAbility } from '#shared/router/placement.ts'
import type { PageChoice, PageProbe } from '#web/engines/capability.ts'
import type { PageEngine, PageEngineState, PageModelState } from '#web/engines/page-engine-types.ts'
import { send } from './api.ts'

/** Screens are told of a download's progress at most this often, ms. */
const tellEvery = 150

/** The models of this page, for screens and for the router. Nothing of it is loaded before `start` or `load`. */
class PageModels {
  #engine: Promise<PageEngine> | undefined
  #known = $state.raw<PageEngine>()
  #version = $state(0)
  #telling = false

  get state(): PageEngineState {
    return this.#seen?.state ?? 'no-model'
  }
  get error(): SiloError | undefined {
    return this.#seen?.error
  }
  /** The chat model in use: loaded, else the one that would be. */
  get modelId(): string | undefined {
    return this.#seen?.modelId
  }
  /** Best first, retrieval last; empty until this browser was probed. */
  get choices(): readonly PageChoice[] {
    return this.#seen?.choices ?? []
  }
  get models(): readonly PageModelState[] {
    return this.#seen?.models ?? []
  }
  get probed(): PageProbe | undefined {
    return this.#seen?.probed
  }
  /** Empty until `start` is done. */
  get ability(): PageAbility {
    return this.#seen?.ability() ?? {}
  }

  /** Loads the code and probes this browser. Never throws. */
  async start(): Promise<void> {
    await (await this.#open()).start()
  }

  /** See `PageEngine.load`. */
  async load(
    modelId: string | undefined,
    options: { signal: AbortSignal; onProgress?: (fraction: number) => void },
  ): Promise<LoadedModel> {
    return (await this.#open()).load(modelId, options)
  }

  async unload(): Promise<void> {
    await this.#known?.unload()
  }

  /** Loads a model and lets it write a little, so that its speed on this device is known. */
  async measure(modelId: string, signal: AbortSignal): Promise<void> {
    const loaded = await this.load(modelId, { signal })
    const prompt = { kind: 'chat', messages: [{ role: 'user', content: 'Count from one to twenty.' }] } as const // prettier-ignore
    for await (const event of loaded.generate({ prompt, temperature: 0, maxTokens: 24 }, signal))
      if (event.type === 'end' && event.reason === 'abort') signal.throwIfAborted()
  }

  /** See `PageEngine.download`. */
  async download(modelId: string): Promise<void> {
    await (await this.#open()).download(modelId)
  }

  pause(modelId: string): void {
    this.#known?.pause(modelId)
  }

  async remove(modelId: string): Promise<void> {
    await (await this.#open()).remove(modelId)
  }

  get #seen(): PageEngine | undefined {
    void this.#version
    return this.#known
  }

  #open(): Promise<PageEngine> {
    this.#engine ??= import('#web/engines/page-engine.ts').then(({ createPageEngine }) => {
      const engine = createPageEngine({ ask: send })
      engine.onChange(() => this.#tell())
      this.#known = engine
      return engine
    })
    // A page that could not fetch the code may try again.
    this.#engine.catch(() => (this.#engine = undefined))
    return this.#engine
  }

  #tell(): void {
    if (this.#telling) return
    this.#telling = true
    this.#version++
    setTimeout(() => {
      this.#telling = false
      this.#version++
    }, tellEvery)
  }
}

export const pageModels = new PageModels()
