import 'fake-indexeddb/auto'
import { IDBFactory, IDBObjectStore } from 'fake-indexeddb'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Document } from '#shared/domain/vault.ts'
import { encodeReplicaPage, quantize } from '#shared/protocol/replica-page.ts'
import type { ReplicaCursor, ReplicaDocument } from '#shared/protocol/replica.ts'
import type { SearchFilters } from '#shared/protocol/search.ts'
import { chooseCopy, removeCopy, setBudget, vaultCopies, vaultCopy } from './copies.ts'
import { closeVaultDatabase, openVaultDatabase } from './database.ts'
import { FeedWriter } from './feed-writer.ts'
import { Shelf } from './shelf.ts'
import { listDocuments, readDocument } from './vault-documents.ts'
import { searchVault } from './vault-search.ts'

const id = 'collection-1'
const day = 24 * 3600 * 1000
const dimensions = 8
const signal = new AbortController().signal
const offer = { id, name: 'Contracts', change: 3, chunks: 10, bytes: 1000 }

/** A direction of its own for each number, so that the nearest is known. */
function direction(number: number): Float32Array {
  const vector = Float32Array.from({ length: dimensions }, (_, at) => Math.sin(number * 7 + at * 3.1)) // prettier-ignore
  const norm = Math.hypot(...vector)
  return vector.map((value) => value / norm)
}

interface Said {
  id: string
  change: number
  texts?: string[]
  from?: number
  state?: ReplicaDocument['state']
  title?: string
  document?: Partial<Document>
}

function page(
  next: ReplicaCursor,
  said: readonly Said[],
  options: { removed?: string[]; complete?: boolean; restart?: boolean; epoch?: string } = {},
): Uint8Array<ArrayBuffer> {
  const vectors: Float32Array[] = []
  const documents = said.map(
    ({
      id: documentId,
      change,
      texts = [],
      from = 0,
      state = 'complete',
      title = documentId,
      document = {},
    }): ReplicaDocument => ({
      // prettier-ignore
      document: { id: documentId, collectionId: id, path: `/${title}.md`, title, mediaType: 'text/markdown', size: 9, modifiedAt: 5, chunks: texts.length, ...document }, // prettier-ignore
      change,
      from,
      state,
      chunks: texts.map((text, at) => {
        vectors.push(direction(change * 100 + from + at))
        const start = (from + at) * 100
        return [
          `${documentId}-${change}-${from + at}`,
          start,
          start + text.length,
          2,
          ['Part'],
          text,
        ]
      }),
    }),
  )
  const { removed = [], complete = true, restart = false, epoch = 'epoch-0001' } = options
  return encodeReplicaPage({
    head: { collectionId: id, epoch, modelId: 'e5', dimensions, restart, next, change: 9, complete, documents, removed }, // prettier-ignore
    vectors: quantize(vectors, dimensions),
  })
}

/** What a fresh tab finds. */
async function held() {
  const { copy, collection } = await new Shelf().load(id)
  const documents: Record<string, string[]> = {}
  const shelf = new Shelf()
  const { collection: again } = await shelf.load(id)
  for (const [documentId, { parts, document }] of again.documents) {
    const texts: string[] = []
    for (const { segment, first, rows } of parts)
      for (let row = first; row < first + rows; row++)
        texts.push((await shelf.text(id, segment, row))[2])
    documents[`${documentId}:${document.title}`] = texts
  }
  return { copy, rows: collection.rows, documents }
}

let writer: FeedWriter
let shelf: Shelf
beforeEach(async () => {
  globalThis.indexedDB = new IDBFactory()
  shelf = new Shelf()
  writer = new FeedWriter(shelf)
  await chooseCopy(offer, 'companion-1', Date.now())
})
afterEach(async () => {
  vi.restoreAllMocks()
  vi.useRealTimers()
  await closeVaultDatabase()
})

const start: ReplicaCursor = { since: 0 }

