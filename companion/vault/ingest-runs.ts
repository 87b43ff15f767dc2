import { isAbsolute, resolve } from 'node:path'
import { stat } from 'node:fs/promises'
import type { RunExecutor } from '#companion/runs/run.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { ingest, type IngestOptions, type IngestParts } from './ingest.ts'
import { pathProblem, writeProblem } from './path-problem.ts'

export interface IngestRequest {
  readonly collectionId: string
  /** Roots to add. */
  readonly paths: readonly string[]
  /** Only these files and folders below the roots; absent: everything. */
  readonly only?: readonly string[] | undefined
  /** Whether what failed and has not changed since is tried again. Default true. */
  readonly retry?: boolean | undefined
}

export interface IngestRunsInit extends IngestParts {
  readonly kindOf: (collectionId: string) => IngestOptions['kindOf']
  /** Called with the collection that is being read now, or no longer. */
  readonly onChange: (collectionId: string) => void
}

interface Active {
  runId: string | undefined
  readonly reservedAt: number
  readonly cancel: AbortController
  readonly finished: Promise<void>
  readonly finish: () => void
  /** Other work than reading: a reading waits for it and is not refused. */
  readonly isAlone?: true
}

/** A start that was prepared begins at once; one that did not was given up before it began. */
const reservationMs = 5000

/** At most one run reads a collection at a time; one that is held waits between two files. */
export class IngestRuns {
  readonly #init: IngestRunsInit
  readonly #active = new Map<string, Active>()
  /** Resolve when reading goes on, by collection. */
  readonly #held = new Map<string, { released: Promise<void>; release: () => void }>()

  constructor(init: IngestRunsInit) {
    this.#init = init
    for (const { id, paused } of init.records.collections()) if (paused) this.#hold(id)
  }

  /** The run that reads this collection now. */
  runId(collectionId: string): string | undefined {
    return this.#active.get(collectionId)?.runId || undefined
  }

  isBusy(collectionId: string): boolean {
    return this.#reserved(collectionId) !== undefined
  }

  /**
   * The run that adds `paths` to a collection's roots and reads all of them, or only some. The collection is taken from
   * the moment this returns: a second start is refused, also in the same tick.
   * @throws SiloError conflict (already reading), path_not_absolute
   */
  start(request: IngestRequest): RunExecutor {
    const { collectionId, paths } = request
    const before = this.#reserved(collectionId)
    if (before && !before.isAlone)
      throw new SiloError('conflict', { params: { detail: 'this collection is being read' } })
    for (const path of paths)
      if (!isAbsolute(path) || path.includes('\0'))
        throw new SiloError('path_not_absolute', { params: { path: path.replaceAll('\0', '') } })
    const { promise: finished, resolve: finish } = Promise.withResolvers<void>()
    const cancel = new AbortController()
    const active: Active = { runId: undefined, reservedAt: Date.now(), cancel, finished, finish }
    this.#active.set(collectionId, active)
    return async (run) => {
      if (this.#active.get(collectionId) !== active)
        throw new SiloError('conflict', { params: { detail: 'this collection is being read' } })
      active.runId = run.id
      this.#init.onChange(collectionId)
      try {
        const signal = AbortSignal.any([run.signal, cancel.signal])
        if (before) await Promise.race([before.finished, aborted(signal)])
        const roots = await this.#roots(request)
        return await ingest(collectionId, roots, this.#init, { id: run.id, signal, emit: (body) => run.emit(body) }, this.#options(request)) // prettier-ignore
      } catch (error) {
        throw writeProblem(error)
      } finally {
        this.#active.delete(collectionId)
        finish()
        this.#init.onChange(collectionId)
      }
    }
  }

  /** Does other work on a collection while nothing reads it; undefined where something does. */
  alone<T>(collectionId: string, work: () => Promise<T>): Promise<T> | undefined {
    if (this.#reserved(collectionId)) return undefined
    const { promise: finished, resolve: finish } = Promise.withResolvers<void>()
    const cancel = new AbortController()
    const active: Active = { runId: '', reservedAt: Date.now(), cancel, finished, finish, isAlone: true } // prettier-ignore
    this.#active.set(collectionId, active)
    return work().finally(() => {
      if (this.#active.get(collectionId) === active) this.#active.delete(collectionId)
      finish()
    })
  }

  /** Ends the run that reads this collection, and waits for it. */
  async stop(collectionId: string): Promise<void> {
    const active = this.#active.get(collectionId)
    if (!active) return
    active.cancel.abort(new SiloError('cancelled'))
    if (active.runId === undefined) this.#active.delete(collectionId)
    else await active.finished
  }

  /** Holds the run that goes on, and those to come, between two files. */
  pause(collectionId: string): void {
    this.#init.records.setPaused(collectionId, true)
    this.#hold(collectionId)
    this.#init.onChange(collectionId)
  }

  resume(collectionId: string): void {
    this.#init.records.setPaused(collectionId, false)
    this.#held.get(collectionId)?.release()
    this.#held.delete(collectionId)
    this.#init.onChange(collectionId)
  }

  #reserved(collectionId: string): Active | undefined {
    const active = this.#active.get(collectionId)
    if (active && active.runId === undefined && Date.now() - active.reservedAt > reservationMs) {
      this.#active.delete(collectionId)
      return undefined
    }
    return active
  }

  #hold(collectionId: string): void {
    if (this.#held.has(collectionId)) return
    const { promise: released, resolve: release } = Promise.withResolvers<void>()
    this.#held.set(collectionId, { released, release })
  }

  async #roots({ collectionId, paths }: IngestRequest): Promise<string[]> {
    const { records } = this.#init
    const known = records.collection(collectionId)
    if (!known) throw new SiloError('collection_unknown')
    for (const path of paths)
      await stat(path).catch((cause: unknown) => {
        throw pathProblem(path, cause)
      })
    const all = [...new Set([...known.roots, ...paths.map((path) => resolve(path))])]
    if (paths.length > 0) records.setRoots(collectionId, all)
    return all
  }

  #options({ collectionId, paths, only, retry }: IngestRequest): IngestOptions {
    const kindOf = this.#init.kindOf(collectionId)
    return {
      ...(only && paths.length === 0 ? { only } : {}),
      ...(paths.length ? { named: paths.map((path) => resolve(path)) } : {}),
      ...(retry === false ? { changedOnly: true } : {}),
      ...(kindOf ? { kindOf } : {}),
      hold: async (signal, onHold) => {
        const held = this.#held.get(collectionId)
        if (!held) return
        onHold()
        await Promise.race([held.released, aborted(signal)])
      },
    }
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}
