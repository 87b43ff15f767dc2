import { describe, expect, it } from 'vitest'
import type { OwnedChunk } from '#shared/contracts/vault-store.ts'
import type { Document } from '#shared/domain/vault.ts'
import { decodeReplicaPage, type ReplicaPage } from '#shared/protocol/replica-page.ts'
import type { ReplicaCursor } from '#shared/protocol/replica.ts'
import type { DocumentChange } from './ports.ts'
import { ReplicaFeed } from './replica-feed.ts'

const collectionId = 'collection-1'
const dimensions = 4
const signal = AbortSignal.timeout(20_000)

/** A vault in memory: what a device has to hold after a sync is what is here. */
class Shelf {
  readonly chunks = new Map<string, OwnedChunk[]>()
  readonly log = new Map<string, DocumentChange>()
  change = 0
  reads = 0

  put(id: string, texts: readonly string[], title = id): void {
    const change = ++this.change
    const document: Document = {
      id,
      collectionId,
      path: `/${id}`,
      title,
      mediaType: 'text/plain',
      size: 1,
      modifiedAt: change,
      chunks: texts.length,
    }
    this.chunks.set(
      id,
      texts.map((text, ordinal) => chunkOf(id, ordinal, text)),
    )
    this.log.set(id, { kind: 'document', change, document, contentChange: change })
  }

  rename(id: string, title: string): void {
    const known = this.log.get(id)
    if (known?.kind !== 'document') throw new Error(id)
    this.log.set(id, { ...known, change: ++this.change, document: { ...known.document, title } })
  }

  remove(id: string): void {
    this.chunks.delete(id)
    this.log.set(id, { kind: 'removed', change: ++this.change, id })
  }

  feed(
    options: { mayCopy?: (device: string) => boolean; epoch?: () => string; lines?: object[] } = {},
  ) {
    return new ReplicaFeed({
      companionId: 'companion',
      modelId: 'e5',
      dimensions,
      records: {
        collections: () => [
          { id: collectionId, name: 'Contracts', documents: this.chunks.size, chunks: [...this.chunks.values()].flat().length }, // prettier-ignore
        ],
        lastChange: () => this.change,
        changesSince: (_id, since, limit) =>
          [...this.log.values()]
            .filter(({ change }) => change > since)
            .sort((a, b) => a.change - b.change)
            .slice(0, limit),
      },
      chunks: {
        chunksOf: async (_id, ids, _signal, _owner, range) => {
          const all = ids.flatMap((id) => this.chunks.get(id) ?? [])
          const found = range ? all.slice(range.from, range.to + 1) : all
          this.reads += found.length
          return found
        },
      },
      access: {
        accessOf: () => undefined,
        mayCopy: (_id, device) => options.mayCopy?.(device) ?? true,
      },
      epoch: options.epoch ?? (() => 'epoch-0001'),
      ...(options.lines ? { audit: (line) => void options.lines!.push(line) } : {}),
    })
  }
}

function chunkOf(documentId: string, ordinal: number, text: string): OwnedChunk {
  return {
    id: `${documentId}-${ordinal}-${text}`,
    documentId,
    ordinal,
    text,
    headings: ['h'],
    start: ordinal * 10,
    end: ordinal * 10 + text.length,
    page: 1,
    vector: Float32Array.of(1, 0.5, -1, 0),
    owner: 'companion',
  }
}

/** A copy as a device would make it of the pages. */
class Copy {
  readonly documents = new Map<string, { title: string; texts: string[] }>()
  cursor: ReplicaCursor = { since: 0 }
  epoch: string | undefined
  pages: ReplicaPage['head'][] = []

  async sync(feed: ReplicaFeed, limit = 4, device = 'self'): Promise<void> {
    for (let pages = 0; pages < 200; pages++) {
      const request = { collectionId, cursor: this.cursor, epoch: this.epoch, limit, device }
      const { head, vectors } = decodeReplicaPage(await feed.page(request, signal))
      expect(vectors.scales.length).toBeLessThanOrEqual(limit)
      this.pages.push(head)
      if (head.restart) this.documents.clear()
      for (const id of head.removed) this.documents.delete(id)
      for (const { document, from, state, chunks } of head.documents) {
        const texts = chunks.map((chunk) => chunk[5])
        const known = this.documents.get(document.id)
        if (state === 'kept') expect(known).toBeDefined()
        if (from > 0) expect(known?.texts).toHaveLength(from)
        const before = state === 'kept' || from > 0 ? known!.texts : []
        this.documents.set(document.id, { title: document.title, texts: [...before, ...texts] })
      }
      this.cursor = head.next
      this.epoch = head.epoch
      if (head.complete) return
    }
    throw new Error('the feed does not end')
  }
}

const texts = (count: number, word = 't') =>
  Array.from({ length: count }, (_, at) => `${word}${at}`)

