import { cp, mkdir, mkdtemp, rename, rm, stat, unlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { IngestRequest } from '#companion/vault/ingest-runs.ts'
import type { Embedder } from '#companion/vault/embedder.ts'
import type { Document } from '#shared/domain/vault.ts'
import { bagOfWords } from '#tests/fakes/engine.ts'
import { openVault, runOf, type OpenVault } from '#tests/vault.ts'

const collectionId = 'collection-01'
const signal = AbortSignal.timeout(120_000)
let home = ''
let folder = ''
let open: OpenVault
let embedded: string[] = []
const embedder: Embedder = {
  modelId: 'words',
  dimensions: 128,
  async embed(texts, kind, signal) {
    signal.throwIfAborted()
    if (kind === 'passage') embedded.push(...texts)
    return texts.map((text) => bagOfWords(text, 128))
  },
}

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'silo-documents-'))
  folder = join(home, 'documents')
  await mkdir(join(folder, 'sub'), { recursive: true })
  await write('lease.txt', 'The notice period is seven months.')
  await write('sub/travel.md', '# Travel\n\nRooms cost at most 520 a night.')
  open = openVault(home, embedder)
  open.vault.createCollection({ id: collectionId, name: 'Test' })
  await ingest({ paths: [folder] })
  embedded = []
})
afterEach(async () => {
  await open.close()
  await rm(home, { recursive: true, force: true })
})

const at = (name: string): string => join(folder, name)
const write = (name: string, text: string): Promise<void> => writeFile(at(name), `${text}\n`)
const ingest = async (request: Partial<IngestRequest> = {}) =>
  (await open.vault.ingest({ collectionId, paths: [], ...request })(runOf(signal).context)).counts!
const list = (): Document[] => open.vault.documents(collectionId, { query: '', offset: 0, limit: 100 }).documents // prettier-ignore
const named = (name: string): Document => list().find(({ path }) => path.endsWith(name))!
const start = () => open.vault.ingest({ collectionId, paths: [] })
/** Records, index and what the index says of documents agree. */
const consistent = async () => {
  const heads = await open.store.documents(collectionId, open.store.deviceId, signal)
  const indexed = await open.store.countByDocument(collectionId, signal)
  expect(Object.fromEntries(indexed)).toEqual(Object.fromEntries(list().map(({ id, chunks }) => [id, chunks]))) // prettier-ignore
  for (const document of list()) {
    const { id, path, title, copies, kind, modifiedAt } = document
    expect(heads.get(id)).toMatchObject({ path, title, kind, modifiedAt })
    expect(heads.get(id)?.copies).toEqual(copies)
    expect((await open.vault.documentText(id, { start: 0, length: 10 })).length).toBeGreaterThan(0)
  }
}

it('says of each document what it is', async () => {
  const { size, mtimeMs } = await stat(at('lease.txt'))
  expect(named('lease.txt')).toMatchObject({ kind: 'document', mediaType: 'text/plain', size, modifiedAt: Math.round(mtimeMs), title: 'lease' }) // prettier-ignore
  await consistent()
})

it('follows files that are moved or renamed, without embedding them again', async () => {
  const { id } = named('lease.txt')
  const travel = named('travel.md').id
  await rename(at('lease.txt'), at('sub/rent.txt'))
  await rename(at('sub'), at('other'))
  expect(await ingest()).toMatchObject({ moved: 2, added: 0, changed: 0, removed: 0 })
  expect(embedded).toEqual([])
  expect(named('other/rent.txt')).toMatchObject({ id, title: 'rent' })
  expect(named('other/travel.md').id).toBe(travel)
  expect(list()).toHaveLength(2)
  await consistent()
})

it('knows a moved file by its content where the disk tells it nothing', async () => {
  const { id } = named('lease.txt')
  // Another file, later, with the same content: as after a restore or on another drive.
  await unlink(at('lease.txt'))
  await write('sub/rent.txt', 'The notice period is seven months.')
  await utimes(at('sub/rent.txt'), 5000, 5000)
  expect(await ingest()).toMatchObject({ moved: 1, added: 0, removed: 0 })
  expect(embedded).toEqual([])
  expect(named('rent.txt').id).toBe(id)
  await consistent()
})

