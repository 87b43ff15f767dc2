import { cp, mkdir, mkdtemp, readdir, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { LanceStore, type LanceStoreInit } from '#companion/vault/lance-store.ts'
import { chunkOf, storeDimensions } from '#tests/contracts/vault-store.ts'
import { bagOfWords } from '#tests/fakes/engine.ts'

const collection = 'collection-one'
const signal = AbortSignal.timeout(60_000)
const folders: string[] = []
const stores: LanceStore[] = []

afterEach(async () => {
  for (const store of stores.splice(0)) await store[Symbol.asyncDispose]()
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true })
})

async function temporary(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'silo-datasets-'))
  folders.push(folder)
  return folder
}

function openStore(
  directory: string,
  deviceId: string,
  more: Partial<LanceStoreInit> = {},
): LanceStore {
  const store = new LanceStore({ directory, deviceId, modelId: 'm', dimensions: storeDimensions, ...more }) // prettier-ignore
  stores.push(store)
  return store
}

const put = (store: LanceStore, id: string, ...texts: string[]): Promise<void> =>
  store.replaceDocument(collection, id, texts.map((text, at) => chunkOf(id, at, text)), signal) // prettier-ignore

const find = async (store: LanceStore, text: string): Promise<string[]> => {
  const vector = bagOfWords(text, storeDimensions)
  const hits = await store.search({ collectionIds: [collection], text, vector, limit: 10 }, signal)
  return hits.filter((hit) => hit.textRank !== undefined).map((hit) => hit.chunk.documentId)
}

/** Files of a dataset in the order sync brings them: what is named first, manifests last. */
async function filesOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
  return paths.sort((a, b) => rank(a) - rank(b) || a.localeCompare(b))
}

const rank = (path: string): number => Number(path.endsWith('.manifest'))

async function bring(from: string, to: string, path: string): Promise<void> {
  await mkdir(dirname(join(to, path)), { recursive: true })
  await cp(join(from, path), join(to, `${path}.part`))
  await rename(join(to, `${path}.part`), join(to, path))
}

/** A sender's folder for its dataset, and where a receiver keeps it. */
async function pair() {
  const [home, there] = [await temporary(), await temporary()]
  return {
    sender: openStore(home, 'device-b'),
    receiver: openStore(there, 'device-a'),
    from: join(home, collection, 'device-b'),
    to: join(there, collection, 'device-b'),
    async sync(): Promise<void> {
      for (const path of await filesOf(this.from)) await bring(this.from, this.to, path)
    },
  }
}

describe('datasets of other devices', () => {
  it('are read while they arrive, always as one whole version', async () => {
    const setup = await pair()
    const { sender, receiver } = setup
    await put(sender, 'one', 'alpha', 'alpha again')
    await setup.sync()
    expect(await receiver.countChunks(collection, signal, 'device-b')).toBe(2)
    for (const size of [3, 1, 4]) {
      await put(sender, 'one', ...Array.from({ length: size }, (_, i) => `alpha ${size} ${i}`))
      await sender.optimize(collection, signal)
      const before = await receiver.countChunks(collection, signal, 'device-b')
      for (const path of await filesOf(setup.from)) {
        await bring(setup.from, setup.to, path)
        expect([before, size]).toContain(await receiver.countChunks(collection, signal, 'device-b'))
        expect(new Set(await find(receiver, 'alpha'))).toEqual(new Set(['one']))
      }
      expect(await receiver.countChunks(collection, signal, 'device-b')).toBe(size)
    }
  })

  it('stay at their last good version while a newer one cannot be read, and go on when it can', async () => {
    const setup = await pair()
    const { sender, receiver, from, to } = setup
    await put(sender, 'one', 'alpha')
    await setup.sync()
    expect(await find(receiver, 'alpha')).toEqual(['one'])
    await put(sender, 'two', 'beta')
    const known = new Set(await filesOf(to))
    const fresh = (await filesOf(from)).filter((path) => !known.has(path))
    const fragments = fresh.filter((path) => path.includes('/data/'))
    expect(fragments.length).toBeGreaterThan(0)
    // A careless peer sends the manifest without what it names.
    for (const path of fresh) if (!fragments.includes(path)) await bring(from, to, path)
    expect(await find(receiver, 'alpha')).toEqual(['one'])
    expect(await find(receiver, 'beta')).toEqual([])
    expect((await receiver.datasets(collection, signal))[1]).toMatchObject({ owner: 'device-b', stale: true, chunks: 1, reason: expect.any(String) as string }) // prettier-ignore
    for (const path of fragments) await bring(from, to, path)
    await expect.poll(() => find(receiver, 'beta'), { timeout: 10_000 }).toEqual(['two'])
    const state = (await receiver.datasets(collection, signal))[1]!
    expect(state.stale).toBeUndefined()
    expect(state.reason).toBeUndefined()
  })

  it('are left out with a reason where they are damaged or of another model', async () => {
    const directory = await temporary()
    const receiver = openStore(directory, 'device-a')
    await put(receiver, 'mine', 'alpha')
    const good = openStore(directory, 'device-b')
    await put(good, 'theirs', 'alpha too')
    await put(openStore(directory, 'device-c', { modelId: 'other' }), 'odd', 'alpha three')
    await put(openStore(directory, 'device-d'), 'cut', 'alpha four')
    const cut = join(directory, collection, 'device-d')
    for (const path of await filesOf(cut))
      if (path.endsWith('.manifest')) await truncate(join(cut, path), 20)
    await mkdir(join(directory, collection, 'device-e'), { recursive: true })
    await writeFile(join(directory, collection, 'device-e', 'notes.txt'), 'no dataset')
    expect(new Set(await find(receiver, 'alpha'))).toEqual(new Set(['mine', 'theirs']))
    const states = await receiver.datasets(collection, signal)
    const unusable = Object.fromEntries(states.map(({ owner, unusable: why }) => [owner, why]))
    expect(unusable).toEqual({
      'device-a': undefined,
      'device-b': undefined,
      'device-c': 'other-model',
      'device-d': 'damaged',
      'device-e': undefined,
    })
    for (const { unusable: why, reason } of states) expect(Boolean(reason)).toBe(Boolean(why))
  })

  it('survive that their files go while they are read', async () => {
    const setup = await pair()
    const { sender, receiver } = setup
    await put(sender, 'one', 'alpha')
    await setup.sync()
    expect(await find(receiver, 'alpha')).toEqual(['one'])
    await rm(setup.to, { recursive: true })
    expect(await find(receiver, 'alpha')).toEqual([])
    await setup.sync()
    await expect.poll(() => find(receiver, 'alpha'), { timeout: 10_000 }).toEqual(['one'])
  })
})