describe('a copy of a collection', () => {
  it('takes pages over, finds by meaning and by words, and opens what it found', async () => {
    const part = { since: 1, part: { change: 2, chunks: 2 } }
    await writer.apply(id, start, page(part, [{ id: 'a', change: 1, texts: ['押金为两个月租金。', 'Notice period is three months.'] }, { id: 'b', change: 2, texts: ['The boiler', 'is serviced'], state: 'more' }], { complete: false }), 7) // prettier-ignore
    const { copy } = await writer.apply(id, part, page({ since: 2 }, [{ id: 'b', change: 2, texts: ['every May.'], from: 2 }]), 8) // prettier-ignore
    expect(copy).toMatchObject({ documents: 2, chunks: 5, cursor: { since: 2 }, syncedAt: 8, confirmedAt: 8 }) // prettier-ignore

    await confirmNow()
    const words = await search(shelf, { text: '押金多少？', collectionIds: [id], limit: 3 }, signal) // prettier-ignore
    expect(words[0]).toMatchObject({ documentId: 'a', text: '押金为两个月租金。', textRank: 1, page: 2, headings: ['Part'] }) // prettier-ignore
    expect(words[0]?.denseRank).toBeUndefined()
    const near = await search(shelf, { text: 'zzz', vector: direction(202), modelId: 'e5', collectionIds: [], limit: 1 }, signal) // prettier-ignore
    expect(near).toMatchObject([{ documentId: 'b', text: 'every May.', denseRank: 1, start: 200 }])
    const other = await search(shelf, { text: 'zzz', vector: direction(202), modelId: 'another', collectionIds: [], limit: 1 }, signal) // prettier-ignore
    expect(other).toEqual([])

    const text = await readDocument(shelf, 'b', { start: 98, length: 20 })
    expect(text).toMatchObject({ start: 98, length: 210 })
    expect(text.text.trim()).toBe('is serviced')
    expect(text.text.indexOf('is serviced')).toBe(2)
    expect(await listDocuments(shelf, id, { query: 'A', offset: 0, limit: 5 })).toMatchObject({ total: 1, documents: [{ id: 'a' }] }) // prettier-ignore
    await expect(readDocument(shelf, 'nowhere', { start: 0, length: 5 })).rejects.toMatchObject({ code: 'document_unknown' }) // prettier-ignore
  })

  it('searches only what a question is narrowed to', async () => {
    const texts = ['The contract ends in May.']
    await writer.apply(id, start, page({ since: 3 }, [{ id: 'old', change: 1, texts, document: { date: 1000, kind: 'mail', mediaType: 'message/rfc822' } }, { id: 'new', change: 2, texts, document: { date: 9000, owner: 'desk' } }, { id: 'plain', change: 3, texts }]), Date.now()) // prettier-ignore
    // The same words three times are one passage to whoever reads them.
    expect(await found({})).toHaveLength(1)
    expect(await found({ since: 5000 })).toEqual(['new'])
    expect(await found({ until: 5000, kinds: ['mail'] })).toEqual(['old'])
    expect(await found({ owners: ['desk'] })).toEqual(['new'])
    expect(await found({ types: ['markdown'], until: 100 })).toEqual(['plain'])
    expect(await found({ types: ['pdf'] })).toEqual([])
  })

  it('follows edits, renames and deletions, also when it is opened anew', async () => {
    await writer.apply(id, start, page({ since: 3 }, [{ id: 'a', change: 1, texts: ['one', 'two'] }, { id: 'b', change: 2, texts: ['three'] }, { id: 'c', change: 3, texts: [] }]), 1) // prettier-ignore
    await writer.apply(id, { since: 3 }, page({ since: 6 }, [{ id: 'a', change: 4, texts: ['new'] }, { id: 'b', change: 5, state: 'kept', title: 'Renamed' }], { removed: ['c'] }), 2) // prettier-ignore
    expect(await held()).toMatchObject({
      rows: 2,
      documents: { 'a:a': ['new'], 'b:Renamed': ['three'] },
    })
    expect(await search(shelf, { text: 'one two', collectionIds: [id], limit: 5 }, signal).catch((error) => error.code)).toBe('replica_expired') // prettier-ignore
    await confirmNow()
    expect(await search(shelf, { text: 'one two', collectionIds: [id], limit: 5 }, signal)).toEqual([]) // prettier-ignore
  })

  it('is one segment after a merge, with everything that holds and nothing else', async () => {
    let cursor = start
    const expected = new Map<string, string[]>()
    for (let change = 1; change <= 40; change++) {
      const documentId = `d${(change * 5) % 13}`
      const gone = change % 7 === 0
      const renamed = !gone && change % 5 === 0 && expected.has(documentId)
      const texts = Array.from({ length: (change % 4) + 1 }, (_, at) => `words${change} 第${at}段`)
      if (gone) expected.delete(documentId)
      else if (!renamed) expected.set(documentId, texts)
      const said = gone ? [] : [{ id: documentId, change, ...(renamed ? { state: 'kept' as const } : { texts }) }] // prettier-ignore
      const next = { since: change }
      await writer.apply(id, cursor, page(next, said, { removed: gone ? [documentId] : [] }), 1)
      cursor = next
      if (change === 17 || change === 31) while (await writer.compact(id));
    }
    const before = await plain()
    expect(before).toEqual(Object.fromEntries(expected))
    expect(await stored('segments')).toBeGreaterThan(4)
    while (await writer.compact(id));
    expect(await plain()).toEqual(before)
    expect(await stored('segments')).toBeLessThan(4)
    expect(await stored('texts')).toBeLessThanOrEqual(await stored('segments'))
    await confirmNow()
    const asked = [...expected].at(-1)!
    const hits = await search(shelf, { text: asked[1][0]!.split(' ')[0]!, collectionIds: [id], limit: 3 }, signal) // prettier-ignore
    expect(hits[0]?.documentId).toBe(asked[0])
    expect((await vaultCopy(id))?.bytes).toBe(await storedBytes())
  })

  it('begins anew where the companion says so, and where it knows of chunks that are not here', async () => {
    await writer.apply(id, start, page({ since: 2 }, [{ id: 'a', change: 1, texts: ['one'] }]), 1)
    await writer.apply(id, { since: 2 }, page({ since: 1 }, [{ id: 'z', change: 1, texts: ['other'] }], { restart: true, epoch: 'epoch-0002' }), 2) // prettier-ignore
    expect((await held()).documents).toEqual({ 'z:z': ['other'] })
    const { copy, complete } = await writer.apply(id, { since: 1 }, page({ since: 2 }, [{ id: 'q', change: 2, state: 'kept' }], { epoch: 'epoch-0002' }), 3) // prettier-ignore
    expect(complete).toBe(false)
    expect(copy.cursor).toEqual(start)
    await writer.apply(id, start, page({ since: 2 }, [{ id: 'q', change: 2, texts: ['whole'] }], { epoch: 'epoch-0002' }), 4) // prettier-ignore
    expect((await held()).documents).toEqual({ 'q:q': ['whole'] })
  })

  it('refuses pages that are not the next of this copy, and stores nothing of them', async () => {
    await writer.apply(id, start, page({ since: 1 }, [{ id: 'a', change: 1, texts: ['one'] }]), 1)
    const before = await held()
    const refused = async (cursor: ReplicaCursor, bytes: Uint8Array) =>
      writer.apply(id, cursor, bytes, 2).catch((error) => error.code as string)
    const good = page({ since: 2 }, [{ id: 'b', change: 2, texts: ['two'] }])
    expect(await refused({ since: 0, part: { change: 1, chunks: 1 } }, good)).toBe('conflict')
    expect(await refused({ since: 1 }, good.subarray(0, -1))).toBe('bad_response')
    expect(await refused({ since: 1 }, page({ since: 2 }, [], { epoch: 'epoch-0002' }))).toBe('bad_response') // prettier-ignore
    expect(await writer.apply('collection-2', { since: 1 }, good, 2).catch((error) => error.code)).toBe('bad_response') // prettier-ignore
    expect(await held()).toEqual(before)
  })

  it('stores a page whole or not at all', async () => {
    await writer.apply(id, start, page({ since: 1 }, [{ id: 'a', change: 1, texts: ['one'] }]), 1)
    const before = await held()
    const put = IDBObjectStore.prototype.put
    vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(function (
      this: IDBObjectStore,
      value,
      key,
    ) {
      // prettier-ignore
      if (this.name === 'copies') throw new DOMException('no room', 'QuotaExceededError')
      return put.call(this, value, key)
    })
    const bytes = page({ since: 2 }, [{ id: 'b', change: 2, texts: ['two'] }])
    await expect(writer.apply(id, { since: 1 }, bytes, 2)).rejects.toMatchObject({ code: 'storage_quota' }) // prettier-ignore
    vi.restoreAllMocks()
    expect(await held()).toEqual(before)
    await writer.apply(id, { since: 1 }, bytes, 3)
    expect((await held()).documents).toEqual({ 'a:a': ['one'], 'b:b': ['two'] })
  })

  it('keeps to the space it may take', async () => {
    await setBudget(1500)
    const long = 'x'.repeat(4000)
    await expect(writer.apply(id, start, page({ since: 1 }, [{ id: 'a', change: 1, texts: [long] }]), 1)).rejects.toMatchObject({ code: 'replica_over_budget' }) // prettier-ignore
    expect((await vaultCopy(id))?.bytes).toBe(0)
    await setBudget(100_000)
    await writer.apply(id, start, page({ since: 1 }, [{ id: 'a', change: 1, texts: [long] }]), 1)
    expect((await vaultCopy(id))?.bytes).toBe(await storedBytes())
  })

  it('shows what another tab wrote', async () => {
    const tab = new Shelf()
    await writer.apply(id, start, page({ since: 1 }, [{ id: 'a', change: 1, texts: ['one'] }]), 1)
    expect((await tab.load(id)).collection.rows).toBe(1)
    await writer.apply(id, { since: 1 }, page({ since: 2 }, [{ id: 'b', change: 2, texts: ['two', 'three'] }]), 2) // prettier-ignore
    expect((await tab.load(id)).collection.rows).toBe(3)
    await removeCopy(id)
    await expect(tab.load(id)).rejects.toMatchObject({ code: 'collection_unknown' })
    expect(await vaultCopies()).toEqual([])
    expect(await (await openVaultDatabase()).count('texts')).toBe(0)
  })

  it('is not answered from once its permission is too old, whatever the clock says then', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const synced = Date.now()
    await writer.apply(id, start, page({ since: 1 }, [{ id: 'a', change: 1, texts: ['one'] }]), synced) // prettier-ignore
    const ask = () => search(shelf, { text: 'one', collectionIds: [id], limit: 1 }, signal)
    vi.setSystemTime(synced + 29 * day)
    expect(await ask()).toHaveLength(1)
    vi.setSystemTime(synced + 31 * day)
    await expect(ask()).rejects.toMatchObject({ code: 'replica_expired' })
    await expect(readDocument(shelf, 'a', { start: 0, length: 5 })).rejects.toMatchObject({ code: 'replica_expired' }) // prettier-ignore
    vi.setSystemTime(synced - day)
    await expect(ask()).rejects.toMatchObject({ code: 'replica_expired' })
  })

  it('begins anew where what is stored is damaged', async () => {
    await writer.apply(id, start, page({ since: 1 }, [{ id: 'a', change: 1, texts: ['one'] }]), 1)
    const db = await openVaultDatabase()
    const [key] = await db.getAllKeys('segments')
    const segment = await db.get('segments', key!)
    await db.put('segments', { ...segment!, values: new ArrayBuffer(3) }, key)
    await expect(new Shelf().load(id)).rejects.toMatchObject({ code: 'page_storage_failed' })
    expect((await vaultCopy(id))?.cursor).toEqual(start)
    await new FeedWriter(new Shelf()).apply(id, start, page({ since: 1 }, [{ id: 'a', change: 1, texts: ['one'] }]), 1) // prettier-ignore
    expect((await held()).documents).toEqual({ 'a:a': ['one'] })
  })

  it('reads again where another tab has merged what it was about to read, and begins anew where a text is gone', async () => {
    let cursor = start
    for (let change = 1; change <= 5; change++) {
      const next = { since: change }
      await writer.apply(id, cursor, page(next, [{ id: `d${change}`, change, texts: [`words${change}`] }]), Date.now()) // prettier-ignore
      cursor = next
    }
    const tab = new Shelf()
    const load = tab.load.bind(tab)
    const old = await load(id)
    await writer.compact(id)
    const ask = () => search(tab, { text: 'words3', collectionIds: [id], limit: 1 }, signal)
    vi.spyOn(tab, 'load').mockResolvedValueOnce(old)
    expect(await ask()).toMatchObject([{ text: 'words3' }])

    await (await openVaultDatabase()).clear('texts')
    const fresh = new Shelf()
    await expect(search(fresh, { text: 'words3', collectionIds: [id], limit: 1 }, signal)).rejects.toMatchObject({ code: 'page_storage_failed' }) // prettier-ignore
    expect(await vaultCopy(id)).toMatchObject({ cursor: start, documents: 0, bytes: 0 })
  })
})