describe('the replica feed', () => {
  it('gives everything once, large documents in parts', async () => {
    const shelf = new Shelf()
    shelf.put('a', texts(3))
    shelf.put('big', texts(23))
    shelf.put('empty', [])
    for (let at = 0; at < 9; at++) shelf.put(`small-${at}`, texts(1))
    const copy = new Copy()
    await copy.sync(shelf.feed())
    expect(copy.documents.get('big')?.texts).toEqual(texts(23))
    expect(copy.documents.size).toBe(12)
    expect(copy.cursor).toEqual({ since: shelf.change })
    const pages = copy.pages.length
    await copy.sync(shelf.feed())
    expect(copy.pages.length).toBe(pages + 1)
    expect(copy.pages.at(-1)?.documents).toEqual([])
  })

  it('gives edits, renames and deletions after a cursor, and renames without the chunks', async () => {
    const shelf = new Shelf()
    for (const id of ['a', 'b', 'c']) shelf.put(id, texts(2))
    const feed = shelf.feed()
    const copy = new Copy()
    await copy.sync(feed)
    shelf.put('a', texts(3, 'new'))
    shelf.rename('b', 'Renamed')
    shelf.remove('c')
    copy.pages = []
    await copy.sync(feed)
    expect([...copy.documents]).toEqual([
      ['a', { title: 'a', texts: texts(3, 'new') }],
      ['b', { title: 'Renamed', texts: texts(2) }],
    ])
    expect(copy.pages.flatMap((head) => head.documents).map(({ state }) => state)).toEqual(['complete', 'kept']) // prettier-ignore
  })

  it('sends nothing that another device put into its dataset under the name of this document', async () => {
    const shelf = new Shelf()
    shelf.put('a', texts(2))
    shelf.chunks.get('a')!.push({ ...chunkOf('a', 2, 'forged'), owner: 'stranger' })
    const copy = new Copy()
    await copy.sync(shelf.feed())
    expect(copy.documents.get('a')?.texts).toEqual(texts(2))
  })

  it('begins a large document anew that changed between its parts', async () => {
    const shelf = new Shelf()
    shelf.put('big', texts(10))
    shelf.put('b', texts(1))
    const feed = shelf.feed()
    const copy = new Copy()
    const first = decodeReplicaPage(await feed.page({ collectionId, cursor: copy.cursor, epoch: undefined, limit: 4, device: 'self' }, signal)) // prettier-ignore
    expect(first.head.next).toEqual({ since: 0, part: { change: 1, chunks: 4 } })
    shelf.put('big', texts(6, 'new'))
    copy.cursor = first.head.next
    copy.epoch = first.head.epoch
    await copy.sync(feed)
    expect(copy.documents.get('big')?.texts).toEqual(texts(6, 'new'))
    expect(copy.documents.get('b')?.texts).toEqual(texts(1))
  })

  it('reads no more of the index than it sends', async () => {
    const shelf = new Shelf()
    for (let at = 0; at < 20; at++) shelf.put(`d${at}`, texts(50))
    await shelf.feed().page({ collectionId, cursor: { since: 0 }, epoch: undefined, limit: 100, device: 'self' }, signal) // prettier-ignore
    expect(shelf.reads).toBe(100)
  })

  it('begins anew where the count of changes is another one, or was put back', async () => {
    const shelf = new Shelf()
    shelf.put('a', texts(2))
    shelf.put('b', texts(2))
    const copy = new Copy()
    await copy.sync(shelf.feed())
    shelf.log.delete('b')
    await copy.sync(shelf.feed({ epoch: () => 'epoch-0002' }))
    expect(copy.pages.at(-1)?.restart).toBe(true)
    expect([...copy.documents.keys()]).toEqual(['a'])
    shelf.change = 1
    copy.cursor = { since: 2 }
    await copy.sync(shelf.feed({ epoch: () => 'epoch-0002' }))
    expect(copy.pages.filter(({ restart }) => restart)).toHaveLength(2)
    expect(copy.cursor).toEqual({ since: 1 })
  })

  it('asks for every page whether the device may have it, and keeps what it did', async () => {
    const shelf = new Shelf()
    shelf.put('a', texts(8))
    const lines: object[] = []
    let allowed = true
    const feed = shelf.feed({ mayCopy: (device) => device === 'self' || allowed, lines })
    expect(feed.list('phone').collections).toMatchObject([{ id: collectionId, change: 1, chunks: 8 }]) // prettier-ignore
    const copy = new Copy()
    const request = { collectionId, epoch: undefined, limit: 4, device: 'phone' }
    const { head } = decodeReplicaPage(await feed.page({ ...request, cursor: copy.cursor }, signal))
    allowed = false
    await expect(feed.page({ ...request, cursor: head.next, epoch: head.epoch }, signal)).rejects.toMatchObject({ code: 'replica_refused' }) // prettier-ignore
    expect(feed.list('phone').collections).toEqual([])
    expect(feed.list('self').collections).toHaveLength(1)
    expect(lines).toEqual([
      { action: 'copy', collectionIds: [collectionId], allowed: true, count: 1, device: 'phone' },
      { action: 'copy', collectionIds: [collectionId], allowed: false, device: 'phone' },
    ])
  })

  it('tells a stranger nothing of collections that are not', async () => {
    const feed = new Shelf().feed({ mayCopy: (device) => device === 'self' })
    const request = {
      collectionId: 'collection-9',
      cursor: { since: 0 },
      epoch: undefined,
      limit: 4,
    }
    await expect(feed.page({ ...request, device: 'self' }, signal)).rejects.toMatchObject({ code: 'collection_unknown' }) // prettier-ignore
    await expect(feed.page({ ...request, device: 'phone' }, signal)).rejects.toMatchObject({ code: 'replica_refused' }) // prettier-ignore
  })
})
