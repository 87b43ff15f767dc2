import type { Log } from '#companion/observe/log.ts'
import type { Collection } from '#shared/domain/vault.ts'
import type { WatchState } from '#shared/protocol/ingest.ts'
import { isNetworkDisk, RootWatch } from './watch-root.ts'

export interface FolderWatchInit {
  collections(): readonly Pick<Collection, 'id' | 'roots' | 'watched' | 'paused'>[]
  /** Whether a run reads the collection now. */
  isReading(collectionId: string): boolean
  /** The files that are really other than when they were read; in these places, or anywhere. */
  changedPaths(
    collectionId: string,
    options: { only?: readonly string[] | undefined; signal: AbortSignal },
  ): Promise<string[]>
  /** Starts the run that reads these files, or everything. @throws SiloError conflict where one goes on */
  start(collectionId: string, only: readonly string[] | undefined): void
  /** Called when `state` has become another. */
  readonly onState: (collectionId: string) => void
  /** Whether no events come from the disk of a path. Default: asks the system what disk it is. */
  readonly isNetwork?: (path: string) => Promise<boolean>
  readonly log: Log
  /** Ms without further changes after which a run starts. Default 700. */
  readonly quietMs?: number
  /** Default 5000. */
  readonly lookMs?: number
  /** Default 60,000. */
  readonly pollMs?: number
}

interface Waiting {
  /** Undefined: anything may have changed. */
  paths: Set<string> | undefined
  since: number
  timer: NodeJS.Timeout | undefined
}

/** Changes that come without a pause are read after this long, ms. */
const patienceMs = 5000
/** More paths than this are not worth being told apart. */
const maxPaths = 400
const busyMs = 500
const scanLimitMs = 10 * 60_000

/** Watches the roots of collections, and has what changed in them read. */
export class FolderWatch implements AsyncDisposable {
  readonly #init: FolderWatchInit
  readonly #roots = new Map<string, Map<string, RootWatch>>()
  readonly #waiting = new Map<string, Waiting>()
  readonly #working = new Set<string>()
  readonly #stop = new AbortController()

  constructor(init: FolderWatchInit) {
    this.#init = init
  }

  /** Watches what is to be watched now, and nothing else. Called at the start and after every change of collections. */
  follow(): void {
    if (this.#stop.signal.aborted) return
    const wanted = new Map(
      this.#init
        .collections()
        .filter(({ watched, paused }) => watched === true && paused !== true)
        .map(({ id, roots }) => [id, roots]),
    )
    for (const [id, watches] of this.#roots) {
      for (const [root, watch] of watches)
        if (!wanted.get(id)?.includes(root)) {
          watches.delete(root)
          void watch[Symbol.asyncDispose]()
        }
      if (watches.size === 0) this.#forget(id)
    }
    for (const [id, roots] of wanted)
      for (const root of roots) {
        const watches = this.#roots.get(id) ?? new Map<string, RootWatch>()
        this.#roots.set(id, watches)
        if (!watches.has(root)) watches.set(root, this.#watch(id, root))
      }
  }

  /** How the roots of a collection are watched; empty where it is not. */
  state(collectionId: string): WatchState[] {
    return [...(this.#roots.get(collectionId)?.values() ?? [])].map(({ state }) => state)
  }

  /** Something happened to these files, or anything may have. */
  touched(collectionId: string, paths: readonly string[] | undefined): void {
    if (this.#stop.signal.aborted) return
    const { quietMs = 700 } = this.#init
    const now = performance.now()
    let waiting = this.#waiting.get(collectionId)
    if (!waiting) {
      waiting = { paths: new Set(), since: now, timer: undefined }
      this.#waiting.set(collectionId, waiting)
    }
    if (paths === undefined || (waiting.paths?.size ?? 0) + paths.length > maxPaths)
      waiting.paths = undefined
    else for (const path of paths) waiting.paths?.add(path)
    clearTimeout(waiting.timer)
    const left = Math.max(0, waiting.since + patienceMs - now)
    waiting.timer = setTimeout(() => void this.#work(collectionId), Math.min(quietMs, left))
    waiting.timer.unref()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    for (const id of this.#waiting.keys()) this.#forget(id)
    const watches = [...this.#roots.values()].flatMap((each) => [...each.values()])
    this.#roots.clear()
    await Promise.all(watches.map((watch) => watch[Symbol.asyncDispose]()))
  }

  #watch(collectionId: string, root: string): RootWatch {
    const { lookMs = 5000, pollMs = 60_000, isNetwork = isNetworkDisk, onState } = this.#init
    return new RootWatch({
      root,
      lookMs,
      pollMs,
      isNetwork,
      onChange: (paths) => this.touched(collectionId, paths),
      onState: () => onState(collectionId),
    })
  }

  #forget(collectionId: string): void {
    clearTimeout(this.#waiting.get(collectionId)?.timer)
    this.#waiting.delete(collectionId)
    if (this.#roots.get(collectionId)?.size === 0) this.#roots.delete(collectionId)
  }

  async #work(collectionId: string): Promise<void> {
    const waiting = this.#waiting.get(collectionId)
    if (!waiting || this.#stop.signal.aborted) return
    if (this.#working.has(collectionId) || this.#init.isReading(collectionId)) {
      waiting.timer = setTimeout(() => void this.#work(collectionId), busyMs)
      waiting.timer.unref()
      return
    }
    this.#waiting.delete(collectionId)
    this.#working.add(collectionId)
    const only = waiting.paths && [...waiting.paths]
    try {
      const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(scanLimitMs)])
      const changed = await this.#init.changedPaths(collectionId, { only, signal })
      if (changed.length === 0 || this.#stop.signal.aborted) return
      this.#init.start(collectionId, changed.length > maxPaths ? undefined : changed)
    } catch (error) {
      if (this.#stop.signal.aborted) return
      const { code } = error as { code?: unknown }
      // Another run began in the meantime: what changed may be past it.
      if (code === 'conflict') this.touched(collectionId, only)
      else this.#init.log.warn('a watched folder could not be looked at', { collectionId, error })
    } finally {
      this.#working.delete(collectionId)
    }
  }
}
