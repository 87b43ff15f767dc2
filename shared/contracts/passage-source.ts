import type { SearchHit } from '#shared/domain/vault.ts'
import type { SearchFilters, Unreachable } from '#shared/protocol/search.ts'

/**
 * Somewhere passages come from: the datasets that lie here, or the companions of a team asked live. The retrieval
 * service asks all of them at once and merges what they say by reciprocal rank fusion.
 */
export interface PassageSource {
  readonly id: string
  /**
   * Never throws for a holder that cannot be asked: that is said in `unreachable`. Ends within its own limit of time,
   * with what it has.
   */
  search(request: PassageRequest, signal: AbortSignal): Promise<PassageAnswer>
}

export interface PassageRequest {
  /** The question without the words that were taken as filters. */
  readonly text: string
  /** Of `text`, by the embedding model of this companion. */
  readonly vector: Float32Array
  readonly collectionIds: readonly string[]
  readonly filters: SearchFilters
  readonly limit: number
  /** `self` or the device that asks: a source answers only what it may read. */
  readonly caller: string
}

export interface PassageAnswer {
  /** Best first. `owner` says whose document it is, `similarity` and `textScore` let answers be merged. */
  readonly hits: readonly SearchHit[]
  /** False: nothing here answers; the hits are merely what is nearest. */
  readonly found: boolean
  readonly unreachable: readonly Unreachable[]
}
