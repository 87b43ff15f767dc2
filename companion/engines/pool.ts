import type {
  Engine,
  EngineState,
  LoadedModel,
  LoadPlan,
  ModelFile,
} from '#shared/contracts/engine.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { abortable } from '#shared/generation/abortable.ts'
import { QueuedModel } from './queued-model.ts'

export interface PoolLease {
  /** Where several share it, they take turns. */
  readonly loaded: QueuedModel
  /** Gives the model back; calling it again does nothing. */
  release(): void
}

interface Entry {
  readonly model: ModelFile
  readonly loading: Promise<QueuedModel>
  /** Ends the loading when nobody waits for it any more. */
  readonly stop: AbortController
  ready: boolean
  loaded: QueuedModel | undefined
  /** To be unloaded when the last one gives it back. */
  stale: boolean
  users: number
  usedAt: number
  idleTimer: NodeJS.Timeout | undefined
}

/**
 * Which models are in memory: one chat and one embedding model at once. Asking for another of the same task
 * unloads the old one as soon as nobody uses it; a model nobody used for `idleMs` is unloaded too.
 */
export class ModelPool implements AsyncDisposable {
  readonly #engine: Engine
  readonly #idleMs: number
  readonly #entries = new Map<string, Entry>()
  readonly #listeners = new Set<() => void>()
  readonly #stopListening: () => void
  readonly #queues = new WeakMap<LoadedModel, QueuedModel>()
  readonly #availableMemory: () => number
  #generation = 0
  #closed = false

  constructor(engine: Engine, options: { idleMs?: number; availableMemory?: () => number } = {}) {
    this.#engine = engine
    this.#idleMs = options.idleMs ?? 15 * 60_000
    this.#availableMemory = options.availableMemory ?? (() => process.availableMemory())
    this.#stopListening = engine.onStateChange(() => this.#changed())
  }

  get state(): EngineState {
    return this.#engine.state
  }

  /** Called whenever the engine's state or the set of loaded models changes. */
  onStateChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** True while the model is in memory and answers. */
  isLoaded(modelId: string): boolean {
    return [...this.#entries.values()].some((entry) => entry.ready && entry.model.id === modelId)
  }

  /** True while someone holds a lease on the model: its file must stay. */
  isUsed(modelId: string): boolean {
    return [...this.#entries.values()].some(
      (entry) => entry.users > 0 && entry.model.id === modelId,
    )
  }

  /**
   * Lends a model, loading it first where needed. Aborting stops the waiting; the loading itself goes on
   * for as long as someone else waits for it.
   * @throws SiloError shutting_down, and what Engine.load throws
   */
  async acquire(
    model: ModelFile,
    plan: LoadPlan,
    options: { signal: AbortSignal; onProgress?: (fraction: number) => void },
  ): Promise<PoolLease> {
    options.signal.throwIfAborted()
    if (this.#closed) throw new SiloError('shutting_down')
    const key = JSON.stringify([model.path, model.task, plan.contextTokens, plan.parallel, this.#generation]) // prettier-ignore
    let entry = this.#entries.get(key)
    if (!entry) {
      entry = this.#load(key, model, plan, options.onProgress)
      this.#entries.set(key, entry)
    }
    clearTimeout(entry.idleTimer)
    entry.users++
    try {
      const loaded = await abortable(entry.loading, options.signal)
      return { loaded, release: this.#releaser(key, entry) }
    } catch (error) {
      this.#releaser(key, entry)()
      if (entry.users === 0 && !entry.ready) entry.stop.abort(options.signal.reason)
      throw error
    }
  }

  /** From now on models are loaded anew: unused ones are unloaded now, the others when nobody uses them any more. */
  async refresh(): Promise<void> {
    this.#generation++
    for (const [key, entry] of this.#entries) {
      entry.stale = true
      if (entry.users === 0) await this.#drop(key, entry)
    }
    this.#changed()
  }

  /** Unloads a model that nobody uses. @throws SiloError conflict while it is in use */
  async unload(modelId: string): Promise<void> {
    if (this.isUsed(modelId)) {
      throw new SiloError('conflict', { params: { detail: `“${modelId}” is in use` } })
    }
    for (const [key, entry] of this.#entries) {
      if (entry.model.id === modelId) await this.#drop(key, entry)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    this.#stopListening()
    await Promise.all([...this.#entries].map(([key, entry]) => this.#drop(key, entry)))
  }

  #load(
    key: string,
    model: ModelFile,
    plan: LoadPlan,
    onProgress: ((fraction: number) => void) | undefined,
  ): Entry {
    const stop = new AbortController()
    // Memory is freed before more is asked for.
    const freed = this.#evict(model.task, key)
    const loading = freed
      .then(() =>
        this.#engine.load(model, plan, {
          signal: stop.signal,
          ...(onProgress ? { onProgress } : {}),
        }),
      )
      .then((loaded) => this.#queued(loaded))
    const entry: Entry = {
      model,
      loading,
      stop,
      ready: false,
      loaded: undefined,
      stale: false,
      users: 0,
      usedAt: Date.now(),
      idleTimer: undefined,
    }
    loading.then(
      (loaded) => {
        entry.ready = true
        entry.loaded = loaded
        this.#changed()
      },
      () => {
        if (this.#entries.get(key) === entry) this.#entries.delete(key)
        this.#changed()
      },
    )
    return entry
  }

  #releaser(key: string, entry: Entry): () => void {
    let released = false
    return () => {
      if (released) return
      released = true
      entry.users--
      entry.usedAt = Date.now()
      if (entry.stale && entry.users === 0) void this.#drop(key, entry)
      if (entry.users > 0 || this.#entries.get(key) !== entry) return
      const newer = [...this.#entries.values()].some(
        (other) => other !== entry && other.model.task === entry.model.task,
      )
      if (newer) {
        void this.#evict(entry.model.task, undefined)
        return
      }
      entry.idleTimer = setTimeout(() => void this.#drop(key, entry), this.#idleMs)
      entry.idleTimer.unref()
    }
  }

  /** Unloads unused models of a task, the least recently used first, until one is left (or `keep` alone). */
  async #evict(task: ModelFile['task'], keep: string | undefined): Promise<void> {
    const same = [...this.#entries]
      .filter(([key, entry]) => entry.model.task === task && key !== keep)
      .sort(([, a], [, b]) => a.usedAt - b.usedAt)
    let surplus = keep === undefined ? same.length - 1 : same.length
    for (const [key, entry] of same) {
      if (surplus <= 0) return
      if (entry.users > 0) continue
      surplus--
      await this.#drop(key, entry)
    }
  }

  async #drop(key: string, entry: Entry): Promise<void> {
    if (this.#entries.get(key) === entry) this.#entries.delete(key)
    clearTimeout(entry.idleTimer)
    entry.stop.abort(new SiloError('shutting_down'))
    entry.ready = false
    const loaded = await entry.loading.catch(() => undefined)
    if (loaded && !this.#isHeld(loaded)) await loaded[Symbol.asyncDispose]()
    this.#changed()
  }

  /** An engine has one handle a file and plan: what was loaded anew may be the same. */
  #isHeld(loaded: LoadedModel): boolean {
    return [...this.#entries.values()].some((other) => other.loaded === loaded)
  }

  /** One queue for each of the engine's handles, however often it is lent. */
  #queued(loaded: LoadedModel): QueuedModel {
    const known = this.#queues.get(loaded)
    if (known) return known
    const queued = new QueuedModel(loaded, { availableMemory: this.#availableMemory })
    this.#queues.set(loaded, queued)
    return queued
  }

  #changed(): void {
    for (const listener of this.#listeners) listener()
  }
}
