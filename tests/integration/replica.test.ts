import 'fake-indexeddb/auto'
import { cp, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Hono } from 'hono'
import { IDBFactory } from 'fake-indexeddb'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { answerError } from '#companion/gateway/answers.ts'
import type { GatewayEnv } from '#companion/gateway/environment.ts'
import { replicaRoutes } from '#companion/gateway/routes/replica.ts'
import type { Caller } from '#companion/gateway/services.ts'
import { silentLog } from '#companion/observe/log.ts'
import { openDatabase } from '#companion/records/database.ts'
import { ReplicaEpoch } from '#companion/replica/epoch.ts'
import { ReplicaFeed } from '#companion/replica/replica-feed.ts'
import type { Embedder } from '#companion/vault/embedder.ts'
import { newId } from '#shared/domain/ids.ts'
import { fromWire } from '#shared/errors/silo-error.ts'
import { bagOfWords } from '#tests/fakes/engine.ts'
import { questions } from '#tests/fixtures/questions.ts'
import { openVault, runOf, type OpenVault } from '#tests/vault.ts'
import { VaultSync } from '#web/client/vault-copies/vault-sync.ts'
import { tabLocks } from '#web/client/page-host/tabs.ts'
import { chooseCopy, vaultCopies, vaultCopy } from '#web/replica/vault/copies.ts'
import { closeVaultDatabase } from '#web/replica/vault/database.ts'
import { FeedWriter } from '#web/replica/vault/feed-writer.ts'
import { Shelf } from '#web/replica/vault/shelf.ts'
import { readDocument } from '#web/replica/vault/vault-documents.ts'
import { searchVault } from '#web/replica/vault/vault-search.ts'
import type { VaultWorker } from '#web/replica/vault/vault-worker.ts'

/** The whole way of a phone's copy: real files and index, the route, the page's sync, storage and search. */
const documents = fileURLToPath(new URL('../fixtures/documents', import.meta.url))
const collectionId = 'collection-01'
const dimensions = 256
const signal = AbortSignal.timeout(170_000)
const phone: Caller = { kind: 'device', deviceId: 'phone', name: 'Phone', role: 'member', road: 'webrtc' } // prettier-ignore
const embedder: Embedder = {
  modelId: 'words',
  dimensions,
  embed: async (texts) => texts.map((text) => bagOfWords(text, dimensions)),
}

let home: string
let folder: string
let vault: OpenVault
let allowed: boolean
let lines: { allowed: boolean; count?: number | undefined; device: string }[]
let app: Hono<GatewayEnv>
let epoch: ReplicaEpoch
let database: ReturnType<typeof openDatabase>

beforeEach(async () => {
  globalThis.indexedDB = new IDBFactory()
  home = await mkdtemp(join(tmpdir(), 'silo-replica-'))
  folder = join(home, 'documents')
  await cp(documents, folder, { recursive: true })
  vault = openVault(home, embedder)
  vault.vault.createCollection({ id: collectionId, name: 'Fixtures' })
  await ingest()
  allowed = true
  lines = []
  database = openDatabase(join(home, 'replica.db'))
  epoch = new ReplicaEpoch(database)
  const feed = new ReplicaFeed({
    companionId: 'test-device',
    modelId: embedder.modelId,
    dimensions,
    records: vault.records,
    chunks: vault.store,
    access: {
      accessOf: () => undefined,
      mayCopy: (_id, device) => allowed && device === 'phone',
    },
    epoch: () => epoch.of(embedder.modelId, dimensions),
    audit: (line) => void lines.push(line),
  })
  app = new Hono<GatewayEnv>()
  app.onError((error, context) => answerError(error, context, silentLog))
  app.use((context, next) => {
    context.set('caller', context.env.caller!)
    return next()
  })
  app.route('/api', replicaRoutes(feed))
})
afterEach(async () => {
  await closeVaultDatabase()
  database.close()
  await vault.close()
  await rm(home, { recursive: true, force: true })
})

const ingest = () => vault.vault.ingest({ collectionId, paths: [folder] })(runOf(signal).context)

const get = (path: string, caller: Caller = phone) =>
  app.fetch(new Request(`http://companion${path}`), { caller })

/** A phone with the real storage, over the route. `pages` ends the road after so many. */
function openPhone(pages = Infinity) {
  const shelf = new Shelf()
  const writer = new FeedWriter(shelf)
  let asked = 0
  const call = async (
    op: string,
    input: { id: string; cursor: { since: number }; bytes: ArrayBuffer; now: number },
  ) =>
    // prettier-ignore
    op === 'apply'
      ? writer.apply(input.id, input.cursor, new Uint8Array(input.bytes), input.now)
      : writer.compact(input.id)
  const sync = new VaultSync({
    send: async (path) => {
      if (path.includes('/feed') && ++asked > pages) throw new TypeError('the road broke')
      const response = await get(path.replace(/limit=\d+/, 'limit=16'))
      if (response.ok) return response
      const { error } = (await response.json()) as { error: Parameters<typeof fromWire>[0] }
      throw fromWire(error)
    },
    worker: { call } as unknown as Pick<VaultWorker, 'call'>,
    locks: tabLocks(),
    companionId: () => 'test-device',
    pause: () => undefined,
    onStep: () => {},
  })
  const search = async (text: string, limit = 8) =>
    (
      await searchVault(
        shelf,
        { text, vector: bagOfWords(text, dimensions), modelId: 'words', collectionIds: [collectionId], limit }, // prettier-ignore
        signal,
      )
    ).hits
  return { sync, search, shelf, asked: () => asked }
}

