import type { LoadedModel } from '#shared/contracts/engine.ts'
import type { SearchHit } from '#shared/domain/vault.ts'
import type { SearchResponse } from '#shared/protocol/search.ts'

/** A loaded chat model lent to one run. */
export interface ChatModelLease {
  readonly loaded: LoadedModel
  readonly modelId: string
  readonly engineId: string
  readonly deviceName: string
  /** How many it has; 0 where that is not known. */
  readonly parameters: number
  /** Called exactly once; never throws. */
  release(): void
}

/** What a chat needs of the models. */
export interface ModelPort {
  /**
   * Loads a model and waits for its turn; `undefined` means the default chat model.
   * @throws SiloError model_unknown, model_not_installed, model_wrong_task, and what loading throws
   */
  acquireChat(
    modelId: string | undefined,
    options: { signal: AbortSignal; onProgress?: (fraction: number) => void },
  ): Promise<ChatModelLease>
}

/** What a chat needs of the vault. */
export interface VaultPort {
  /**
   * The best passages first, of what `caller` may read: `self` for the owners, else a device.
   * @throws SiloError collection_unknown, access_missing
   */
  search(
    request: { query: string; collectionIds: readonly string[]; limit: number; caller: string },
    signal: AbortSignal,
  ): Promise<SearchResponse>
  /** The same passages with the sections they stand in, as far as `tokens` reach for all together. */
  widen?(hits: readonly SearchHit[], tokens: number, signal: AbortSignal): Promise<SearchHit[]>
}
