import { createHash } from 'node:crypto'
import { createReadStream, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs' // prettier-ignore
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { extract } from 'tar-stream'
import { afterEach, describe, expect, it } from 'vitest'
import { startCompanion, type Companion } from '#companion/compose.ts'
import { loadConfig } from '#companion/config/config.ts'
import { newId } from '#shared/domain/ids.ts'
import { createFakeEngine } from '#tests/fakes/engine.ts'
import type { Loose } from './gateway-harness.ts'
import { testModelState } from './openai-server.ts'

const folder = join(import.meta.dirname, '..', 'fixtures', 'releases')
const releases = readdirSync(folder).filter((name) => name.endsWith('.tar.gz'))
const documents = '/tmp/silo-release-documents'
const model = 'GGUF'

let home = ''
let companion: Companion | undefined
afterEach(async () => {
  await companion?.close()
  companion = undefined
  if (home) rmSync(home, { recursive: true, force: true })
})

async function unpack(name: string): Promise<void> {
  home = mkdtempSync(join(tmpdir(), 'silo-release-'))
  const entries = extract()
  const flowing = pipeline(createReadStream(join(folder, name)), createGunzip(), entries)
  for await (const entry of entries) {
    const path = join(home, entry.header.name)
    mkdirSync(entry.header.type === 'directory' ? path : dirname(path), { recursive: true })
    const parts: Buffer[] = []
    for await (const part of entry) parts.push(part as Buffer)
    if (entry.header.type === 'file') writeFileSync(path, Buffer.concat(parts))
  }
  await flowing
  mkdirSync(join(home, 'models'))
  for (const id of ['chat-model', 'embed-model'])
    writeFileSync(join(home, 'models', `${id}.gguf`), model)
}

async function start(): Promise<Companion> {
  const sha256 = createHash('sha256').update(model).digest('hex')
  const entry = (id: string, task: 'chat' | 'embed') => ({
    ...testModelState(id, task).state.entry,
    size: model.length,
    sha256,
    ...(task === 'embed' ? { dimensions: 384 } : {}),
  })
  companion = await startCompanion(
    loadConfig({ SILO_HOME: home, SILO_PORT: '0', SILO_OFFLINE: '1', SILO_LINK: '0' }),
    { engine: createFakeEngine(), catalogue: [entry('chat-model', 'chat'), entry('embed-model', 'embed')] }, // prettier-ignore
  )
  return companion
}

async function api(
  path: string,
  body?: unknown,
  method = body === undefined ? 'GET' : 'POST',
): Promise<Loose> {
  // prettier-ignore
  const response = await fetch(`${companion!.url}/api${path}`, {
    method,
    headers: { authorization: `Bearer ${companion!.token}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return response.json()
}

describe('a data folder of an earlier release', () => {
  it('is there for each release', () => {
    expect(releases.length).toBeGreaterThanOrEqual(2)
  })

  it.each(releases)('%s opens with everything in it, and can be gone on with', async (name) => {
    await unpack(name)
    await start()
    const [collection, ...others] = (await api('/collections')).collections
    expect(others).toEqual([])
    expect(collection).toMatchObject({ id: 'garden-collection', name: 'Garden', documents: 2, problems: 1 }) // prettier-ignore
    const { documents: listed } = await api('/collections/garden-collection/documents')
    expect(listed.map(({ title }: Loose) => title).sort()).toEqual(['Tulips', '租赁合同'])

    const { hits } = await api('/search', { query: '每月租金' })
    const hit = hits.find(({ title }: Loose) => title === '租赁合同')
    expect(hit.text).toContain('三千二百元')
    const { text } = await api(`/documents/${hit.documentId}/text`)
    expect(text.slice(hit.start, hit.end)).toBe(hit.text)

    const { conversation, messages } = await api('/conversations/conversation-1')
    expect(conversation).toMatchObject({ title: 'The garden', collectionIds: ['garden-collection'] }) // prettier-ignore
    expect(messages.map(({ id, role }: Loose) => [id, role])).toEqual([
      ['message-1', 'user'],
      ['message-2', 'assistant'],
    ])
    const secret = readFileSync(join(home, 'key-of-fixture'), 'utf8')
    const v1 = await fetch(`${companion!.url}/v1/models`, { headers: { authorization: `Bearer ${secret}` } }) // prettier-ignore
    expect(v1.status).toBe(200)
    if (name.includes('link'))
      expect((await api('/devices')).devices).toMatchObject([{ name: 'Phone', role: 'member' }])

    // The folders it was filled from are gone here: reading again says so and forgets nothing.
    const runId = newId()
    await api('/runs', { kind: 'ingest', id: runId, collectionId: 'garden-collection', paths: [] })
    await expect
      .poll(async () => (await api(`/runs/${runId}/events`)).events?.at(-1)?.body.type)
      .toBe('run-ended')
    expect((await api('/collections')).collections[0].documents).toBe(2)
    expect(documents).toBe(collection.roots[0])

    // A second start finds nothing more to do.
    await companion!.close()
    await start()
    expect((await api('/collections')).collections[0].documents).toBe(2)
    expect((await api('/search', { query: 'tulips watered' })).hits[0].title).toBe('Tulips')
  })
})