async function keep(): Promise<void> {
  const { collections } = (await (await get('/api/replica')).json()) as { collections: Parameters<typeof chooseCopy>[0][] } // prettier-ignore
  await chooseCopy(collections[0]!, 'test-device', Date.now())
}

describe('a phone’s copy of a collection', () => {
  it('finds what the companion finds, and opens the same text', async () => {
    await keep()
    const { sync, search, shelf } = openPhone()
    await sync.run()
    const [held] = vault.vault.collections()
    expect(await vaultCopy(collectionId)).toMatchObject({ documents: held!.documents, chunks: held!.chunks, name: 'Fixtures' }) // prettier-ignore
    let same = 0
    for (const { question } of questions) {
      const there = await vault.retrieval.search({ query: question, collectionIds: [], limit: 8, understand: false }, signal) // prettier-ignore
      const here = await search(question)
      const ids = new Set(there.hits.map(({ chunkId }) => chunkId))
      same += here.filter(({ chunkId }) => ids.has(chunkId)).length / Math.max(1, there.hits.length)
    }
    // Bytes instead of floats, and a document's rare format of BM25: nearly the same passages.
    expect(same / questions.length).toBeGreaterThan(0.93)
    const [hit] = await search('差旅住宿标准上限是多少？')
    const there = await vault.vault.documentText(hit!.documentId, { start: 0, length: 100_000 })
    const here = await readDocument(shelf, hit!.documentId, { start: 0, length: 100_000 })
    expect(here.text.slice(hit!.start, hit!.end)).toBe(there.text.slice(hit!.start, hit!.end))
    expect(here.text.replaceAll(/\s/g, '')).toBe(there.text.slice(0, here.text.length).replaceAll(/\s/g, '')) // prettier-ignore
  })

  it('goes on where it was broken off, with nothing lost or doubled', async () => {
    await keep()
    const whole = vault.vault.collections()[0]!.chunks
    for (let round = 0; round < 40; round++) {
      const tab = openPhone(2)
      await tab.sync.run()
      const copy = await vaultCopy(collectionId)
      if (copy?.syncedAt !== undefined) break
      expect(copy!.chunks).toBeLessThan(whole)
    }
    const copy = await vaultCopy(collectionId)
    expect(copy).toMatchObject({ chunks: whole })
    const { collection } = await new Shelf().load(collectionId)
    const rows = [...collection.documents.values()].flatMap(({ parts }) => parts.map((part) => part.rows)) // prettier-ignore
    expect(rows.reduce((sum, count) => sum + count, 0)).toBe(whole)
  })

  it('follows edits, renames and deletions', async () => {
    await keep()
    const tab = openPhone()
    await tab.sync.run()
    await writeFile(join(folder, '安全生产须知.txt'), '进入车间必须佩戴橙色斑马头盔。\n')
    await rename(join(folder, 'travel-policy.docx'), join(folder, 'trips.docx'))
    await rm(join(folder, 'employee-handbook.md'))
    await ingest()
    const before = tab.asked()
    await tab.sync.run()
    expect(tab.asked()).toBe(before + 1)
    const [zebra] = await tab.search('斑马头盔')
    expect(zebra).toMatchObject({ path: join(folder, '安全生产须知.txt') })
    const { collection } = await tab.shelf.load(collectionId)
    const paths = [...collection.documents.values()].map(({ document }) => document.path)
    expect(paths).toContain(join(folder, 'trips.docx'))
    expect(paths).not.toContain(join(folder, 'travel-policy.docx'))
    expect(paths).not.toContain(join(folder, 'employee-handbook.md'))
    expect(collection.rows).toBe(vault.vault.collections()[0]!.chunks)
  })

  it('begins anew where older records took the place of newer ones', async () => {
    await keep()
    const { sync } = openPhone()
    await sync.run()
    const first = (await vaultCopy(collectionId))!
    epoch.forget()
    await sync.run()
    const second = (await vaultCopy(collectionId))!
    expect(second.epoch).not.toBe(first.epoch)
    expect(second).toMatchObject({ documents: first.documents, chunks: first.chunks })
  })

  it('goes when the permission goes, and every page was checked and noted', async () => {
    await keep()
    const { sync } = openPhone(3)
    await sync.run()
    expect(lines.length).toBe(3)
    expect(lines.every((line) => line.allowed && line.device === 'phone')).toBe(true)
    allowed = false
    await openPhone().sync.run()
    expect(await vaultCopies()).toEqual([])
    expect(lines.at(-1)).toMatchObject({ allowed: false, device: 'phone' })
  })
})

describe('the route', () => {
  it('refuses what is no cursor', async () => {
    const cases = [
      ['since=x', 400],
      ['since=-1', 400],
      ['limit=0', 400],
      ['limit=100000', 400],
      ['change=3', 400],
      ['epoch=no', 400],
      [`since=999999&epoch=${'0'.repeat(32)}`, 200],
    ] as const
    for (const [query, status] of cases)
      expect((await get(`/api/replica/${collectionId}/feed?${query}`)).status, query).toBe(status)
  })

  it('lists and gives nothing to whom it is not meant', async () => {
    const stranger: Caller = { ...phone, deviceId: 'stranger' } as Caller
    expect(await (await get('/api/replica', stranger)).json()).toMatchObject({ collections: [] })
    for (const id of [collectionId, newId()]) {
      const response = await get(`/api/replica/${id}/feed`, stranger)
      expect(response.status).toBe(403)
      expect(await response.json()).toMatchObject({ error: { code: 'replica_refused' } })
    }
  })
})