it('keeps one document for the same content at several paths', async () => {
  const { id } = named('lease.txt')
  await cp(at('lease.txt'), at('sub/copy.txt'))
  await cp(at('lease.txt'), at('zzz.txt'))
  await write('new-1.txt', 'Twice from the beginning.')
  await write('new-2.txt', 'Twice from the beginning.')
  expect(await ingest()).toMatchObject({ removed: 0, failed: 0 })
  expect(embedded).toHaveLength(1)
  expect(list()).toHaveLength(3)
  expect(named('lease.txt')).toMatchObject({ id, copies: [at('sub/copy.txt'), at('zzz.txt')] })
  await consistent()
  // The first path goes: the next one takes its place.
  await unlink(at('lease.txt'))
  await ingest()
  expect(named('sub/copy.txt')).toMatchObject({ id, copies: [at('zzz.txt')] })
  await unlink(at('sub/copy.txt'))
  await unlink(at('zzz.txt'))
  expect(await ingest()).toMatchObject({ removed: 1 })
  expect(list()).toHaveLength(2)
  await consistent()
})

it('keeps the id of a document that is edited, and parts a copy that is', async () => {
  const { id } = named('lease.txt')
  await write('lease.txt', 'The notice period is nine months.')
  expect(await ingest()).toMatchObject({ changed: 1, added: 0 })
  expect(named('lease.txt').id).toBe(id)
  await cp(at('lease.txt'), at('copy.txt'))
  await ingest()
  await write('copy.txt', 'The notice period is ten months.')
  await ingest()
  expect(named('lease.txt')).toMatchObject({ id })
  expect(named('lease.txt').copies).toBeUndefined()
  expect(named('copy.txt').id).not.toBe(id)
  await consistent()
})

it('takes two files that change places for what they are', async () => {
  const [a, b] = [named('lease.txt').id, named('travel.md').id]
  await write('sub/b.txt', 'A third text.')
  await ingest()
  const c = named('b.txt').id
  await rename(at('lease.txt'), at('x'))
  await rename(at('sub/b.txt'), at('lease.txt'))
  await rename(at('x'), at('sub/b.txt'))
  embedded = []
  await ingest()
  expect(embedded).toEqual([])
  expect([named('sub/b.txt').id, named('travel.md').id, named('lease.txt').id]).toEqual([a, b, c])
  await consistent()
})

it('counts every change up, and remembers what is gone', async () => {
  const { records } = open
  const last = records.lastChange(collectionId)
  const before = named('lease.txt')
  expect(records.changesSince(collectionId, 0, 10).map(({ kind }) => kind)).toEqual(['document', 'document']) // prettier-ignore
  expect(records.changesSince(collectionId, last, 10)).toEqual([])
  await rename(at('lease.txt'), at('rent.txt'))
  await unlink(at('sub/travel.md'))
  await ingest()
  const changes = records.changesSince(collectionId, last, 10)
  expect(changes.map(({ kind }) => kind).sort()).toEqual(['document', 'removed'])
  const moved = changes.find((change) => change.kind === 'document')!
  // Its path is new, its chunks are not.
  expect(moved).toMatchObject({ document: { id: before.id, path: at('rent.txt') } })
  expect(moved.kind === 'document' && moved.contentChange).toBeLessThanOrEqual(last)
  expect(records.lastChange(collectionId)).toBe(Math.max(...changes.map(({ change }) => change)))
  expect(records.changesSince(collectionId, last, 1)).toHaveLength(1)
  await write('sub/travel.md', '# Travel\n\nRooms cost at most 520 a night.')
  await ingest()
  expect(records.tombstonesSince(collectionId, 0, 10).map(({ id }) => id)).not.toContain(named('travel.md').id) // prettier-ignore
})

