import 'fake-indexeddb/auto'
import { IDBFactory } from 'fake-indexeddb'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { SiloError } from '#shared/errors/silo-error.ts'
import { encodeReplicaPage, quantize } from '#shared/protocol/replica-page.ts'
import type { ReplicaDocument, ReplicaOffer } from '#shared/protocol/replica.ts'
import {
  chooseCopy,
  setBudget,
  vaultCopies,
  vaultCopy,
  vaultSettings,
} from '#web/replica/vault/copies.ts'
import { closeVaultDatabase } from '#web/replica/vault/database.ts'
import { FeedWriter } from '#web/replica/vault/feed-writer.ts'
import { Shelf } from '#web/replica/vault/shelf.ts'
import type { VaultWorker } from '#web/replica/vault/vault-worker.ts'
import { tabLocks } from '../page-host/tabs.ts'
import { VaultSync, type SyncPause } from './vault-sync.ts'

const id = 'collection-1'
const dimensions = 4

/** A companion whose feed gives one document a page. */
class Companion {
  texts: string[] = ['one', 'two', 'three']
  refusal: SiloError | undefined
  offered = true
  asked: string[] = []
  /** Called before the answer to a page. */
  before: () => Promise<unknown> | void = () => {}

  offer(): ReplicaOffer {
    const chunks = this.texts.length
    return { id, name: 'Contracts', epoch: 'epoch-0001', change: chunks, documents: chunks, chunks, bytes: 900 } // prettier-ignore
  }

  send = async (path: string): Promise<Response> => {
    const url = new URL(path, 'http://companion')
    this.asked.push(url.pathname)
    if (url.pathname === '/api/replica')
      return Response.json({ companionId: 'companion-1', modelId: 'e5', dimensions, collections: this.offered ? [this.offer()] : [] }) // prettier-ignore
    await this.before()
    if (this.refusal) throw this.refusal
    const since = Number(url.searchParams.get('since'))
    const text = this.texts[since]
    const documents: ReplicaDocument[] = text === undefined ? [] : [{ document: { id: `d${since}`, collectionId: id, path: `/${since}`, title: text, mediaType: 'text/plain', size: 1, modifiedAt: 1, chunks: 1 }, change: since + 1, from: 0, state: 'complete', chunks: [[`c${since}`, 0, text.length, 0, [], text]] }] // prettier-ignore
    const next = Math.min(this.texts.length, since + 1)
    return new Response(
      encodeReplicaPage({
        head: { collectionId: id, epoch: 'epoch-0001', modelId: 'e5', dimensions, restart: false, next: { since: next }, change: this.texts.length, complete: next === this.texts.length, documents, removed: [] }, // prettier-ignore
        vectors: quantize(
          documents.map(() => Float32Array.of(1, 0, 0, 0)),
          dimensions,
        ),
      }),
    )
  }
}

/** One tab over the storage all tabs share. */
function openTab(companion: Companion, options: { pause?: () => SyncPause | undefined } = {}) {
  const writer = new FeedWriter(new Shelf())
  const call = async (
    op: string,
    input: { id: string; cursor: { since: number }; bytes: ArrayBuffer; now: number },
  ) =>
    // prettier-ignore
    op === 'apply'
      ? writer.apply(input.id, input.cursor, new Uint8Array(input.bytes), input.now)
      : writer.compact(input.id)
  const sync = new VaultSync({
    send: companion.send,
    worker: { call } as unknown as Pick<VaultWorker, 'call'>,
    locks: tabLocks(),
    companionId: () => 'companion-1',
    pause: options.pause ?? (() => undefined),
    onStep: () => {},
  })
  return { sync }
}

async function texts(): Promise<string[]> {
  const { collection } = await new Shelf().load(id)
  return [...collection.documents.values()].map(({ document }) => document.title)
}

let companion: Companion
beforeEach(async () => {
  globalThis.indexedDB = new IDBFactory()
  companion = new Companion()
  await chooseCopy(companion.offer(), 'companion-1', 1)
})
afterEach(() => closeVaultDatabase())

