import type { LoadedModel } from '#shared/contracts/engine.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import type { PageAbility } from '#shared/router/placement.ts'
import type { Locks, PageModelLease, PageModels, TabChannel } from './ports.ts'

/** What is needed of the models of this browser (`PageEngine`). */
export interface LoadingEngine {
  ability(): PageAbility
  readonly engineId: string
  load(
    modelId: string | undefined,
    options: { signal: AbortSignal; onProgress?: (fraction: number) => void },
  ): Promise<LoadedModel>
  unload(): Promise<void>
}

const lockName = 'silo-page-model'
/** An answer before this one may take long; then the tab before is taken for dead, ms. */
const waitMs = 10 * 60_000

/**
 * One model in memory for all tabs of this browser: a tab holds a lock while its model is loaded, and gives both up
 * when it is idle and another tab wants to answer. Within a tab the answers come one after the other.
 */
export class ModelTurn implements PageModels, AsyncDisposable {
  readonly #engine: LoadingEngine
  readonly #locks: Locks
  readonly #channel: TabChannel
  readonly #stop: () => void
  /** Gives the lock back; undefined while this tab does not have it. */
  #giveBack: (() => void) | undefined
  #tail: Promise<void> = Promise.resolve()
  #busy = 0

  constructor(engine: LoadingEngine, locks: Locks, channel: TabChannel) {
    this.#engine = engine
    this.#locks = locks
    this.#channel = channel
    this.#stop = channel.listen((message) => {
      if (isWanted(message) && this.#busy === 0) void this.#yield()
    })
  }

  ability(): PageAbility {
    return this.#engine.ability()
  }

  async acquire(
    modelId: string | undefined,
    options: Parameters<PageModels['acquire']>[1],
  ): Promise<PageModelLease> {
    const { signal, onProgress, onWaiting } = options
    const before = this.#tail
    const mine = Promise.withResolvers<void>()
    this.#tail = before.then(() => mine.promise)
    if (this.#busy++ > 0) onWaiting()
    const leave = async (): Promise<void> => {
      this.#busy--
      mine.resolve()
      if (this.#busy === 0 && (await this.#isWanted())) await this.#yield()
    }
    try {
      await abortable(before, signal)
      await this.#takeLock(signal, onWaiting)
      const loaded = await this.#engine.load(modelId, { signal, onProgress })
      return {
        loaded,
        modelId: loaded.model.id,
        engineId: this.#engine.engineId,
        release: leave,
      }
    } catch (error) {
      await leave()
      throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop()
    await this.#yield()
  }

  async #takeLock(signal: AbortSignal, onWaiting: () => void): Promise<void> {
    if (this.#giveBack) return
    const limit = AbortSignal.timeout(waitMs)
    const granted = Promise.withResolvers<void>()
    const timer = setTimeout(onWaiting, 200)
    this.#channel.post({ type: 'model-wanted' })
    this.#locks
      .request(lockName, { signal: AbortSignal.any([signal, limit]) }, () => {
        const held = Promise.withResolvers<void>()
        this.#giveBack = held.resolve
        granted.resolve()
        return held.promise
      })
      .catch(granted.reject)
    try {
      await granted.promise
    } catch (error) {
      signal.throwIfAborted()
      if (limit.aborted)
        throw new SiloError('timeout', { params: { seconds: waitMs / 1000 }, cause: error })
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  async #isWanted(): Promise<boolean> {
    const { pending = [] } = await this.#locks.query()
    return pending.some(({ name }) => name === lockName)
  }

  async #yield(): Promise<void> {
    const giveBack = this.#giveBack
    if (!giveBack) return
    this.#giveBack = undefined
    await this.#engine.unload().catch(() => {})
    giveBack()
  }
}

function isWanted(message: unknown): boolean {
  return (message as { type?: unknown } | null)?.type === 'model-wanted'
}

/** Waits for `promise`, which goes on by itself when the signal is aborted. */
async function abortable(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  const aborted = Promise.withResolvers<never>()
  const abort = (): void => aborted.reject(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  try {
    await Promise.race([promise, aborted.promise])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