it('reads only what it is told changed', async () => {
  await write('lease.txt', 'The notice period is twelve months.')
  await write('not-told.txt', 'Nobody said that this came.')
  expect(await ingest({ only: [at('lease.txt')] })).toMatchObject({ changed: 1, unchanged: 0 })
  expect(embedded).toHaveLength(1)
  await unlink(at('not-told.txt'))
  await rename(at('sub'), at('far'))
  expect(await ingest({ only: [at('sub'), at('far')] })).toMatchObject({ removed: 0 })
  expect(list().map(({ path }) => path).sort()).toEqual([at('far/travel.md'), at('lease.txt')]) // prettier-ignore
  await writeFile(at('.gitignore'), 'far/\n')
  await write('far/more.md', '# More')
  await ingest({ only: [at('far/more.md')] })
  expect(list().map(({ path }) => basename(path))).not.toContain('more.md')
  await consistent()
})

it('removes nothing while a root is not there, and goes on when it is back', async () => {
  await rename(folder, join(home, 'unplugged'))
  await expect(ingest()).rejects.toMatchObject({ code: 'path_not_found' })
  await expect(ingest({ only: [at('lease.txt')] })).rejects.toMatchObject({
    code: 'path_not_found',
  })
  expect(list()).toHaveLength(2)
  await rename(join(home, 'unplugged'), folder)
  expect(await ingest()).toMatchObject({ unchanged: 2, removed: 0 })
  expect(embedded).toEqual([])
})

it('refuses a second start in the same tick, and takes one when the first has ended', async () => {
  const first = start()
  expect(start).toThrow('being read')
  await first(runOf(signal).context)
  await start()(runOf(signal).context)
})

it('holds between two files, and goes on where it was', async () => {
  for (let n = 0; n < 4; n++) await write(`note-${n}.txt`, `Number ${n} of four.`)
  open.vault.pause(collectionId)
  const paused = Promise.withResolvers<void>()
  const run = runOf(signal, (event) => {
    if (event.type === 'progress' && event.stage === 'paused') paused.resolve()
  })
  const running = open.vault.ingest({ collectionId, paths: [] })(run.context)
  await paused.promise
  expect(open.vault.collections()[0]).toMatchObject({ paused: true, documents: 2 })
  open.vault.resume(collectionId)
  await running
  expect(open.vault.collections()[0]?.documents).toBe(6)
  expect(open.vault.collections()[0]?.paused).toBeUndefined()
})

it('tries again what failed when it is asked to, not by itself', async () => {
  await writeFile(at('bad.pdf'), '%PDF-1.7 broken')
  expect(await ingest()).toMatchObject({ failed: 1 })
  const [problem] = open.vault.problems(collectionId)
  const events = runOf(signal)
  await open.vault.ingest({ collectionId, paths: [], retry: false })(events.context)
  expect(events.events.filter(({ type }) => type === 'item-failed')).toEqual([])
  expect(open.vault.problems(collectionId)).toEqual([problem])
  const again = runOf(signal)
  await open.vault.ingest({ collectionId, paths: [], only: [at('bad.pdf')] })(again.context)
  expect(again.events.filter(({ type }) => type === 'item-failed')).toHaveLength(1)
})

it('reads again what an older version read, and embeds nothing where the text is the same', async () => {
  const before = named('travel.md')
  open.records.database.exec(`UPDATE documents SET reader = 0, kind = NULL, length = NULL`)
  const old = (await open.store.documents(collectionId, open.store.deviceId, signal)).get(
    before.id,
  )!
  await open.store.putHeads(collectionId, new Map([[before.id, { ...old, title: 'Unsaid' }]]), signal) // prettier-ignore
  const last = open.records.lastChange(collectionId)
  expect(await ingest()).toMatchObject({ unchanged: 2, changed: 0 })
  expect(embedded).toEqual([])
  expect(named('travel.md')).toEqual(before)
  const [change] = open.records.documentsSince(collectionId, last, 10)
  expect(change!.contentChange).toBeLessThanOrEqual(last)
  await consistent()
  expect(await ingest()).toMatchObject({ unchanged: 2 })
})

it('takes names as long as a disk takes them', async () => {
  const long = `${'n'.repeat(251)}.txt`
  await write(long, 'A long name.')
  await ingest()
  expect(named(long)).toMatchObject({ title: 'n'.repeat(251) })
  await consistent()
})
