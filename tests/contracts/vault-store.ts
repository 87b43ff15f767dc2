import { afterEach, describe, expect, it } from 'vitest'
import type { StoredChunk, VaultStore } from '#shared/contracts/vault-store.ts'
import type { DocumentHead } from '#shared/vault/document-head.ts'
import { bagOfWords } from '#tests/fakes/engine.ts'

export const storeDimensions = 64

export interface OpenStore {
  readonly store: VaultStore
  /** Lets a dataset of another device, with this document, arrive as it does by sync. */
  receive(collectionId: string, owner: string, chunks: readonly StoredChunk[]): Promise<void>
}

/** What every VaultStore does. `open` gives an empty store of the device `test-device`. */
export function vaultStoreContract(name: string, open: () => Promise<OpenStore>): void {
  describe(`VaultStore: ${name}`, () => {
    const signal = AbortSignal.timeout(60_000)
    const stores: VaultStore[] = []
    const start = async (): Promise<VaultStore> => (await startReceiving()).store
    const startReceiving = async (): Promise<OpenStore> => {
      const opened = await open()
      stores.push(opened.store)
      return opened
    }
    afterEach(async () => {
      for (const store of stores.splice(0)) await store[Symbol.asyncDispose]()
    })
    const find = async (store: VaultStore, text: string, collectionIds = [collection]) =>
      store.search({ collectionIds, text, vector: bagOfWords(text, storeDimensions), limit: 10 }, signal) // prettier-ignore

    it('answers for a collection that it has never seen', async () => {
      const store = await start()
      expect(await store.countChunks(collection, signal)).toBe(0)
      expect(await find(store, 'anything')).toEqual([])
      expect(await store.countByDocument(collection, signal)).toEqual(new Map())
      await store.removeDocuments(collection, ['document-none'], signal)
      await store.optimize(collection, signal)
      await store.removeCollection(collection, signal)
    })

    it('finds what was just written, before and after it is optimised', async () => {
      const store = await start()
      await store.replaceDocument(collection, 'lease', lease, signal)
      await store.replaceDocument(collection, 'travel', travel, signal)
      const before = await find(store, 'Hamburg warehouse notice')
      expect(before[0]?.chunk.documentId).toBe('lease')
      await store.optimize(collection, signal)
      expect(before).toEqual(await find(store, 'Hamburg warehouse notice'))
      await store.replaceDocument(collection, 'late', [chunkOf('late', 0, 'zebra crossing')], signal) // prettier-ignore
      const [hit] = await find(store, 'zebra')
      expect(hit?.chunk.documentId).toBe('late')
      expect(hit?.textRank).toBe(1)
    })

    it('gives back the chunk as it was stored, with its ranks', async () => {
      const store = await start()
      await store.replaceDocument(collection, 'travel', travel, signal)
      const [hit] = await find(store, '住宿上限')
      const { vector: _vector, context: _context, ...stored } = travel[0]!
      expect(hit?.chunk).toEqual(stored)
      expect(hit?.collectionId).toBe(collection)
      expect(hit?.textRank).toBe(1)
      const expected = 1 / (60 + hit!.denseRank!) + 1 / (60 + hit!.textRank!)
      expect(hit?.score).toBeCloseTo(expected, 6)
    })

    it('finds Chinese words inside a sentence, and headings', async () => {
      const store = await start()
      await store.replaceDocument(collection, 'travel', travel, signal)
      await store.replaceDocument(collection, 'lease', lease, signal)
      await store.optimize(collection, signal)
      expect((await find(store, '住宿'))[0]?.textRank).toBe(1)
      expect((await find(store, '差旅管理'))[0]?.chunk.documentId).toBe('travel')
      expect((await find(store, 'Termination'))[0]?.chunk.documentId).toBe('lease')
    })

    it('is not confused by what a query may contain', async () => {
      const store = await start()
      await store.replaceDocument(collection, 'lease', lease, signal)
      for (const text of [`'; DROP TABLE "x" --`, '*', '"', 'AND OR NOT (', '\\', '🏭', 'a:b~2^3'])
        expect(Array.isArray(await find(store, text))).toBe(true)
    })

    it('replaces a document in one step: a reader never sees both or neither', async () => {
      const store = await start()
      await store.replaceDocument(collection, 'lease', version(1), signal)
      const writing = new AbortController()
      const seen: number[] = []
      const reading = (async () => {
        while (!writing.signal.aborted) seen.push(await store.countChunks(collection, signal))
      })()
      for (const n of [5, 2, 7, 1, 4])
        await store.replaceDocument(collection, 'lease', version(n), signal)
      writing.abort()
      await reading
      expect([...new Set(seen)].every((count) => [2, 6, 3, 8, 5].includes(count))).toBe(true)
      expect(await store.countChunks(collection, signal)).toBe(5)
      expect((await find(store, 'editionh')).every((hit) => hit.textRank === undefined)).toBe(true)
    })

    it('takes documents whose ids need quoting', async () => {
      const store = await start()
      const id = `it's "odd" \\ 文件`
      await store.replaceDocument(collection, id, [chunkOf(id, 0, 'quoted words')], signal)
      await store.replaceDocument(collection, id, [chunkOf(id, 0, 'other words')], signal)
      expect(await store.countByDocument(collection, signal)).toEqual(new Map([[id, 1]]))
      await store.removeDocuments(collection, [id], signal)
      expect(await store.countChunks(collection, signal)).toBe(0)
    })

    it('removes documents and whole collections, and nothing else', async () => {
      const store = await start()
      await store.replaceDocument(collection, 'lease', lease, signal)
      await store.replaceDocument(collection, 'travel', travel, signal)
      await store.replaceDocument(other, 'far', [chunkOf('far', 0, 'far away')], signal)
      await store.removeDocuments(collection, ['lease'], signal)
      expect([...(await store.countByDocument(collection, signal)).keys()]).toEqual(['travel'])
      await store.replaceDocument(collection, 'travel', [], signal)
      expect(await store.countChunks(collection, signal)).toBe(0)
      await store.replaceDocument(collection, 'lease', lease, signal)
      await store.removeCollection(collection, signal)
      expect(await find(store, 'Hamburg')).toEqual([])
      expect(await store.countChunks(other, signal)).toBe(1)
    })

    it('searches several collections as one', async () => {
      const store = await start()
      await store.replaceDocument(collection, 'lease', lease, signal)
      await store.replaceDocument(other, 'travel', travel, signal)
      const hits = await find(store, 'Hamburg 住宿', [collection, other])
      expect(new Set(hits.map((hit) => hit.collectionId))).toEqual(new Set([collection, other]))
      expect(hits.map((hit) => hit.score)).toEqual(hits.map((hit) => hit.score).sort((a, b) => b - a)) // prettier-ignore
    })

    it('keeps what is said of a document with its chunks, and changes it alone', async () => {
      const store = await start()
      await store.replaceDocuments(
        collection,
        new Map([
          ['lease', [{ ...lease[0]!, document: head('Lease', '/a/lease.pdf') }, lease[1]!]],
          ['travel', travel],
        ]),
        signal,
      )
      const before = await store.documents(collection, store.deviceId, signal)
      expect(before).toEqual(
        new Map([
          ['lease', head('Lease', '/a/lease.pdf')],
          ['travel', undefined],
        ]),
      )
      const moved = head(`Lease "it's"`, "/b/租约 \\ 'x'.pdf")
      const heads = new Map([
        ['lease', moved],
        ['travel', head('Travel', '/a/travel.md')],
        ['nobody', moved],
      ])
      await store.putHeads(collection, heads, signal)
      const after = await store.documents(collection, store.deviceId, signal)
      expect(after).toEqual(new Map([...heads].filter(([id]) => id !== 'nobody')))
      expect(await store.countChunks(collection, signal)).toBe(4)
      expect((await find(store, 'Hamburg warehouse notice'))[0]?.chunk.documentId).toBe('lease')
    })

    it('gives the chunks of documents in order, with their vectors', async () => {
      const store = await start()
      await store.replaceDocument(collection, 'travel', travel.toReversed(), signal)
      await store.replaceDocument(collection, 'lease', lease, signal)
      const chunks = await store.chunksOf(collection, ['travel', 'lease', 'none'], signal)
      const owned = [...lease, ...travel].map((chunk) => ({ ...chunk, owner: store.deviceId }))
      expect(chunks).toEqual(owned)
      expect(await store.chunksOf(collection, [], signal)).toEqual([])
      const second = await store.chunksOf(collection, ['lease', 'travel'], signal, undefined, { from: 1, to: 9 }) // prettier-ignore
      expect(second.map(({ id }) => id)).toEqual(['lease:1', 'travel:1'])
      const sampled = await store.sample([collection, other], 3, signal)
      expect(sampled.length).toBeGreaterThan(1)
      for (const vector of sampled)
        expect(owned.map((chunk) => chunk.vector)).toContainEqual(vector)
      expect(await store.sample([other], 3, signal)).toEqual([])
      expect(await store.chunksOf(collection, ['lease'], signal, 'other-device')).toEqual([])
    })

    it('answers from the datasets of all devices, or of those named', async () => {
      const { store, receive } = await startReceiving()
      await store.replaceDocument(collection, 'lease', lease, signal)
      await receive(collection, 'device-b', [
        { ...travel[0]!, document: head('差旅', '/b/travel.md') },
        travel[1]!,
      ])
      const search = async (owners?: string[]) => {
        const text = 'Hamburg 住宿'
        const vector = bagOfWords(text, storeDimensions)
        const request = { collectionIds: [collection], text, vector, limit: 10 }
        const hits = await store.search(owners ? { ...request, owners } : request, signal)
        return new Set(hits.map((hit) => `${hit.owner} ${hit.chunk.documentId}`))
      }
      expect(await search()).toEqual(new Set(['test-device lease', 'device-b travel']))
      expect(await search(['device-b'])).toEqual(new Set(['device-b travel']))
      expect(await search(['nobody'])).toEqual(new Set())
      expect(await store.countChunks(collection, signal)).toBe(4)
      expect(await store.countChunks(collection, signal, 'device-b')).toBe(2)
      expect([...(await store.countByDocument(collection, signal)).keys()]).toEqual(['lease'])
      const heads = await store.documents(collection, 'device-b', signal)
      expect(heads.get('travel')?.title).toBe('差旅')
      const states = await store.datasets(collection, signal)
      expect(states.map(({ owner, own, chunks }) => ({ owner, own, chunks }))).toEqual([
        { owner: 'test-device', own: true, chunks: 2 },
        { owner: 'device-b', own: false, chunks: 2 },
      ])
      // What arrives later is found without anything being opened again.
      await receive(collection, 'device-b', [chunkOf('later', 0, 'zebra crossing')])
      expect((await find(store, 'zebra'))[0]).toMatchObject({ owner: 'device-b', textRank: 1 })
      await store.removeCollection(collection, signal, 'device-b')
      expect(await search()).toEqual(new Set(['test-device lease']))
    })

    it('never changes the dataset of another device', async () => {
      const { store, receive } = await startReceiving()
      await receive(collection, 'device-b', travel)
      await store.replaceDocument(collection, 'travel', [chunkOf('travel', 0, 'mine')], signal)
      await store.putHeads(collection, new Map([['travel', head('Mine', '/mine')]]), signal)
      expect(await store.countChunks(collection, signal, 'device-b')).toBe(2)
      await store.removeDocuments(collection, ['travel'], signal)
      expect(await store.countChunks(collection, signal, 'device-b')).toBe(2)
      const heads = await store.documents(collection, 'device-b', signal)
      expect(heads).toEqual(new Map([['travel', undefined]]))
    })

    it('searches only in the documents named', async () => {
      const store = await start()
      await store.replaceDocument(collection, 'lease', lease, signal)
      await store.replaceDocument(collection, 'travel', travel, signal)
      const vector = bagOfWords('Hamburg', storeDimensions)
      const ask = { collectionIds: [collection], text: 'Hamburg', vector, limit: 10 }
      const only = await store.search({ ...ask, documentIds: ['travel'] }, signal)
      expect(new Set(only.map((hit) => hit.chunk.documentId))).toEqual(new Set(['travel']))
      expect(only.every((hit) => hit.textRank === undefined)).toBe(true)
      expect(await store.search({ ...ask, documentIds: [] }, signal)).toEqual([])
      const dense = await store.search({ ...ask, textWeight: 0 }, signal)
      expect(dense.every((hit) => hit.textRank === undefined && hit.denseRank)).toBe(true)
      expect(dense[0]?.similarity).toBeGreaterThan(dense.at(-1)!.similarity!)
    })

    it('does nothing for an aborted signal', async () => {
      const store = await start()
      const aborted = AbortSignal.abort(new Error('stop'))
      await expect(store.replaceDocument(collection, 'lease', lease, aborted)).rejects.toThrow('stop') // prettier-ignore
      expect(await store.countChunks(collection, signal)).toBe(0)
    })
  })
}

