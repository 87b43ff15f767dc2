import type { Log } from '#companion/observe/log.ts'
import type { VaultRecords } from '#companion/vault/vault-records.ts'
import type { VaultStore } from '#shared/contracts/vault-store.ts'
import type { DocumentHead } from '#shared/vault/document-head.ts'

export interface ReceivedDocumentsInit {
  readonly store: Pick<VaultStore, 'datasets' | 'documents' | 'removeCollection'>
  readonly records: Pick<VaultRecords, 'replaceReceived'>
  /** Identity of the vectors. */
  readonly modelId: string
  readonly log: Log
}

/** The documents of other devices in this companion's records, as the datasets that were received name them. */
export class ReceivedDocuments {
  readonly #init: ReceivedDocumentsInit

  constructor(init: ReceivedDocumentsInit) {
    this.#init = init
  }

  /** Makes the records say what the dataset says. False where it cannot be read here: of another model, or damaged. */
  async mirror(collectionId: string, owner: string, signal: AbortSignal): Promise<boolean> {
    const { store, records, modelId, log } = this.#init
    const found = await store.datasets(collectionId, signal)
    const dataset = found.find((each) => each.owner === owner)
    if (!dataset || dataset.unusable) {
      log.warn('an index that was received cannot be read here', { collectionId, owner, reason: dataset?.reason }) // prettier-ignore
      return false
    }
    const said = await store.documents(collectionId, owner, signal)
    const heads = new Map<string, DocumentHead>()
    for (const [id, head] of said) if (head) heads.set(id, head)
    const { refused } = records.replaceReceived(collectionId, owner, heads, modelId)
    if (refused.length > 0) log.warn('documents that belong to another device were left out', { collectionId, owner, count: refused.length }) // prettier-ignore
    return true
  }

  /** Takes a device's documents and its dataset away. */
  async remove(collectionId: string, owner: string, signal: AbortSignal): Promise<void> {
    const { store, records, modelId } = this.#init
    records.replaceReceived(collectionId, owner, new Map(), modelId)
    await store.removeCollection(collectionId, signal, owner)
  }
}
