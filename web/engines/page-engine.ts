import type { Engine, LoadedModel } from '#shared/contracts/engine.ts'
import type { PageModelOffer } from '#shared/domain/page-model.ts'
import { SiloError, toSiloError } from '#shared/errors/silo-error.ts'
import type { PageAbility } from '#shared/router/placement.ts'
import { watchBattery } from './battery.ts'
import { choosePageEngine, pageContext, pageThreads, type PageChoice, type PageProbe } from './capability.ts' // prettier-ignore
import { measured } from './measured.ts'
import type { PageEngine, PageEngineState, PageModelState } from './page-engine-types.ts'
import { pageCatalogue, type PageModel } from './page-models/catalogue.ts'
import { companionOffers, sourceOf, type Ask } from './page-models/sources.ts'
import { PageModelStore, type StoredModel } from './page-models/store.ts'
import { probePage } from './page-probe.ts'
import { primeEngine } from './prime.ts'
import { Speeds } from './speeds.ts'

export type * from './page-engine-types.ts'

export interface PageEngineInit {
  /** The road to the companion, for models it has; absent where none is paired. */
  readonly ask?: Ask
  readonly catalogue?: readonly PageModel[]
  readonly probe?: () => Promise<PageProbe>
  /** Makes an engine when it is first needed. */
  readonly engines?: (id: PageModel['engine'], parts: EngineParts) => Promise<Engine>
}

export interface EngineParts {
  readonly store: PageModelStore
  readonly probe: PageProbe
  readonly catalogue: readonly PageModel[]
}

/** Models that run in the page. */
export function createPageEngine(init: PageEngineInit = {}): PageEngine {
  return new BrowserPageEngine(init)
}

interface Fetching {
  readonly controller: AbortController
  done: number
  total: number
}

interface Held {
  readonly model: PageModel
  readonly loaded: LoadedModel
}

/** The companion is asked what it has for so long, ms. */
const offerLimit = 20_000
const nothing: StoredModel = { installed: false, bytes: 0, size: 0 }

class BrowserPageEngine implements PageEngine {
  readonly #init: PageEngineInit
  readonly #catalogue: readonly PageModel[]
  readonly #store: PageModelStore
  readonly #listeners = new Set<() => void>()
  readonly #stored = new Map<string, StoredModel>()
  readonly #fetching = new Map<string, Fetching>()
  readonly #fetchErrors = new Map<string, SiloError>()
  readonly #engines = new Map<PageModel['engine'], Promise<Engine>>()
  readonly #held = new Map<PageModel['task'], Held>()
  /** Models that broke since the page was opened: they are tried last. */
  readonly #broken = new Set<string>()
  readonly #speeds = new Speeds()
  readonly #stopBattery: () => void
  #battery: PageAbility['battery']
  #probe: PageProbe | undefined
  #choices: readonly PageChoice[] = []
  #starting: Promise<void> | undefined
  #offers: readonly PageModelOffer[] = []
  #loading = 0
  #error: SiloError | undefined
  #queue: Promise<unknown> = Promise.resolve()

