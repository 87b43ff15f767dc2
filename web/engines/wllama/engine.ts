import { Wllama } from '@wllama/wllama/esm/index.js'
import type {
  Engine,
  EngineProbe,
  LoadedModel,
  LoadPlan,
  ModelFile,
} from '#shared/contracts/engine.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { StatefulEngine } from '#shared/generation/stateful-engine.ts'
import { wasmFeatures } from '../wasm-features.ts'
import { wllamaAssets } from './assets.ts'
import { WllamaModel } from './loaded.ts'
import { startSession, type WllamaAssets } from './session.ts'

export interface WllamaOptions {
  /** The bytes at a model's `path`. */
  readonly open: (path: string) => Promise<Blob>
  /** Used where threads can be had; 1 keeps to the single-threaded build. */
  readonly threads?: number
  readonly assets?: WllamaAssets
}

interface Entry {
  loaded: WllamaModel | undefined
  starting: Promise<WllamaModel>
}

/** llama.cpp compiled to WebAssembly, one worker per loaded model. */
export class WllamaEngine extends StatefulEngine implements Engine {
  readonly id = 'wllama'
  readonly #options: WllamaOptions
  readonly #entries = new Map<string, Entry>()

  constructor(options: WllamaOptions) {
    super()
    this.#options = options
  }

  async probe(signal: AbortSignal): Promise<EngineProbe> {
    signal.throwIfAborted()
    const { simd } = await wasmFeatures()
    return {
      available: simd,
      ...(simd ? {} : { reason: 'WebAssembly has no SIMD here' }),
      build: `wllama@3.8.1+${Wllama.getLibllamaVersion()}`,
      backend: simd ? 'cpu' : 'none',
      threads: await this.#threads(),
    }
  }

  async load(
    model: ModelFile,
    plan: LoadPlan,
    { signal, onProgress }: { signal: AbortSignal; onProgress?: (fraction: number) => void },
  ): Promise<LoadedModel> {
    signal.throwIfAborted()
    const key = JSON.stringify([model.path, model.task, plan.contextTokens, plan.parallel])
    const known = this.#entries.get(key)
    if (known) return known.starting
    const start = async (signal: AbortSignal) =>
      startSession({
        model,
        plan: { contextTokens: plan.contextTokens, parallel: Math.max(1, plan.parallel) },
        file: await this.#open(model),
        assets: this.#options.assets ?? wllamaAssets,
        threads: await this.#threads(),
        signal,
      })
    const entry: Entry = { loaded: undefined, starting: this.#begin(key, start, model, plan, signal) } // prettier-ignore
    this.#entries.set(key, entry)
    this.begin(key)
    onProgress?.(0)
    try {
      entry.loaded = await entry.starting
      this.move(key, 'ready')
      onProgress?.(1)
      return entry.loaded
    } catch (error) {
      this.#entries.delete(key)
      this.leave(key, !signal.aborted)
      throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#entries.values()].map((entry) => entry.loaded?.[Symbol.asyncDispose]())) // prettier-ignore
  }

  async #begin(
    key: string,
    start: (signal: AbortSignal) => ReturnType<typeof startSession>,
    model: ModelFile,
    plan: LoadPlan,
    signal: AbortSignal,
  ): Promise<WllamaModel> {
    return new WllamaModel({
      model,
      parallel: Math.max(1, plan.parallel),
      session: await start(signal),
      restart: () => start(new AbortController().signal),
      onState: (state) => this.move(key, state),
      onDispose: () => {
        this.#entries.delete(key)
        this.leave(key)
      },
    })
  }

  async #open(model: ModelFile): Promise<Blob> {
    try {
      return await this.#options.open(model.path)
    } catch (cause) {
      throw new SiloError('model_not_installed', { params: { model: model.id }, cause })
    }
  }

  async #threads(): Promise<number> {
    const { threads } = await wasmFeatures()
    return threads ? (this.#options.threads ?? defaultThreads(navigator.hardwareConcurrency)) : 1
  }
}

/** Half the logical cores of a bigger machine: the others are hyper-threads, or a phone's slow cores. */
export function defaultThreads(cores: number): number {
  return cores <= 4 ? Math.max(1, cores) : Math.min(8, Math.floor(cores / 2))
}