describe('the own dataset', () => {
  it('gets the column for what documents are when it was written before there was one', async () => {
    const directory = await temporary()
    const store = openStore(directory, 'device-a')
    await put(store, 'one', 'alpha')
    await store[Symbol.asyncDispose]()
    const { connect } = await import('@lancedb/lancedb')
    const connection = await connect(join(directory, collection, 'device-a'))
    const [name] = await connection.tableNames()
    const table = await connection.openTable(name!)
    await table.dropColumns(['document'])
    table.close()
    const again = openStore(directory, 'device-a')
    expect(await again.documents(collection, 'device-a', signal)).toEqual(new Map([['one', undefined]])) // prettier-ignore
    await put(again, 'two', 'beta')
    expect([...(await again.documents(collection, 'device-a', signal)).keys()].sort()).toEqual(['one', 'two']) // prettier-ignore
    expect(await find(again, 'alpha')).toEqual(['one'])
  })

  it('stays small through many commits, and keeps what a reader has open for a while', async () => {
    const directory = await temporary()
    const store = openStore(directory, 'device-a')
    for (let n = 0; n < 140; n++) await put(store, `document-${n % 20}`, `alpha ${n}`)
    const folder = join(directory, collection, 'device-a')
    const versions = (await filesOf(folder)).filter((path) => path.endsWith('.manifest')).length
    expect(versions).toBeGreaterThan(140)
    const other = openStore(directory, 'device-z')
    expect(await other.countChunks(collection, signal, 'device-a')).toBe(20)

    const brief = openStore(directory, 'device-a', { graceMs: 0 })
    await store[Symbol.asyncDispose]()
    await put(brief, 'last', 'omega')
    await brief.optimize(collection, signal)
    await brief.optimize(collection, signal)
    const files = await filesOf(folder)
    expect(files.filter((path) => path.endsWith('.manifest')).length).toBeLessThan(6)
    expect(files.filter((path) => path.includes('/data/')).length).toBeLessThan(6)
    expect(await find(brief, 'omega')).toEqual(['last'])
    // Its files went under the reader: it opens what there is now.
    expect(await other.countChunks(collection, signal, 'device-a')).toBe(21)
    expect(await find(other, 'omega')).toEqual(['last'])
  })

  it('builds an index only where it finds what exact search finds, and says which it is', async () => {
    const directory = await temporary()
    const store = openStore(directory, 'device-a', { indexFrom: 2000 })
    const documents = new Map(
      Array.from({ length: 2400 }, (_, n) => {
        const id = `document-${n}`
        return [id, [chunkOf(id, 0, `word${n % 37} word${n % 101} number ${n}`)]] as const
      }),
    )
    await store.replaceDocuments(collection, documents, signal)
    expect((await store.datasets(collection, signal))[0]?.index).toEqual({ kind: 'exact' })
    await store.optimize(collection, signal)
    const { index } = (await store.datasets(collection, signal))[0]!
    // Which of the two depends on the machine: an index must also be faster. Either was measured.
    expect(index.decidedAt).toBeGreaterThan(0)
    expect(index.recall).toBeGreaterThan(0)
    if (index.kind === 'ivf-flat') expect(index.recall).toBeGreaterThanOrEqual(0.98)
    expect(await find(store, 'word5')).not.toEqual([])
    const again = openStore(directory, 'device-z')
    const seen = (await again.datasets(collection, signal)).find(
      ({ owner }) => owner === 'device-a',
    )
    expect(seen?.index).toEqual(index)
    await store.removeDocuments(collection, [...documents.keys()].slice(0, 1000), signal)
    await store.optimize(collection, signal)
    expect((await store.datasets(collection, signal))[0]?.index).toEqual({ kind: 'exact' })
  })
})
