import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rm, truncate, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { OwnDocuments } from '#companion/vault/own-documents.ts'
import { LanceStore } from '#companion/vault/lance-store.ts'
import type { Embedder } from '#companion/vault/embedder.ts'
import type { StoredChunk } from '#shared/contracts/vault-store.ts'
import { bagOfWords } from '#tests/fakes/engine.ts'
import { openVault, runOf, type OpenVault } from '#tests/vault.ts'

const collectionId = 'collection-01'
const signal = AbortSignal.timeout(120_000)
const dimensions = 32
const embedder: Embedder = {
  modelId: 'words',
  dimensions,
  embed: (texts) => Promise.resolve(texts.map((text) => bagOfWords(text, dimensions))),
}
let home = ''
let folder = ''
let open: OpenVault

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'silo-check-'))
  folder = join(home, 'documents')
  await mkdir(folder)
  for (let n = 0; n < 5; n++)
    await writeFile(join(folder, `note-${n}.md`), `# Note ${n}\n\nThe number of this note is ${n}.\n\nAnd that is all.\n`) // prettier-ignore
  open = openVault(home, embedder)
  open.vault.createCollection({ id: collectionId, name: 'Test' })
  await open.vault.ingest({ collectionId, paths: [folder] })(runOf(signal).context)
})
afterEach(async () => {
  await open.close()
  await rm(home, { recursive: true, force: true })
})

const ids = () => open.vault.documents(collectionId, { query: '', offset: 0, limit: 9 }).documents.map(({ id }) => id) // prettier-ignore
const check = (repair: boolean) => open.vault.check({ repair }, runOf(signal).context)
const reopen = async (): Promise<void> => {
  await open.close()
  open = openVault(home, embedder)
}
/** Found without repair and left alone, found and repaired, and gone after reading again what the repair names. */
async function repaired(kind: string): Promise<void> {
  for (let round = 0; round < 2; round++)
    expect((await check(false)).report.findings).toMatchObject([{ kind, repaired: false }])
  const { report, reread } = await check(true)
  expect(report.findings).toMatchObject([{ kind, repaired: true }])
  for (const id of reread)
    await open.vault.ingest({ collectionId: id, paths: [] })(runOf(signal).context)
  expect((await check(false)).report).toMatchObject({ findings: [], documents: 5, busy: [] })
  const hits = await open.store.search({ collectionIds: [collectionId], text: 'number', vector: bagOfWords('number', dimensions), limit: 10 }, signal) // prettier-ignore
  expect(new Set(hits.map(({ chunk }) => chunk.documentId))).toEqual(new Set(ids()))
}

