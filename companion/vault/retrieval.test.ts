import { describe, expect, it } from 'vitest'
import type { PassageAnswer, PassageRequest, PassageSource } from '#shared/contracts/passage-source.ts' // prettier-ignore
import type { Reranker } from '#shared/contracts/reranker.ts'
import type { StoredChunk } from '#shared/contracts/vault-store.ts'
import type { Document, DocumentKind, SearchHit } from '#shared/domain/vault.ts'
import { bagOfWords } from '#tests/fakes/engine.ts'
import { createFakeVaultStore } from '#tests/fakes/vault-store.ts'
import { LocalPassages } from './retrieval-local.ts'
import type { DocumentCatalogue } from './retrieval-ports.ts'
import { Retrieval, type RetrievalInit, type RetrievalRequest } from './retrieval.ts'

const dimensions = 64
const signal = AbortSignal.timeout(30_000)
const now = new Date(2026, 3, 15, 12)
const lastWeek = new Date(2026, 3, 8).getTime()
const longAgo = new Date(2024, 1, 1).getTime()

interface Held {
  id: string
  text: string
  owner?: string
  collection?: string
  kind?: DocumentKind
  date?: number
}

const held: Held[] = [
  { id: 'lease', text: 'The lease of the harbour warehouse ends with nine months notice.', date: longAgo }, // prettier-ignore
  { id: 'lease-b', text: 'The lease of the city office ends with two months notice.', owner: 'peer-b', date: lastWeek }, // prettier-ignore
  { id: 'mail', text: 'Dear Kim, the refund for the broken valve was paid on Monday.', kind: 'mail', date: lastWeek }, // prettier-ignore
  { id: 'slides', text: 'Pricing of valves: four percent more in July.', kind: 'slides', date: longAgo }, // prettier-ignore
  { id: 'secret', text: 'Salaries of the board are set each spring.', collection: 'collection-two' }, // prettier-ignore
  ...Array.from({ length: 12 }, (_, n) => ({ id: `other-${n}`, text: `Notes on topic ${n} without relation.`, date: longAgo })), // prettier-ignore
]

async function open(more: Partial<RetrievalInit> = {}, documents: Held[] = held) {
  const store = createFakeVaultStore('device-a')
  const known = new Map<string, Document>()
  for (const {
    id,
    text,
    owner = 'device-a',
    collection = 'collection-one',
    kind,
    date,
  } of documents) {
    // prettier-ignore
    const chunk: StoredChunk = { id: `${id}-0`, documentId: id, ordinal: 0, text, headings: [], start: 0, end: text.length, page: 0, vector: bagOfWords(text, dimensions) } // prettier-ignore
    await store.receive(collection, owner, [chunk])
    known.set(id, { id, collectionId: collection, path: `/${id}.txt`, title: id, mediaType: 'text/plain', size: 1, modifiedAt: longAgo, chunks: 1, ...(kind ? { kind } : {}), ...(date ? { date } : {}) }) // prettier-ignore
  }
  const catalogue: DocumentCatalogue = {
    document: (id) => known.get(id),
    matching(_ids, { kinds, since, until }) {
      if (!kinds && since === undefined && until === undefined) return undefined
      return [...known.values()]
        .filter(({ kind }) => !kinds || (kind !== undefined && kinds.includes(kind)))
        .filter(({ date = longAgo }) => date >= (since ?? -Infinity) && date < (until ?? Infinity))
        .map(({ id }) => id)
    },
  }
  const names = new Map([['device-a', 'Here'], ['peer-b', 'B']]) // prettier-ignore
  const retrieval = new Retrieval({
    embedder: {
      modelId: 'bag',
      dimensions,
      embed: async (texts) => texts.map((text) => bagOfWords(text, dimensions)),
    },
    store,
    local: new LocalPassages({ store, documents: catalogue, nameOf: (id) => names.get(id) }),
    collections: () => ['collection-one', 'collection-two'],
    owners: () => [...names].map(([id, name]) => ({ id, name })),
    now: () => now,
    ...more,
  })
  const ask = (query: string, request: Partial<RetrievalRequest> = {}) =>
    retrieval.search({ query, collectionIds: [], limit: 5, ...request }, signal)
  return { retrieval, ask }
}

