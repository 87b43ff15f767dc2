import type { LoadedModel } from '#shared/contracts/engine.ts'
import type { SiloError } from '#shared/errors/silo-error.ts'
import type { PageAbility } from '#shared/router/placement.ts'
import type { PageChoice, PageProbe } from './capability.ts'
import type { PageModel } from './page-models/catalogue.ts'

/**
 * `unsupported`: nothing can run here, only retrieval. `no-model`: a model could run, none is on this device.
 * `ready`: one is on this device; it is loaded at the first use. `failed`: the last load or answer failed.
 */
export type PageEngineState =
  | 'unsupported'
  | 'no-model'
  | 'downloading'
  | 'ready'
  | 'loading'
  | 'failed'

/** A model of the catalogue as it is on this device. */
export interface PageModelState {
  readonly model: PageModel
  readonly installed: boolean
  /** Bytes already here of an unfinished download. */
  readonly partial: number
  /** Bytes in all; 0 while it is not known. */
  readonly size: number
  readonly downloading: boolean
  readonly loaded: boolean
  /** Where it could be had now, as far as is known. */
  readonly source?: 'companion' | 'upstream'
  /** As measured on this device. */
  readonly tokensPerSecond?: number
  /** What the last download ended with. */
  readonly error?: SiloError
}

/** Models that run in the page: what can run, what is here, and the one that is loaded. */
export interface PageEngine extends AsyncDisposable {
  readonly state: PageEngineState
  /** Why `state` is `failed`. */
  readonly error: SiloError | undefined
  /** The chat model in use: loaded, else the one that would be. */
  readonly modelId: string | undefined
  /** What could run here, best first; the last is always retrieval only. Empty until `start` is done. */
  readonly choices: readonly PageChoice[]
  readonly models: readonly PageModelState[]
  /** What this browser can do; undefined until `start` is done. */
  readonly probed: PageProbe | undefined
  /** Probes this browser once, and asks what the companion has for it. Never throws. */
  start(): Promise<void>
  /** Called whenever anything above changes; returns the way to stop listening. */
  onChange(listener: () => void): () => void
  /** For the router; `model` is there only where one is on this device and can run. */
  ability(): PageAbility
  /**
   * Loads a model that is on this device; without an id the best one. The same model again is the same handle.
   * When an engine breaks, the next one on the list that has a model here is tried, unless an id was given.
   * @throws SiloError page_engine_unavailable, model_not_installed, model_load_failed, out_of_memory, engine_crashed
   */
  load(
    modelId: string | undefined,
    options: { signal: AbortSignal; onProgress?: (fraction: number) => void },
  ): Promise<LoadedModel>
  /** Frees the memory; the file stays. */
  unload(): Promise<void>
  /** Fetches a model; goes on where an earlier try stopped. @throws SiloError storage_quota, download_failed, … */
  download(modelId: string): Promise<void>
  /** Stops the download; what is here stays for the next try. */
  pause(modelId: string): void
  /** Deletes the model, or what an unfinished download left. */
  remove(modelId: string): Promise<void>
}
