import type { LoadedModel } from '#shared/contracts/engine.ts'
import type { SearchHit } from '#shared/domain/vault.ts'
import type { PageAbility } from '#shared/router/placement.ts'

/** A loaded model of the page, lent to one run. */
export interface PageModelLease {
  readonly loaded: LoadedModel
  readonly modelId: string
  readonly engineId: string
  /** Called exactly once. */
  release(): Promise<void>
}

/** What the page host needs of the models of this browser. */
export interface PageModels {
  ability(): PageAbility
  /**
   * Loads a model and waits for its turn among the tabs. `onWaiting` is called where another tab is using one.
   * @throws SiloError page_engine_unavailable, model_not_installed, and what loading throws
   */
  acquire(
    modelId: string | undefined,
    options: { signal: AbortSignal; onProgress: (fraction: number) => void; onWaiting: () => void },
  ): Promise<PageModelLease>
}

/** What the copies on this device have on a question, the best passages first; undefined where none is of what is asked. */
export type PageRetrieval = (
  request: { query: string; collectionIds: readonly string[]; limit: number },
  signal: AbortSignal,
) => Promise<PageFound | undefined>

export interface PageFound {
  readonly hits: readonly SearchHit[]
  /** True where nothing of it answers: that is said then instead of an answer. */
  readonly missing?: boolean
  /** Why only words were compared; absent where the meaning was as well. */
  readonly wordsOnly?: string
}

/** The part of the Web Locks API that is used. */
export type Locks = Pick<LockManager, 'request' | 'query'>

/** Between the tabs of one browser. A tab does not hear itself. */
export interface TabChannel {
  post(message: unknown): void
  listen(listener: (message: unknown) => void): () => void
}