const collection = 'collection-one'
const other = 'collection-two'

export function chunkOf(
  documentId: string,
  ordinal: number,
  text: string,
  headings: string[] = [],
): StoredChunk {
  return {
    id: `${documentId}:${ordinal}`,
    documentId,
    ordinal,
    text,
    headings,
    start: ordinal * 100,
    end: ordinal * 100 + text.length,
    page: ordinal + 1,
    vector: bagOfWords([...headings, text].join(' '), storeDimensions),
  }
}

function head(title: string, path: string): DocumentHead {
  return {
    title,
    path,
    mediaType: 'text/plain',
    size: 10,
    modifiedAt: 1_760_000_000_000,
    sha256: 'ab'.repeat(32),
    chunks: 2,
    length: 160,
    kind: 'document',
  }
}

const lease = [
  chunkOf('lease', 0, 'The notice period of the Hamburg warehouse is seven months.', ['Lease', 'Termination']), // prettier-ignore
  chunkOf('lease', 1, 'The rent is due on the third working day.', ['Lease', 'Rent']),
]
const travel = [
  chunkOf('travel', 0, '员工出差住宿上限为每晚五百二十元。', ['差旅管理办法', '住宿标准']),
  chunkOf('travel', 1, '高铁可以乘坐二等座。', ['差旅管理办法', '交通']),
]

/** Version `n` of a document has n + 1 chunks, each with a word of its own. */
function version(n: number): StoredChunk[] {
  return Array.from({ length: n + 1 }, (_, i) =>
    chunkOf('lease', i, `edition${'abcdefgh'[n]} part ${i}`),
  )
}