  constructor(init: PageEngineInit) {
    this.#init = init
    this.#catalogue = init.catalogue ?? pageCatalogue
    this.#store = new PageModelStore(init.ask ? { ask: init.ask } : {})
    this.#stopBattery = watchBattery((battery) => {
      this.#battery = battery
      this.#changed()
    })
  }

  get state(): PageEngineState {
    if (this.#loading > 0) return 'loading'
    if (this.#error) return 'failed'
    if (this.#runnable.length > 0) return 'ready'
    if (this.#fetching.size > 0) return 'downloading'
    return this.#choices.length > 1 || !this.#probe ? 'no-model' : 'unsupported'
  }

  get error(): SiloError | undefined {
    return this.#error
  }

  get modelId(): string | undefined {
    return this.#held.get('chat')?.model.id ?? this.#runnable[0]?.model.id
  }

  get choices(): readonly PageChoice[] {
    return this.#choices
  }

  get probed(): PageProbe | undefined {
    return this.#probe
  }

  get models(): readonly PageModelState[] {
    return this.#catalogue.map((model) => {
      const stored = this.#stored.get(model.id) ?? nothing
      const fetching = this.#fetching.get(model.id)
      const error = this.#fetchErrors.get(model.id)
      const speed = this.#speeds.of(model.id)
      const source = sourceOf(model, this.#offers)
      return {
        model,
        installed: stored.installed,
        partial: stored.installed ? 0 : (fetching?.done ?? stored.bytes),
        size: fetching?.total || stored.size,
        downloading: fetching !== undefined,
        loaded: this.#held.get(model.task)?.model.id === model.id,
        ...(source ? { source } : {}),
        ...(speed === undefined ? {} : { tokensPerSecond: speed }),
        ...(error ? { error } : {}),
      }
    })
  }

  start(): Promise<void> {
    this.#starting ??= this.#start()
    void this.#askOffers()
    return this.#starting
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  ability(): PageAbility {
    const held = this.#held.get('chat')
    const best = this.#runnable[0]
    const id = held?.model.id ?? best?.model.id
    const contextTokens = held?.loaded.contextTokens ?? best?.contextTokens
    const tokensPerSecond = id === undefined ? undefined : this.#speeds.of(id)
    const connection: unknown = Reflect.get(navigator, 'connection')
    const saveData = connection instanceof Object && Reflect.get(connection, 'saveData') === true
    return {
      ...(id !== undefined && contextTokens !== undefined
        ? { model: { id, contextTokens, ...(tokensPerSecond === undefined ? {} : { tokensPerSecond }) } } // prettier-ignore
        : {}),
      ...(this.#battery ? { battery: this.#battery } : {}),
      ...(saveData ? { saveData } : {}),
    }
  }

  load(
    modelId: string | undefined,
    options: { signal: AbortSignal; onProgress?: (fraction: number) => void },
  ): Promise<LoadedModel> {
    const work = this.#queue.then(async () => {
      await this.start()
      options.signal.throwIfAborted()
      this.#loading++
      this.#changed()
      try {
        const loaded = modelId === undefined ? await this.#loadBest(options) : await this.#loadOne(this.#known(modelId), options) // prettier-ignore
        this.#error = undefined
        return loaded
      } catch (error) {
        if (!options.signal.aborted) this.#error = toSiloError(error, 'page')
        throw error
      } finally {
        this.#loading--
        this.#changed()
      }
    })
    this.#queue = work.catch(() => {})
    return work
  }

  async unload(): Promise<void> {
    for (const task of this.#held.keys()) await this.#release(task)
    this.#changed()
  }

  async download(modelId: string): Promise<void> {
    const model = this.#known(modelId)
    if (this.#fetching.has(modelId)) return
    const fetching: Fetching = { controller: new AbortController(), done: 0, total: 0 }
    this.#fetching.set(modelId, fetching)
    this.#fetchErrors.delete(modelId)
    this.#changed()
    try {
      await this.#store.download(model, {
        signal: fetching.controller.signal,
        onProgress: (done, total) => {
          Object.assign(fetching, { done, total })
          this.#changed()
        },
      })
      this.#broken.delete(modelId)
      this.#error = undefined
      // With the code, the model works from now on without any road.
      if (this.#probe) await primeEngine(model.engine, this.#probe.wasm).catch(() => {})
    } catch (error) {
      const failure = toSiloError(error, 'page')
      if (failure.code !== 'cancelled') this.#fetchErrors.set(modelId, failure)
      throw failure
    } finally {
      this.#fetching.delete(modelId)
      await this.#look(model)
      this.#changed()
    }
  }

  pause(modelId: string): void {
    this.#fetching.get(modelId)?.controller.abort()
  }

  async remove(modelId: string): Promise<void> {
    const model = this.#known(modelId)
    if (this.#fetching.has(modelId))
      throw new SiloError('conflict', { params: { detail: `${model.name} is being fetched` } })
    if (this.#held.get(model.task)?.model.id === modelId) await this.#release(model.task)
    await this.#store.remove(model)
    this.#fetchErrors.delete(modelId)
    await this.#look(model)
    this.#changed()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopBattery()
    for (const { controller } of this.#fetching.values()) controller.abort()
    await this.unload()
    for (const engine of this.#engines.values())
      await engine.then((made) => made[Symbol.asyncDispose]()).catch(() => {})
    this.#listeners.clear()
  }

  /** Choices whose model is here, what broke last. */
  get #runnable(): Exclude<PageChoice, { engine: 'retrieval' }>[] {
    const here = this.#choices.filter(
      (choice) => choice.engine !== 'retrieval' && this.#stored.get(choice.model.id)?.installed,
    ) as Exclude<PageChoice, { engine: 'retrieval' }>[]
    const broke = (choice: (typeof here)[number]): number => (this.#broken.has(choice.model.id) ? 1 : 0) // prettier-ignore
    return here.sort((a, b) => broke(a) - broke(b))
  }

  async #start(): Promise<void> {
    const [probe] = await Promise.all([
      (this.#init.probe ?? probePage)(),
      ...this.#catalogue.map((model) => this.#look(model)),
    ])
    this.#probe = probe
    this.#choices = choosePageEngine(probe, this.#catalogue)
    this.#changed()
  }

  async #askOffers(): Promise<void> {
    const offers = await companionOffers(this.#init.ask, AbortSignal.timeout(offerLimit)).catch(() => []) // prettier-ignore
    this.#offers = offers
    this.#changed()
  }

  async #look(model: PageModel): Promise<void> {
    this.#stored.set(model.id, await this.#store.look(model).catch(() => nothing))
  }

  async #loadBest(options: {
    signal: AbortSignal
    onProgress?: (fraction: number) => void
  }): Promise<LoadedModel> {
    const held = this.#held.get('chat')
    if (held && !this.#broken.has(held.model.id)) return held.loaded
    let failure: unknown
    for (const { model } of this.#runnable) {
      try {
        return await this.#loadOne(model, options)
      } catch (error) {
        options.signal.throwIfAborted()
        failure = error
      }
    }
    if (failure) throw failure
    const best = this.#choices[0]
    if (best && best.engine !== 'retrieval')
      throw new SiloError('model_not_installed', { params: { model: best.model.name } })
    throw new SiloError('page_engine_unavailable', { params: { detail: best?.reason ?? '' } })
  }

  async #loadOne(
    model: PageModel,
    options: { signal: AbortSignal; onProgress?: (fraction: number) => void },
  ): Promise<LoadedModel> {
    const held = this.#held.get(model.task)
    if (held?.model.id === model.id) return held.loaded
    const record = await this.#store.record(model)
    const file = record?.files[0]
    if (!record || !file || !this.#probe)
      throw new SiloError('model_not_installed', { params: { model: model.name } })
    await this.#release(model.task)
    try {
      const engine = await this.#engine(model.engine)
      const path = model.engine === 'wllama' ? `${model.id}/${file.name}` : model.id
      const contextTokens = pageContext(model, this.#probe)
      const loaded = measured(
        await engine.load(
          { id: model.id, path, sha256: file.sha256, task: model.task },
          { contextTokens, parallel: 1 },
          options,
        ),
        (speed) => {
          this.#speeds.note(model.id, speed)
          this.#changed()
        },
        (error) => {
          this.#broken.add(model.id)
          this.#error = error
          this.#changed()
        },
      )
      this.#held.set(model.task, { model, loaded })
      return loaded
    } catch (error) {
      if (!options.signal.aborted) this.#broken.add(model.id)
      throw error
    }
  }

  #engine(id: PageModel['engine']): Promise<Engine> {
    let made = this.#engines.get(id)
    if (!made) {
      const parts = { store: this.#store, probe: this.#probe!, catalogue: this.#catalogue }
      made = (this.#init.engines ?? pageEngines)(id, parts)
      this.#engines.set(id, made)
    }
    return made
  }

  async #release(task: PageModel['task']): Promise<void> {
    const held = this.#held.get(task)
    this.#held.delete(task)
    await held?.loaded[Symbol.asyncDispose]()
  }

  #known(modelId: string): PageModel {
    const model = this.#catalogue.find(({ id }) => id === modelId)
    if (!model) throw new SiloError('model_unknown', { params: { model: modelId } })
    return model
  }

  #changed(): void {
    for (const listener of this.#listeners) listener()
  }
}

/** The engines of this app, each loaded when it is first used. */
async function pageEngines(id: PageModel['engine'], parts: EngineParts): Promise<Engine> {
  const { store, probe, catalogue } = parts
  if (id === 'wllama') {
    const { WllamaEngine } = await import('./wllama/engine.ts')
    return new WllamaEngine({ open: (path) => store.open(path), threads: pageThreads(probe) })
  }
  const { WebLlmEngine } = await import('./web-llm/engine.ts')
  return new WebLlmEngine({
    gpu: async () => probe.gpu,
    async find(path) {
      const model = catalogue.find((known) => known.id === path)
      const record = model && (await store.record(model))
      if (!record) throw new SiloError('model_not_installed', { params: { model: path } })
      return { model, record }
    },
  })
}