describe('the check of the vault', () => {
  it('finds nothing in a vault that is well', async () => {
    expect((await check(false)).report).toMatchObject({ collections: 1, documents: 5, findings: [], repair: false }) // prettier-ignore
  })

  it('keeps readings waiting that start meanwhile, and leaves out what is being read', async () => {
    const checking = check(false)
    const reading = open.vault.ingest({ collectionId, paths: [] })(runOf(signal).context)
    expect((await checking).report).toMatchObject({ findings: [], busy: [] })
    expect((await reading).counts).toMatchObject({ unchanged: 5 })
    const again = open.vault.ingest({ collectionId, paths: [] })(runOf(signal).context)
    expect((await check(false)).report).toMatchObject({ busy: [collectionId] })
    await again
  })

  it('drops chunks of no document', async () => {
    const document = 'f'.repeat(32)
    await open.store.replaceDocument(collectionId, document, [chunkOf(document, 'number of nobody')], signal) // prettier-ignore
    await repaired('chunks-orphaned')
  })

  it('has documents read again whose chunks are lost', async () => {
    await open.store.removeDocuments(collectionId, ids().slice(1, 3), signal)
    await repaired('chunks-missing')
  })

  it('puts lost texts together again, at the offsets of the chunks', async () => {
    const [id] = ids()
    const before = await open.vault.documentText(id!, { start: 0, length: 1000 })
    await unlink(join(home, 'vault', 'text', `${id}.txt`))
    await repaired('text-missing')
    const after = await open.vault.documentText(id!, { start: 0, length: 1000 })
    expect(after.length).toBe(before.length)
    expect(after.text.replace(/\s+/g, ' ')).toBe(before.text.replace(/\s+/g, ' '))
  })

  it('drops texts of no document, and what a kill left of others', async () => {
    await writeFile(join(home, 'vault', 'text', `${'e'.repeat(32)}.txt`), 'whose?')
    await writeFile(join(home, 'vault', 'text', `${ids()[0]}.txt.next`), 'half')
    await repaired('text-orphaned')
  })

  it('tells the index what the records say of documents', async () => {
    const [id] = ids()
    const head = (await open.store.documents(collectionId, open.store.deviceId, signal)).get(id!)!
    await open.store.putHeads(collectionId, new Map([[id!, { ...head, title: 'Wrong' }]]), signal)
    await repaired('head-stale')
  })

  it('drops documents that no file leads to, and finds their files again', async () => {
    const own = new OwnDocuments(open.records)
    const [file] = own.files(collectionId).values()
    own.apply(collectionId, { gone: [file!.path] })
    await check(true)
    await open.vault.ingest({ collectionId, paths: [] })(runOf(signal).context)
    expect((await check(false)).report).toMatchObject({ findings: [], documents: 5 })
  })

  it('makes a torn index anew', async () => {
    const dataset = join(home, 'vault', 'index', collectionId, open.store.deviceId)
    await open.close()
    const files = (await readdir(dataset, { recursive: true })).filter((name) => /\.lance\/data\/.*\.lance$/.test(name)) // prettier-ignore
    for (const name of files) await truncate(join(dataset, name), 64)
    open = openVault(home, embedder)
    await repaired('dataset-damaged')
  })

  it('takes a table that was never finished for none', async () => {
    const dataset = join(home, 'vault', 'index', 'collection-02', open.store.deviceId)
    open.vault.createCollection({ id: 'collection-02', name: 'Killed' })
    // What is there when the process dies before the first version.
    await mkdir(join(dataset, 'chunks-words-32.lance', 'data'), { recursive: true })
    await mkdir(join(dataset, 'chunks-words-32.lance', '_versions'))
    expect((await check(false)).report).toMatchObject({ findings: [], busy: [] })
    await open.vault.ingest({ collectionId: 'collection-02', paths: [folder] })(runOf(signal).context) // prettier-ignore
    expect(await open.store.countChunks('collection-02', signal)).toBeGreaterThanOrEqual(5)
    expect((await check(false)).report.findings).toEqual([])
  })

  it('brings the records to what other devices’ indexes say', async () => {
    const sender = new LanceStore({ directory: join(home, 'vault', 'index'), deviceId: 'device-b', modelId: 'words', dimensions }) // prettier-ignore
    const id = 'b'.repeat(32)
    const head = { title: 'From B', path: '/b.txt', mediaType: 'text/plain', size: 9, modifiedAt: 5, sha256: '0'.repeat(64), chunks: 1, length: 20 } // prettier-ignore
    await sender.replaceDocument(collectionId, id, [{ ...chunkOf(id, 'a text of device B'), document: head }], signal) // prettier-ignore
    await sender[Symbol.asyncDispose]()
    await reopen()
    expect((await check(false)).report.findings).toMatchObject([{ kind: 'records-behind', owner: 'device-b', count: 1 }]) // prettier-ignore
    await check(true)
    expect((await check(false)).report).toMatchObject({ findings: [], documents: 6 })
    expect(await open.vault.documentText(id, { start: 0, length: 50 })).toMatchObject({ text: 'a text of device B \n', length: 20, document: { owner: 'device-b' } }) // prettier-ignore
    await open.store.removeCollection(collectionId, signal, 'device-b')
    expect((await check(true)).report.findings).toMatchObject([{ kind: 'records-behind', owner: 'device-b' }]) // prettier-ignore
    expect((await check(false)).report).toMatchObject({ findings: [], documents: 5 })
    expect(open.records.tombstonesSince(collectionId, 0, 10).map((each) => each.id)).toEqual([id])
  })
})

/** Only root can make a small disk. */
const canMount = process.platform === 'linux' && process.getuid?.() === 0
it.runIf(canMount)(
  'stops with a reason when the disk is full, loses nothing, and goes on when there is room',
  { timeout: 120_000 },
  async () => {
    // prettier-ignore
    const disk = join(home, 'disk')
    await mkdir(disk)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', disk])
    try {
      // The records on the full disk too: nothing may depend on some part of it still being writable.
      const full = openVault(disk, embedder)
      full.vault.createCollection({ id: collectionId, name: 'Full' })
      const many = join(home, 'many')
      await mkdir(many)
      for (let n = 0; n < 600; n++)
        await writeFile(join(many, `text-${n}.txt`), `Text number ${n}. ${`word${n} `.repeat(400)}`)
      await expect(full.vault.ingest({ collectionId, paths: [many] })(runOf(signal).context)).rejects.toMatchObject({ code: 'no_space' }) // prettier-ignore
      const before = full.vault.documents(collectionId, { query: '', offset: 0, limit: 1 }).total
      await full.close()
      execFileSync('mount', ['-o', 'remount,size=200m', disk])
      const again = openVault(disk, embedder)
      await again.vault.recover(signal)
      expect((await again.vault.check({ repair: false }, runOf(signal).context)).report.findings).toEqual([]) // prettier-ignore
      expect(again.vault.documents(collectionId, { query: '', offset: 0, limit: 1 }).total).toBeGreaterThanOrEqual(before) // prettier-ignore
      const { counts } = await again.vault.ingest({ collectionId, paths: [] })(
        runOf(signal).context,
      )
      expect(counts).toMatchObject({ failed: 0 })
      expect(again.vault.documents(collectionId, { query: '', offset: 0, limit: 1 }).total).toBe(
        600,
      )
      expect((await again.vault.check({ repair: false }, runOf(signal).context)).report.findings).toEqual([]) // prettier-ignore
      await again.close()
    } finally {
      execFileSync('umount', ['-l', disk])
    }
  },
)

function chunkOf(documentId: string, text: string): StoredChunk {
  return { id: `${documentId}-0`, documentId, ordinal: 0, text, headings: [], start: 0, end: text.length, page: 0, vector: bagOfWords(text, dimensions) } // prettier-ignore
}
