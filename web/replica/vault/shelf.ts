import { SiloError } from '#shared/errors/silo-error.ts'
import { resetCopy, vaultCopy } from './copies.ts'
import { ofCollection, openVaultDatabase } from './database.ts'
import { LoadedCollection, type LoadedSegment } from './loaded-collection.ts'
import { loadSegment } from './segment.ts'
import { TextReader } from './text-reader.ts'
import type { VaultCopy } from './records.ts'

interface Open {
  readonly collection: LoadedCollection
  revision: number
}

/** The copies that are in memory. What another tab wrote is noticed by the copy's revision. */
export class Shelf {
  readonly texts = new TextReader()
  readonly #open = new Map<string, Open>()

  /**
   * A copy as it is now, with its contents in memory.
   * @throws SiloError collection_unknown where it is not kept, page_storage_failed where it is damaged: it begins anew then
   */
  async load(id: string): Promise<{ copy: VaultCopy; collection: LoadedCollection }> {
    const copy = await vaultCopy(id)
    if (!copy) {
      this.#open.delete(id)
      throw new SiloError('collection_unknown')
    }
    const known = this.#open.get(id)
    if (known?.revision === copy.revision) return { copy, collection: known.collection }
    const collection = new LoadedCollection(id)
    try {
      // One transaction: a segment and its successor are never seen together.
      const tx = (await openVaultDatabase()).transaction(['copies', 'segments'])
      const [row, keys, values] = await Promise.all([
        tx.objectStore('copies').get(id),
        tx.objectStore('segments').getAllKeys(ofCollection(id)),
        tx.objectStore('segments').getAll(ofCollection(id)),
      ])
      for (const [at, value] of values.entries())
        collection.add(value.id, keys[at]![1], loadSegment(value))
      this.#open.set(id, { collection, revision: row?.revision ?? -1 })
      return { copy, collection }
    } catch (error) {
      if (error instanceof SiloError) await resetCopy(id)
      throw error
    }
  }

  /**
   * Does something that reads texts. Where one is missing, another tab may have merged segments meanwhile: it is tried
   * again over what is stored now, and a copy that fails then as well begins anew. @throws SiloError page_storage_failed
   */
  async reading<T>(collectionIds: readonly string[], work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (!isDamage(error)) throw error
    }
    for (const id of collectionIds) this.#open.delete(id)
    try {
      return await work()
    } catch (error) {
      if (isDamage(error)) for (const id of collectionIds) await resetCopy(id)
      throw error
    }
  }

  /** Notes that memory and database agree again. */
  settle(id: string, collection: LoadedCollection, revision: number): void {
    this.#open.set(id, { collection, revision })
  }

  forget(id: string): void {
    this.#open.delete(id)
  }

  /** Id, headings and text of a row. @throws SiloError page_storage_failed */
  text(collectionId: string, segment: LoadedSegment, row: number) {
    return this.texts.read(collectionId, segment, row)
  }
}

function isDamage(error: unknown): boolean {
  return error instanceof SiloError && error.code === 'page_storage_failed'
}
