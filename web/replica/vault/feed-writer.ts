import { newId } from '#shared/domain/ids.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { decodeReplicaPage } from '#shared/protocol/replica-page.ts'
import type { ReplicaCursor } from '#shared/protocol/replica.ts'
import { stored } from '../records.ts'
import { chooseRun, mergeSegments } from './compaction.ts'
import { defaultBudget, dropContents } from './copies.ts'
import { writeVault } from './database.ts'
import { LoadedCollection, type LoadedSegment } from './loaded-collection.ts'
import { vaultCopySchema, vaultSettingsSchema, type VaultCopy } from './records.ts'
import { segmentBytes, segmentOf, storedSegment } from './segment.ts'
import type { Shelf } from './shelf.ts'

export interface Applied {
  readonly copy: VaultCopy
  readonly complete: boolean
}

/** Writes pages of the feed, each in one step, and keeps the number of segments small. One writer at a time. */
export class FeedWriter {
  readonly #shelf: Shelf

  constructor(shelf: Shelf) {
    this.#shelf = shelf
  }

  /**
   * Takes over a page that was asked for from `cursor`. All of it is stored or nothing.
   * @throws SiloError bad_response, conflict (the copy is elsewhere meanwhile), collection_unknown (it is not kept any
   * more), replica_over_budget, storage_quota, page_storage_failed
   */
  async apply(id: string, cursor: ReplicaCursor, bytes: Uint8Array, now: number): Promise<Applied> {
    const page = decodeReplicaPage(bytes)
    const { head } = page
    if (head.collectionId !== id) throw new SiloError('bad_response')
    const { copy: before, collection } = await this.#shelf.load(id)
    const begins = head.restart || isStart(cursor)
    const same = head.modelId === before.modelId && head.dimensions === before.dimensions && head.epoch === before.epoch // prettier-ignore
    // Vectors of two models, or changes of two counts, are never put together.
    if (!begins && !same) throw new SiloError('bad_response')
    const { segment, blocks } = segmentOf(page)
    const segmentId = newId()
    const record = storedSegment(segmentId, segment, blocks)
    const empty = segment.entries.length === 0 && segment.removed.length === 0
    const size = empty ? 0 : segmentBytes(record)
    const next = begins ? new LoadedCollection(id) : collection
    const number = (begins ? 0 : (collection.segments.at(-1)?.number ?? 0)) + 1
    const whole = empty || next.add(segmentId, number, segment)
    try {
      const copy = await writeVault(async (tx) => {
        const known = stored(vaultCopySchema, await tx.objectStore('copies').get(id))
        if (!known) throw new SiloError('collection_unknown')
        if (known.revision !== before.revision || !sameCursor(known.cursor, cursor))
          throw new SiloError('conflict', { params: { detail: 'the copy' } })
        const kept = begins ? 0 : known.bytes
        const others = (await tx.objectStore('copies').getAll()).filter((other) => other.id !== id)
        const used = others.reduce((sum, other) => sum + other.bytes, kept)
        const settings = stored(vaultSettingsSchema, await tx.objectStore('settings').get('vault'))
        const budget = settings?.budget ?? defaultBudget
        if (size > 0 && used + size > budget)
          throw new SiloError('replica_over_budget', { params: { needed: size, available: Math.max(0, budget - used) } }) // prettier-ignore
        if (begins) await dropContents(tx, id)
        if (!empty) {
          await tx.objectStore('segments').put(record, [id, number])
          for (const [block, text] of blocks.entries())
            await tx.objectStore('texts').put(text.buffer, [id, segmentId, block])
        }
        const { error: _error, ...rest } = known
        const changed: VaultCopy = {
          ...rest,
          modelId: head.modelId,
          dimensions: head.dimensions,
          epoch: head.epoch,
          // Something is missing that this page takes for granted: the next one is the first again.
          cursor: whole ? head.next : { since: 0 },
          change: head.change,
          documents: next.documents.size,
          chunks: next.rows,
          bytes: kept + size,
          revision: known.revision + 1,
          confirmedAt: now,
          ...(head.complete && whole ? { syncedAt: now } : {}),
        }
        await tx.objectStore('copies').put(changed, id)
        return changed
      }, size)
      this.#shelf.settle(id, next, copy.revision)
      return { copy, complete: head.complete && whole }
    } catch (error) {
      // Memory may be ahead of what is stored.
      this.#shelf.forget(id)
      throw error
    }
  }

  /** Makes neighbouring segments one where that is worth it. True where something was done. */
  async compact(id: string): Promise<boolean> {
    const { copy: before, collection } = await this.#shelf.load(id)
    const found = chooseRun(collection.segments)
    if (!found) return false
    const run = collection.segments.slice(found.start, found.end)
    const texts = await this.#textsOf(id, run)
    const { segment, blocks } = mergeSegments(collection, run, (loaded, row) => texts.get(loaded)![row]!) // prettier-ignore
    const segmentId = newId()
    const record = storedSegment(segmentId, segment, blocks)
    const empty = segment.entries.length === 0 && segment.removed.length === 0
    const numbers = run.map(({ number }) => number)
    await writeVault(async (tx) => {
      const known = stored(vaultCopySchema, await tx.objectStore('copies').get(id))
      if (known?.revision !== before.revision)
        throw new SiloError('conflict', { params: { detail: 'the copy' } })
      const segments = tx.objectStore('segments')
      let freed = 0
      for (const number of numbers) {
        const old = await segments.get([id, number])
        if (!old) continue
        freed += segmentBytes(old)
        await segments.delete([id, number])
        await tx.objectStore('texts').delete(IDBKeyRange.bound([id, old.id], [id, old.id, []]))
      }
      if (!empty) {
        await segments.put(record, [id, numbers.at(-1)!])
        for (const [block, text] of blocks.entries())
          await tx.objectStore('texts').put(text.buffer, [id, segmentId, block])
      }
      const bytes = Math.max(0, known.bytes - freed) + (empty ? 0 : segmentBytes(record))
      await tx.objectStore('copies').put({ ...known, bytes, revision: known.revision + 1 }, id)
    }, segmentBytes(record))
    this.#shelf.forget(id)
    return true
  }

  async #textsOf(
    id: string,
    run: readonly LoadedSegment[],
  ): Promise<Map<LoadedSegment, Uint8Array[]>> {
    const all = new Map<LoadedSegment, Uint8Array[]>()
    for (const loaded of run) {
      const rows: Uint8Array[] = []
      for (let row = 0; row < loaded.segment.rows; row++)
        if (loaded.alive[row] === 1) rows[row] = await this.#shelf.texts.bytes(id, loaded, row)
      all.set(loaded, rows)
    }
    return all
  }
}

function isStart({ since, part }: ReplicaCursor): boolean {
  return since === 0 && !part
}

function sameCursor(a: ReplicaCursor, b: ReplicaCursor): boolean {
  return a.since === b.since && a.part?.change === b.part?.change && a.part?.chunks === b.part?.chunks // prettier-ignore
}
