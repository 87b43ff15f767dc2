import { cp, mkdir, mkdtemp, rm, symlink, unlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Embedder } from '#companion/vault/embedder.ts'
import { bagOfWords } from '#tests/fakes/engine.ts'
import { openVault, runOf, type OpenVault } from '#tests/vault.ts'

const fixtures = fileURLToPath(new URL('../fixtures', import.meta.url))
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
  home = await mkdtemp(join(tmpdir(), 'silo-ingest-'))
  folder = join(home, 'documents')
  await mkdir(folder)
  await writeFile(join(folder, 'lease.md'), '# Lease\n\nThe notice period is seven months.\n')
  await writeFile(join(folder, '差旅.txt'), '差旅住宿上限为每晚五百二十元。\n')
  embedded = []
  open = openVault(home, embedder)
  open.vault.createCollection({ id: collectionId, name: 'Test' })
})
afterEach(async () => {
  await open.close()
  await rm(home, { recursive: true, force: true })
})

const ingest = (paths: string[] = [folder], stop = signal, onEvent?: () => void) =>
  open.vault.ingest({ collectionId, paths })(runOf(stop, onEvent).context)
const find = async (query: string) =>
  (await open.retrieval.search({ query, collectionIds: [], limit: 5 }, signal)).hits.map((hit) => basename(hit.path)) // prettier-ignore
const consistent = async () => {
  const [collection] = open.vault.collections()
  expect(await open.store.countChunks(collectionId, signal)).toBe(collection!.chunks)
  const counts = await open.store.countByDocument(collectionId, signal)
  expect(counts.size).toBe(collection!.documents)
}

it('touches only what changed, and drops what is gone', async () => {
  expect((await ingest()).counts).toMatchObject({ added: 2, failed: 0 })
  expect((await find('notice period'))[0]).toBe('lease.md')
  expect((await find('住宿上限'))[0]).toBe('差旅.txt')
  embedded = []
  expect((await ingest([])).counts).toMatchObject({ unchanged: 2, added: 0, changed: 0 })
  await utimes(join(folder, 'lease.md'), 1, 1)
  expect((await ingest([])).counts).toMatchObject({ unchanged: 2, changed: 0 })
  expect(embedded).toEqual([])
  await writeFile(join(folder, 'lease.md'), '# Lease\n\nThe zebra may be kept in the yard.\n')
  await unlink(join(folder, '差旅.txt'))
  expect((await ingest([])).counts).toMatchObject({ changed: 1, removed: 1 })
  expect((await find('zebra'))[0]).toBe('lease.md')
  expect(await find('住宿上限')).not.toContain('差旅.txt')
  await consistent()
})

it('lists what cannot be read with the reason, and reads the rest', async () => {
  await cp(join(fixtures, 'bad'), join(folder, 'bad'), { recursive: true })
  await writeFile(join(folder, 'film.mp4'), 'x')
  const { counts } = await ingest()
  expect(counts).toMatchObject({ added: 2, failed: 6 })
  const reasons = open.vault.problems(collectionId).map(({ path, error }) => [basename(path), error.code]) // prettier-ignore
  expect(Object.fromEntries(reasons)).toEqual({
    'broken.docx': 'file_damaged',
    'empty.txt': 'file_no_text',
    'encrypted.pdf': 'file_encrypted',
    'garbage.txt': 'file_unsupported',
    'film.mp4': 'file_unsupported',
    'truncated.pdf': 'file_damaged',
  })
  await consistent()
})

it('passes over hidden, secret and ignored files and links that lead out', async () => {
  await mkdir(join(folder, 'node_modules'))
  await mkdir(join(home, 'outside'))
  await writeFile(join(home, 'outside', 'far.txt'), 'far away')
  await symlink(join(home, 'outside'), join(folder, 'link'))
  for (const name of ['.env', 'id_rsa', 'cert.pem', 'node_modules/a.md', 'draft.md'])
    await writeFile(join(folder, name), 'private words')
  await writeFile(join(folder, '.gitignore'), 'draft.md\n')
  expect((await ingest()).counts).toMatchObject({ added: 2, failed: 0 })
})

it('is consistent after a cancel, and goes on from there', async () => {
  for (let at = 0; at < 12; at++)
    await writeFile(join(folder, `note-${at}.md`), `# Note ${at}\n\n${`word${at} `.repeat(900)}\n`)
  const stop = new AbortController()
  const cancelled = new Error('cancelled')
  const runs = ingest([folder], AbortSignal.any([signal, stop.signal]), () => {
    if (embedded.length > 5) stop.abort(cancelled)
  })
  await runs.catch(() => {})
  await ingest([])
  expect(open.vault.collections()[0]?.documents).toBe(14)
  await consistent()
})

it('says that a root is missing, and keeps what it has', async () => {
  await ingest()
  await expect(ingest([join(home, 'nowhere')])).rejects.toMatchObject({ code: 'path_not_found' })
  expect(() => open.vault.ingest({ collectionId, paths: ['relative'] })).toThrow('not a full path')
  await rm(folder, { recursive: true })
  await ingest([]).catch(() => {})
  expect(open.vault.collections()[0]?.documents).toBe(2)
})

it('removes a collection with its index and texts', async () => {
  await ingest()
  const [document] = open.vault.documents(collectionId, { query: '', offset: 0, limit: 5 }).documents // prettier-ignore
  await open.vault.removeCollection(collectionId)
  expect(open.vault.collections()).toEqual([])
  await expect(open.vault.documentText(document!.id, { start: 0, length: 9 })).rejects.toMatchObject({ code: 'document_unknown' }) // prettier-ignore
})

it('reads again what the index lost behind the records’ back', async () => {
  await ingest()
  await open.close()
  await rm(join(home, 'vault', 'index'), { recursive: true })
  open = openVault(home, embedder)
  expect(await find('notice period')).toEqual([])
  expect((await ingest([])).counts).toMatchObject({ changed: 2, unchanged: 0 })
  expect((await find('notice period'))[0]).toBe('lease.md')
  await consistent()
})