describe('the sync of copies', () => {
  it('takes everything over, then only what is new, and asks for no page where nothing is', async () => {
    const { sync } = openTab(companion)
    await sync.run()
    expect(await texts()).toEqual(['one', 'two', 'three'])
    expect(companion.asked).toHaveLength(4)
    companion.asked = []
    const { syncedAt } = (await vaultCopy(id))!
    await sync.run()
    expect(companion.asked).toEqual(['/api/replica'])
    expect((await vaultCopy(id))?.syncedAt).toBeGreaterThanOrEqual(syncedAt!)
    companion.texts.push('four')
    await sync.run()
    expect(await texts()).toEqual(['one', 'two', 'three', 'four'])
    expect(companion.asked).toHaveLength(3)
  })

  it('goes on where it was broken off, in another tab too', async () => {
    const first = openTab(companion)
    let pages = 0
    companion.before = () => {
      if (++pages === 2) companion.refusal = new SiloError('companion_unreachable')
    }
    await first.sync.run()
    expect(await texts()).toEqual(['one'])
    expect((await vaultCopy(id))?.error).toBeUndefined()
    companion.refusal = undefined
    companion.asked = []
    await openTab(companion).sync.run()
    expect(await texts()).toEqual(['one', 'two', 'three'])
    expect(companion.asked).toHaveLength(3)
  })

  it('goes on from what another tab wrote between asking and writing', async () => {
    const { sync } = openTab(companion)
    const other = new FeedWriter(new Shelf())
    let done = false
    companion.before = async () => {
      if (done) return
      done = true
      const page = await companion.send(`/api/replica/${id}/feed?since=0`)
      await other.apply(id, { since: 0 }, new Uint8Array(await page.arrayBuffer()), 2)
    }
    await sync.run()
    expect(await texts()).toEqual(['one', 'two', 'three'])
  })

  it.each([
    ['replica_refused', true],
    ['replica_refused', false],
    ['collection_unknown', false],
  ] as const)('deletes the copy when the companion says %s', async (code, offered) => {
    const { sync } = openTab(companion)
    await sync.run()
    companion.texts.push('four')
    companion.offered = offered
    companion.refusal = new SiloError(code)
    await sync.run()
    expect(await vaultCopies()).toEqual([])
    const { dropped } = await vaultSettings()
    expect(dropped).toMatchObject([{ name: 'Contracts', error: { code } }])
  })

  it('keeps what it has and says why, where there is no room or the answer is none', async () => {
    const { sync } = openTab(companion)
    await sync.run()
    companion.texts.push('four')
    await setBudget(10)
    await sync.run()
    expect((await vaultCopy(id))?.error?.code).toBe('replica_over_budget')
    expect(await texts()).toEqual(['one', 'two', 'three'])
    await setBudget(1_000_000)
    companion.refusal = new SiloError('bad_response')
    await sync.run()
    expect((await vaultCopy(id))?.error?.code).toBe('bad_response')
    companion.refusal = undefined
    await sync.run()
    expect((await vaultCopy(id))?.error).toBeUndefined()
    expect(await texts()).toEqual(['one', 'two', 'three', 'four'])
  })

  it('waits on a metered connection until a person asks', async () => {
    const { sync } = openTab(companion, { pause: () => 'metered' })
    await sync.run()
    expect(sync.paused).toBe('metered')
    expect(await texts()).toEqual([])
    await sync.run({ forced: true })
    expect(sync.paused).toBeUndefined()
    expect(await texts()).toEqual(['one', 'two', 'three'])
  })

  it('stops when it is told to', async () => {
    const { sync } = openTab(companion)
    companion.before = () => void sync.stop()
    await sync.run()
    expect(await texts()).toEqual([])
    companion.before = () => {}
    await sync.run()
    expect(await texts()).toEqual(['one', 'two', 'three'])
  })

  it('leaves copies of another companion alone', async () => {
    await chooseCopy({ ...companion.offer(), id: 'collection-2' }, 'companion-2', 1)
    await openTab(companion).sync.run()
    expect(await vaultCopy('collection-2')).toMatchObject({ cursor: { since: 0 }, chunks: 0 })
    expect(companion.asked.every((path) => !path.includes('collection-2'))).toBe(true)
  })
})
