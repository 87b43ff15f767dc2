import { existsSync, mkdtempSync, readdirSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs' // prettier-ignore
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { forgetPages, PageStore, prunePages, storedBytes, type PageOwner } from './page-store.ts'

const owner: PageOwner = { model: 'a'.repeat(64), build: 'engine@1 cpu', cacheType: 'f16' }
const mb = 1024 * 1024
let directory: string

beforeEach(() => void (directory = mkdtempSync(join(tmpdir(), 'silo-pages-'))))
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const open = (over: Partial<PageOwner> = {}, maxBytes = 100 * mb) =>
  new PageStore({ directory, owner: { ...owner, ...over }, maxBytes })
/** `count` tokens from `first` on. */
const tokens = (count: number, first = 0) =>
  Uint32Array.from({ length: count }, (_, n) => first + n)
const writer = (size: number) => async (path: string) => {
  writeFileSync(path, Buffer.alloc(size, 7))
  return size
}
const put = (store: PageStore, what: Uint32Array, session = 'talk', size = 1000) =>
  store.write(what, session, size, writer(size))
const files = () =>
  readdirSync(directory).flatMap((owned) => readdirSync(join(directory, owned)).map((file) => join(directory, owned, file))) // prettier-ignore

describe('pages of computed context', () => {
  it('are found by the longest prefix, to within a block', async () => {
    const store = open()
    await put(store, tokens(320), 'one')
    await put(store, Uint32Array.of(...tokens(128), ...tokens(400, 9000)), 'two')
    expect(await store.find(tokens(1000), 64, 4096)).toMatchObject({ tokens: 320, shared: 320 })
    const other = Uint32Array.of(...tokens(128), ...tokens(300, 9000))
    expect(await store.find(other, 64, 4096)).toMatchObject({ tokens: 528, shared: 384 })
    // Less than what is asked for at least, or longer than the context: as good as none.
    expect(await store.find(tokens(1000), 321, 4096)).toBeUndefined()
    expect(await store.find(tokens(1000), 64, 300)).toBeUndefined()
    expect(await store.find(tokens(1000, 5), 1, 4096)).toBeUndefined()
    // Another process finds the same.
    expect(await open().find(tokens(330), 64, 4096)).toMatchObject({ shared: 320 })
  })

  it('are not those of another model, build or cache', async () => {
    await put(open(), tokens(320))
    for (const other of [
      { model: 'b'.repeat(64) },
      { build: 'engine@2 cpu' },
      { cacheType: 'q8_0' },
    ])
      expect(await open(other).find(tokens(320), 1, 4096)).toBeUndefined()
  })

  for (const [name, harm] of [
    ['cut short', (path: string) => truncateSync(path, 500)],
    ['changed', (path: string) => writeFileSync(path, Buffer.alloc(1000, 8))],
    ['gone', (path: string) => rmSync(path)],
  ] as const)
    it(`that are ${name} are removed and not used; a shorter one is`, async () => {
      const store = open()
      await put(store, tokens(128), 'other')
      await put(store, tokens(320))
      const page = await store.find(tokens(320), 1, 4096)
      harm(page!.path)
      expect(await store.find(tokens(320), 1, 4096)).toMatchObject({ tokens: 128 })
      expect(files()).toHaveLength(2)
    })

  it('with a manifest that cannot be read are removed', async () => {
    await put(open(), tokens(320))
    writeFileSync(
      files().find((file) => file.endsWith('.json'))!,
      '{"specVersion":1',
    )
    expect(await open().find(tokens(320), 1, 4096)).toBeUndefined()
    expect(files()).toEqual([])
  })

  it('of a session replace what they continue, and nothing else', async () => {
    const store = open()
    await put(store, tokens(320), 'one')
    await put(store, tokens(320, 5000), 'one')
    await put(store, tokens(330), 'two')
    await put(store, tokens(640), 'one')
    expect(await store.find(tokens(330), 1, 4096)).toMatchObject({ tokens: 330 })
    expect(await store.find(tokens(640), 1, 4096)).toMatchObject({ tokens: 640 })
    expect(await store.find(tokens(320, 5000), 1, 4096)).toMatchObject({ tokens: 320 })
    expect(files()).toHaveLength(6)
  })

  it('are forgotten by session, of all models', async () => {
    await put(open(), tokens(320), 'one')
    await put(open({ model: 'c'.repeat(64) }), tokens(320), 'one')
    await put(open(), tokens(320, 5000), 'two')
    await forgetPages(directory, 'one')
    expect(await open().find(tokens(320), 1, 4096)).toBeUndefined()
    expect(await open().find(tokens(320, 5000), 1, 4096)).toBeDefined()
    expect(files()).toHaveLength(2)
  })

  it('never take more than they may: the least used go', async () => {
    const store = open({}, 3 * mb)
    for (const n of [1, 2]) await put(store, tokens(320, n * 1000), `talk${n}`, mb)
    // The first was used last.
    for (const file of files()) utimesSync(file, new Date(1000), new Date(1000))
    await store.find(tokens(320, 1000), 1, 4096)
    await put(store, tokens(320, 3000), 'talk3', mb)
    expect(await store.find(tokens(320, 2000), 1, 4096)).toBeUndefined()
    expect(await store.find(tokens(320, 1000), 1, 4096)).toBeDefined()
    expect(await storedBytes(directory)).toBeLessThanOrEqual(3 * mb)
    expect(await put(store, tokens(320, 4000), 'talk4', 4 * mb)).toBe(false)
    expect(await store.find(tokens(320, 1000), 1, 4096)).toBeDefined()
  })

  it('leave nothing where writing fails, or was not whole', async () => {
    const store = open()
    const failing = store.write(tokens(320), 'talk', 1000, async (path) => {
      writeFileSync(path, 'half')
      throw new Error('disk')
    })
    await expect(failing).rejects.toThrow('disk')
    const short = store.write(tokens(320), 'talk', 1000, async (path) => {
      writeFileSync(path, 'half')
      return 1000
    })
    await expect(short).rejects.toThrow('not written whole')
    expect(files()).toEqual([])
  })

  it('that a crash left half-written are cleared away after a while', async () => {
    const store = open()
    await put(store, tokens(320))
    const owned = join(directory, readdirSync(directory)[0]!)
    const [old, fresh] = ['x.1.partial', 'y.2.partial'].map((name) => join(owned, name))
    writeFileSync(old!, 'x')
    writeFileSync(fresh!, 'y')
    utimesSync(old!, new Date(1000), new Date(1000))
    await prunePages(directory, 10 * mb)
    expect([existsSync(old!), existsSync(fresh!)]).toEqual([false, true])
    expect(await store.find(tokens(320), 1, 4096)).toBeDefined()
  })

  it('are shared by two processes that write at once', async () => {
    const stores = [open(), open()]
    await Promise.all(
      Array.from({ length: 20 }, (_, n) => put(stores[n % 2]!, tokens(320, (n % 5) * 1000), `t${n % 5}`)), // prettier-ignore
    )
    for (let n = 0; n < 5; n++)
      expect(await open().find(tokens(320, n * 1000), 1, 4096)).toMatchObject({ tokens: 320 })
    expect(files()).toHaveLength(10)
  })
})