/** Documents that hold "contract" among those that fit. */
async function found(filters: SearchFilters): Promise<string[]> {
  const query = { text: 'contract', vector: direction(100), modelId: 'e5', collectionIds: [], limit: 5, filters } // prettier-ignore
  return (await search(shelf, query, signal)).map(({ documentId }) => documentId)
}

/** The hits of a search, or its refusal. */
async function search(...given: Parameters<typeof searchVault>) {
  return (await searchVault(...given)).hits
}

async function confirmNow(): Promise<void> {
  const db = await openVaultDatabase()
  const copy = (await db.get('copies', id))!
  await db.put('copies', { ...copy, confirmedAt: Date.now() }, id)
}

async function storedBytes(): Promise<number> {
  const db = await openVaultDatabase()
  const { segmentBytes } = await import('./segment.ts')
  return (await db.getAll('segments')).reduce((sum, stored) => sum + segmentBytes(stored), 0)
}

async function stored(store: 'segments' | 'texts'): Promise<number> {
  return (await openVaultDatabase()).count(store)
}

/** Texts by document, without the titles. */
async function plain(): Promise<Record<string, string[]>> {
  const { documents } = await held()
  return Object.fromEntries(Object.entries(documents).map(([key, texts]) => [key.split(':')[0]!, texts])) // prettier-ignore
}
