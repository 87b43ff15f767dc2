import { deleteDB } from 'idb'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { toSiloError } from '#shared/errors/silo-error.ts'
import { encodeReplicaPage, quantize } from '#shared/protocol/replica-page.ts'
import type { ReplicaCursor, ReplicaDocument } from '#shared/protocol/replica.ts'
import { chooseCopy, vaultCopy } from './copies.ts'
import { closeVaultDatabase, openVaultDatabase } from './database.ts'
import { VaultWorker } from './vault-worker.ts'

const id = 'collection-1'
const dimensions = 384
const perPage = 40

/** A page of documents `from`… with texts in both languages, as large as those of a real feed. */
function page(from: number, complete: boolean): ArrayBuffer {
  const vectors: Float32Array[] = []
  const documents = Array.from({ length: perPage }, (_, at): ReplicaDocument => {
    const number = from + at
    vectors.push(Float32Array.from({ length: dimensions }, (_, axis) => (axis === number % dimensions ? 1 : 0))) // prettier-ignore
    const text = `Report ${number} of machine m${number}. 第${number}号设备的维修记录。`.repeat(20)
    return {
      document: { id: `document-${number}`, collectionId: id, path: `/${number}.md`, title: `Report ${number}`, mediaType: 'text/markdown', size: 1, modifiedAt: 1, chunks: 1 }, // prettier-ignore
      change: number + 1,
      from: 0,
      state: 'complete',
      chunks: [[`chunk-${number}`, 0, text.length, 0, [], text]],
    }
  })
  const bytes = encodeReplicaPage({
    head: { collectionId: id, epoch: 'epoch-0001', modelId: 'e5', dimensions, restart: false, next: { since: from + perPage }, change: 400, complete, documents, removed: [] }, // prettier-ignore
    vectors: quantize(vectors, dimensions),
  })
  return bytes.buffer
}

let worker: VaultWorker
beforeEach(async () => {
  await deleteDB('silo-vault')
  worker = new VaultWorker()
  await chooseCopy({ id, name: 'Reports', change: 400, chunks: 400, bytes: 1 }, 'companion-1', Date.now()) // prettier-ignore
})
afterEach(async () => {
  worker[Symbol.dispose]()
  await closeVaultDatabase()
})

const apply = (by: VaultWorker, cursor: ReplicaCursor) => {
  const bytes = page(cursor.since, cursor.since + perPage >= 400)
  return by.call('apply', { id, cursor, bytes, now: Date.now() }, { transfer: [bytes] })
}

async function fill(): Promise<void> {
  for (;;) {
    const { cursor, syncedAt } = (await vaultCopy(id))!
    if (syncedAt !== undefined) return
    await apply(worker, cursor)
  }
}

describe('copies in a real browser', () => {
  it('are written, merged and searched in a worker, and read again by the next one', async () => {
    await fill()
    while (await worker.call('compact', { id }));
    expect(await (await openVaultDatabase()).count('segments')).toBe(1)
    worker[Symbol.dispose]()
    const vector = new Float32Array(dimensions)
    vector[123] = 1
    const { hits } = await worker.call('search', { text: 'machine m123', vector, modelId: 'e5', collectionIds: [], limit: 3 }) // prettier-ignore
    expect(hits[0]).toMatchObject({ chunkId: 'chunk-123', denseRank: 1 })
    const chinese = await worker.call('search', { text: '第123号设备', collectionIds: [id], limit: 3 }) // prettier-ignore
    expect(chinese.hits[0]?.text).toContain('第123号设备的维修记录')
    const { total } = await worker.call('documents', { collectionId: id, page: { query: 'report 39', offset: 0, limit: 5 } }) // prettier-ignore
    expect(total).toBe(11)
    const text = await worker.call('text', { id: 'document-7', range: { start: 0, length: 20 } })
    expect(text.text).toBe('Report 7 of machine ')
  })

  it('are whole at every moment the page may die', async () => {
    const firstPage = () => worker.call('documents', { collectionId: id, page: { query: '', offset: 0, limit: 1 } }) // prettier-ignore
    for (let round = 0; round < 30; round++) {
      const copy = (await vaultCopy(id))!
      if (copy.syncedAt !== undefined) break
      const dying = new VaultWorker()
      // The answer to a page is written while its worker is ended, earlier or later in the write.
      const writing = apply(dying, copy.cursor).catch(
        (error: unknown) => toSiloError(error, 'test').code,
      )
      await new Promise((resolve) => setTimeout(resolve, round * 7))
      dying[Symbol.dispose]()
      await writing
      // A transaction of a worker that is gone may still be committed, also between two looks.
      let after = (await vaultCopy(id))!
      let listed = await firstPage()
      for (
        let now = (await vaultCopy(id))!;
        now.cursor.since !== after.cursor.since;
        now = (await vaultCopy(id))!
      ) {
        after = now
        listed = await firstPage()
      }
      expect([copy.cursor.since, copy.cursor.since + perPage]).toContain(after.cursor.since)
      expect(listed.total).toBe(after.cursor.since)
      expect(after.documents).toBe(after.cursor.since)
    }
    await fill()
    expect(await vaultCopy(id)).toMatchObject({ documents: 400, chunks: 400 })
  })

  it('give a search up that is called off', async () => {
    await fill()
    const stop = new AbortController()
    const asked = worker.call('search', { text: 'machine', collectionIds: [id], limit: 3 }, { signal: stop.signal }) // prettier-ignore
    stop.abort()
    await expect(asked).rejects.toMatchObject({ code: 'cancelled' })
    const { hits } = await worker.call('search', { text: 'machine m5', collectionIds: [id], limit: 3 }) // prettier-ignore
    expect(hits[0]?.chunkId).toBe('chunk-5')
  })
})