const idsOf = (hits: readonly SearchHit[]): string[] => hits.map((hit) => hit.documentId)

const far = (documentId: string, text: string, more: Partial<SearchHit> = {}): SearchHit => ({ documentId, collectionId: 'collection-one', chunkId: `${documentId}-0`, title: documentId, path: '', headings: [], start: 0, end: text.length, text, owner: 'peer-c', score: 1, ...more }) // prettier-ignore

describe('Retrieval', () => {
  it('keeps to the time and the owner that a question names, and says what it understood', async () => {
    const { ask } = await open()
    const answer = await ask("last week's lease of the office from B")
    expect(idsOf(answer.hits)).toEqual(['lease-b'])
    expect(answer.hits[0]).toMatchObject({ owner: 'peer-b', ownerName: 'B', date: lastWeek })
    expect(answer.understood.map(({ kind, use }) => [kind, use])).toEqual([
      ['time', 'only'],
      ['owner', 'only'],
    ])
    expect(answer.found).toBe(true)
  })

  it('drops a filter that leaves nothing that fits, and says so', async () => {
    const { ask } = await open()
    const answer = await ask('the salaries of the board from last week')
    expect(answer.hits[0]?.documentId).toBe('secret')
    expect(answer).toMatchObject({ found: true, understood: [{ kind: 'time', use: 'dropped' }] })
    const both = await ask('the salaries of the board from B from last week')
    expect(both.hits[0]?.documentId).toBe('secret')
    expect(both.understood.map(({ use }) => use)).toEqual(['dropped', 'dropped'])
  })

  it('takes a filter away when it is told to, and takes nothing for one when that is asked', async () => {
    const { ask } = await open()
    const { understood } = await ask('lease of the harbour warehouse from B')
    const ignore = understood.map(({ id }) => id)
    expect(await ask('lease of the harbour warehouse from B', { ignore })).toMatchObject({ understood: [] }) // prettier-ignore
    const literal = await ask('lease of the harbour warehouse from B', { understand: false })
    expect(literal).toMatchObject({ understood: [], found: true })
    expect(literal.hits[0]?.documentId).toBe('lease')
  })

  it('never drops a filter that was set by hand', async () => {
    const { ask } = await open()
    const { hits } = await ask('lease', { filters: { kinds: ['mail'] } })
    expect(idsOf(hits)).toEqual(['mail'])
    expect(idsOf((await ask('lease', { filters: { owners: ['nobody'] } })).hits)).toEqual([])
    const mixed = await ask('emails about the refund', { filters: { kinds: ['slides'] } })
    expect(mixed.hits.every(({ kind }) => kind === 'slides')).toBe(true)
  })

  it('tells where nothing that is held answers, and shows what is nearest', async () => {
    const { ask } = await open()
    const answer = await ask('recipe for apple pie')
    expect(answer.found).toBe(false)
    expect(answer.hits.length).toBeGreaterThan(0)
    expect((await ask('lease of the harbour warehouse')).found).toBe(true)
  })

  it('answers a caller from what it may read only, and never says what else there is', async () => {
    const { ask } = await open({
      allowed: (caller) => (caller === 'self' ? ['collection-one', 'collection-two'] : ['collection-one']), // prettier-ignore
    })
    const query = 'salaries of the board'
    expect(idsOf((await ask(query)).hits)).toContain('secret')
    expect(idsOf((await ask(query, { caller: 'peer-c' })).hits)).not.toContain('secret')
    await expect(ask(query, { caller: 'peer-c', collectionIds: ['collection-two'] })).rejects.toMatchObject({ code: 'collection_unknown' }) // prettier-ignore
    await expect(ask(query, { collectionIds: ['collection-none'] })).rejects.toMatchObject({ code: 'collection_unknown' }) // prettier-ignore
    const none = await open({ allowed: () => [] })
    expect(await none.ask(query)).toMatchObject({ hits: [], found: false })
  })

  it('merges what other companions answer, and names those that could not be asked', async () => {
    const { retrieval, ask } = await open()
    const asked: PassageRequest[] = []
    const answer: PassageAnswer = {
      hits: [far('far-lease', 'The lease of the harbour crane ends with nine days notice.', { similarity: 0.99, denseRank: 1 })], // prettier-ignore
      found: true,
      unreachable: [{ deviceId: 'peer-d', name: 'D', code: 'holder_away' }],
    }
    const source: PassageSource = {
      id: 'team',
      async search(request) {
        asked.push(request)
        return answer
      },
    }
    const remove = retrieval.addSource(source)
    const merged = await ask('lease of the harbour from C', { caller: 'peer-x' })
    expect(idsOf(merged.hits)).toEqual(expect.arrayContaining(['lease', 'far-lease']))
    expect(merged.unreachable).toEqual(answer.unreachable)
    expect(asked[0]).toMatchObject({ caller: 'peer-x', text: 'lease of the harbour from C' })
    expect((await ask('lease of the harbour', { local: true })).unreachable).toEqual([])
    expect(asked).toHaveLength(1)
    remove()
    expect(idsOf((await ask('lease of the harbour')).hits)).not.toContain('far-lease')
  })

  it('finds by another companion what is not held here', async () => {
    const { retrieval, ask } = await open()
    const hit: SearchHit = { documentId: 'pie', collectionId: 'collection-one', chunkId: 'pie-0', title: 'Pie', path: '', headings: [], start: 0, end: 5, text: 'apple pie recipe: apples and dough', owner: 'peer-c', score: 1 } // prettier-ignore
    retrieval.addSource({ id: 'team', search: async () => ({ hits: [hit], found: true, unreachable: [] }) }) // prettier-ignore
    const answer = await ask('recipe for apple pie')
    expect(answer.found).toBe(true)
    expect(answer.hits[0]?.documentId).toBe('pie')
  })

  it('shows the same passage once, whoever holds it, and different numbers twice', async () => {
    const text = 'Invoice for valves: the total of 120 euros is due in thirty days.'
    const { ask } = await open({}, [
      { id: 'invoice', text },
      { id: 'invoice-copy', text, owner: 'peer-b' },
      { id: 'invoice-other', text: text.replace('120', '240') },
    ])
    const { hits } = await ask('invoice for valves')
    expect(hits).toHaveLength(2)
    expect(new Set(hits.map((hit) => hit.text)).size).toBe(2)
  })

  it('lets a reranker order the best, and only them', async () => {
    const seen: string[][] = []
    const reranker: Reranker = {
      specVersion: 1,
      id: 'fake',
      maxPassages: 2,
      async score(_question, passages) {
        seen.push(passages.map(({ text }) => text))
        return passages.map((_, at) => at)
      },
      async [Symbol.asyncDispose]() {},
    }
    const plain = await (await open()).ask('lease notice months')
    const ranked = await (await open({ reranker })).ask('lease notice months')
    expect(seen[0]).toHaveLength(2)
    expect(idsOf(ranked.hits).slice(0, 2)).toEqual(idsOf(plain.hits).slice(0, 2).toReversed())
    expect(idsOf(ranked.hits).slice(2)).toEqual(idsOf(plain.hits).slice(2))
    const broken: Reranker = { ...reranker, score: () => Promise.reject(new Error('broken')) }
    const without = await (await open({ reranker: broken })).ask('lease notice months')
    expect(idsOf(without.hits)).toEqual(idsOf(plain.hits))
  })

  it('puts first what bears a date of the calendar that is named, and leaves nothing out', async () => {
    const { ask } = await open()
    const { hits, understood } = await ask('which lease ends in April 2026', { limit: 10 })
    expect(understood).toMatchObject([{ kind: 'time', use: 'first' }])
    expect(idsOf(hits)[0]).toBe('lease-b')
    expect(idsOf(hits)).toContain('lease')
    const none = await ask('which lease ends in April 1999', { limit: 10 })
    expect(none.understood).toMatchObject([{ kind: 'time', use: 'dropped' }])
    expect(idsOf(none.hits)).toContain('lease')
  })

  it('stops when it is told to', async () => {
    const { retrieval } = await open()
    const aborted = AbortSignal.abort(new Error('stop'))
    await expect(retrieval.search({ query: 'lease', collectionIds: [], limit: 5 }, aborted)).rejects.toThrow('stop') // prettier-ignore
  })
})
