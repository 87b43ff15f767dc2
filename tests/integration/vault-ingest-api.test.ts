import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { sealedNotesReader } from '#companion/compose/sealed-notes.ts'
import { startCompanion, type Companion } from '#companion/compose.ts'
import { loadConfig } from '#companion/config/config.ts'
import { DiskNoteFiles } from '#companion/notes/note-files.ts'
import { notePurpose } from '#companion/seal/home-conversion.ts'
import { Seal } from '#companion/seal/seal.ts'
import { Extractor } from '#companion/vault/extractor.ts'
import { newId } from '#shared/domain/ids.ts'
import { createFakeEngine } from '#tests/fakes/engine.ts'
import type { Loose } from './gateway-harness.ts'
import { testModelState } from './openai-server.ts'

let home: string
let folder: string
let companion: Companion
const collectionId = newId()
const bytes = 'GGUF'
const wait = { timeout: 30_000, interval: 100 }

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'silo-ingest-api-'))
  folder = join(home, 'documents')
  for (const name of ['models', 'documents']) mkdirSync(join(home, name))
  writeFileSync(join(home, 'models', 'embed-model.gguf'), bytes)
  writeFileSync(join(folder, 'a.txt'), 'The first text.')
  writeFileSync(join(folder, 'bad.pdf'), '%PDF-1.7 cut off')
  const entry = {
    ...testModelState('embed-model', 'embed').state.entry,
    size: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    dimensions: 384,
  }
  companion = await startCompanion(
    loadConfig({ SILO_HOME: home, SILO_PORT: '0', SILO_OFFLINE: '1', SILO_LINK: '0' }),
    { engine: createFakeEngine(), catalogue: [entry], watch: { quietMs: 100, lookMs: 200 } },
  )
  await call('POST', '/collections', { id: collectionId, name: 'Test' })
})
afterAll(async () => {
  await companion.close()
  rmSync(home, { recursive: true, force: true })
})

async function call(
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; body: Loose }> {
  // prettier-ignore
  const response = await fetch(`${companion.url}/api${path}`, {
    method,
    headers: { authorization: `Bearer ${companion.token}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  return { status: response.status, body: text ? JSON.parse(text) : undefined }
}
const collection = async (): Promise<Loose> =>
  (await call('GET', '/collections')).body.collections.find(({ id }: Loose) => id === collectionId)
const idle = () => expect.poll(async () => (await collection()).runId, wait).toBeUndefined()
const ended = async (id: string): Promise<Loose> => {
  const last = async () => (await call('GET', `/runs/${id}/events`)).body.events.at(-1).body
  await expect.poll(async () => (await last()).type, wait).toBe('run-ended')
  return last()
}

it('takes one of two readings that start in the same moment', async () => {
  const start = () => call('POST', '/runs', { kind: 'ingest', id: newId(), collectionId, paths: [folder] }) // prettier-ignore
  const [a, b] = await Promise.all([start(), start()])
  expect([a.status, b.status].sort()).toEqual([202, 409])
  const { id } = (a.status === 202 ? a : b).body.run
  expect(await ended(id)).toMatchObject({ outcome: 'done', counts: { added: 1, failed: 1 } })
  expect(await collection()).toMatchObject({ documents: 1, problems: 1, watched: true })
  await expect.poll(async () => (await call('GET', `/collections/${collectionId}/watch`)).body.roots, wait).toEqual([{ root: folder, state: 'events' }]) // prettier-ignore
})

it('tries again what failed, when it is asked to', async () => {
  await idle()
  writeFileSync(join(folder, 'other.pdf'), '%PDF-1.7 too')
  await expect.poll(async () => (await collection()).problems, wait).toBe(2)
  await idle()
  const one = await call('POST', `/collections/${collectionId}/retry`, { paths: [join(folder, 'bad.pdf')] }) // prettier-ignore
  expect(one.status).toBe(202)
  expect(await ended(one.body.run.id)).toMatchObject({ outcome: 'done' })
  const { events } = (await call('GET', `/runs/${one.body.run.id}/events`)).body
  const items = events.flatMap(({ body }: Loose) =>
    body.type === 'item-failed' ? [body.item] : [],
  )
  expect(items).toEqual([join(folder, 'bad.pdf')])
  expect((await collection()).problems).toBe(2)
})

it('holds and goes on', async () => {
  await idle()
  expect((await call('POST', `/collections/${collectionId}/pause`)).body.collection.paused).toBe(true) // prettier-ignore
  writeFileSync(join(folder, 'b.txt'), 'The second text.')
  const { run } = (await call('POST', '/runs', { kind: 'ingest', id: newId(), collectionId, paths: [] })).body // prettier-ignore
  await expect
    .poll(
      async () => (await call('GET', `/runs/${run.id}/events`)).body.events.at(-1).body.stage,
      wait,
    ) // prettier-ignore
    .toBe('paused')
  expect((await collection()).documents).toBe(1)
  const resumed = await call('POST', `/collections/${collectionId}/resume`)
  expect(resumed.body).toMatchObject({ run: { id: run.id } })
  expect(await ended(run.id)).toMatchObject({ outcome: 'done' })
  expect((await collection()).documents).toBe(2)
})

it('no longer reads a root that is taken away', async () => {
  await idle()
  const { body } = await call('DELETE', `/collections/${collectionId}/roots?path=${encodeURIComponent(folder)}`) // prettier-ignore
  expect(body.collection.roots).toEqual([])
  expect(await ended(body.run.id)).toMatchObject({ counts: { removed: 2 } })
  expect(await collection()).toMatchObject({ documents: 0, problems: 0 })
  expect((await call('POST', '/collections/no-such-collection/pause')).status).toBe(404)
})

it('opens notes that are encrypted on the disk for the reader, and only those', async () => {
  const root = join(home, 'sealed')
  mkdirSync(root)
  const seal = new Seal(randomBytes(32), true)
  const files = new DiskNoteFiles(root, { seal: (plain) => seal.seal(plain, notePurpose), open: (sealed) => seal.open(sealed, notePurpose) }) // prettier-ignore
  await files.write('secret.md', new TextEncoder().encode('# Secret\n\nThe zeppelin is parked.\n'))
  writeFileSync(join(root, 'plain.md'), '# Plain\n\nNobody sealed this.\n')
  await using reader = sealedNotesReader(new Extractor(), root, seal)
  const signal = AbortSignal.timeout(60_000)
  expect(await reader.extract(join(root, 'secret.md'), signal)).toMatchObject({ title: 'Secret', text: '# Secret\n\nThe zeppelin is parked.\n' }) // prettier-ignore
  expect(await reader.extract(join(root, 'plain.md'), signal)).toMatchObject({ title: 'Plain' })
})
