import type { Log } from '#companion/observe/log.ts'
import type { Engine, EngineProbe, EngineState, LoadedModel, LoadPlan, ModelFile } from '#shared/contracts/engine.ts' // prettier-ignore
import { SiloError, toSiloError } from '#shared/errors/silo-error.ts'

export interface EngineSetInit {
  /** For model files, best first; asked at each loading. Never empty. */
  readonly engines: () => readonly Engine[]
  /** All there are, for their states. */
  readonly all: readonly Engine[]
  /** For models in servers, whose paths are addresses. */
  readonly remote: Engine
  readonly log: Log
  /** The engine that was chosen could not load a model, and another one did. */
  readonly onFallback: (fallback: EngineFallback) => void
}

export interface EngineFallback {
  readonly model: string
  readonly from: string
  readonly to: string
  readonly error: SiloError
}

/** Another engine would fail with the file too. */
const fileFaults = new Set(['model_corrupt', 'model_not_installed', 'model_unknown', 'model_wrong_task', 'out_of_memory']) // prettier-ignore

/** Several engines as one: each model goes to the best one that can load it. */
export class EngineSet implements Engine {
  readonly specVersion = 1
  readonly #init: EngineSetInit
  readonly #engineOf = new WeakMap<LoadedModel, Engine>()

  constructor(init: EngineSetInit) {
    this.#init = init
  }

  /** The one that is used for files. */
  get id(): string {
    return this.#best.id
  }

  get state(): EngineState {
    const states = new Set(this.#all.map(({ state }) => state))
    const order: EngineState[] = ['restarting', 'loading', 'ready', 'failed']
    return order.find((state) => states.has(state)) ?? 'idle'
  }

  onStateChange(listener: (state: EngineState) => void): () => void {
    const stops = this.#all.map((engine) => engine.onStateChange(() => listener(this.state)))
    return () => {
      for (const stop of stops) stop()
    }
  }

  probe(signal: AbortSignal): Promise<EngineProbe> {
    return this.#best.probe(signal)
  }

  /** Which engine a model is loaded in. */
  engineIdOf(loaded: LoadedModel): string {
    return (this.#engineOf.get(loaded) ?? this.#best).id
  }

  async load(
    model: ModelFile,
    plan: LoadPlan,
    options: { signal: AbortSignal; onProgress?: (fraction: number) => void },
  ): Promise<LoadedModel> {
    const engines = isAddress(model.path) ? [this.#init.remote] : this.#init.engines()
    let first: { engine: Engine; error: SiloError } | undefined
    for (const engine of engines) {
      try {
        const loaded = await engine.load(model, plan, options)
        this.#engineOf.set(loaded, engine)
        // An engine that is not for this kind of model is passed over without a word.
        if (first && first.error.code !== 'engine_unavailable') this.#fellBack(model, engine, first)
        return loaded
      } catch (cause) {
        options.signal.throwIfAborted()
        const error = toSiloError(cause, 'engine')
        if (fileFaults.has(error.code)) throw error
        first ??= { engine, error }
      }
    }
    throw first?.error ?? new SiloError('engine_unavailable')
  }

  async forget(session?: string): Promise<void> {
    await Promise.all(this.#all.map((engine) => engine.forget?.(session)))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#all.map((engine) => engine[Symbol.asyncDispose]()))
  }

  get #all(): readonly Engine[] {
    return [...this.#init.all, this.#init.remote]
  }

  get #best(): Engine {
    return this.#init.engines()[0]!
  }

  #fellBack(model: ModelFile, to: Engine, { engine, error }: { engine: Engine; error: SiloError }) {
    const fallback = { model: model.id, from: engine.id, to: to.id, error }
    this.#init.log.warn('another engine was taken', fallback)
    this.#init.onFallback(fallback)
  }
}

function isAddress(path: string): boolean {
  return /^https?:\/\//.test(path)
}
