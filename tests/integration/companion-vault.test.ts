import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as v from 'valibot'
import { startCompanion, type Companion } from '#companion/compose.ts'
import { loadConfig } from '#companion/config/config.ts'
import { documentTextSchema } from '#shared/domain/vault.ts'
import { newId } from '#shared/domain/ids.ts'
import {
  collectionListSchema,
  documentListSchema,
  searchResponseSchema,
} from '#shared/protocol/api.ts'
import { vaultIndexSchema } from '#shared/protocol/vault-index.ts'
import { createFakeEngine } from '#tests/fakes/engine.ts'
import type { Loose } from './gateway-harness.ts'
import { testModelState } from './openai-server.ts'

let home: string
let documents: string
let companion: Companion
const collectionId = newId()
const bytes = 'GGUF'

const entry = (id: string, task: 'chat' | 'embed') => ({
  ...testModelState(id, task).state.entry,
  size: bytes.length,
  sha256: createHash('sha256').update(bytes).digest('hex'),
  ...(task === 'embed' ? { dimensions: 384 } : {}),
})

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'silo-vault-'))
  documents = join(home, 'documents')
  for (const folder of ['models', 'documents']) mkdirSync(join(home, folder))
  for (const id of ['chat-model', 'embed-model'])
    writeFileSync(join(home, 'models', `${id}.gguf`), bytes)
  writeFileSync(join(documents, 'pump.md'), '# Pump\n\nInspect the pump every 500 hours.\n')
  writeFileSync(
    join(documents, '员工手册.md'),
    '# 员工手册\n\n## 休假\n\n未休年假可结转至次年三月。\n',
  )
  writeFileSync(join(documents, 'broken.pdf'), '%PDF-1.7 cut off')
  const config = loadConfig({ SILO_HOME: home, SILO_PORT: '0', SILO_OFFLINE: '1' })
  companion = await startCompanion(config, {
    engine: createFakeEngine({ reply: () => '可结转至次年三月 [1]。' }),
    catalogue: [entry('chat-model', 'chat'), entry('embed-model', 'embed')],
  })
})
afterAll(async () => {
  await companion.close()
  rmSync(home, { recursive: true, force: true })
})

async function api(path: string, body?: unknown, method = body ? 'POST' : 'GET'): Promise<Loose> {
  const response = await fetch(`${companion.url}/api${path}`, {
    method,
    headers: { authorization: `Bearer ${companion.token}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return response.status === 204 ? undefined : response.json()
}
/** Starts a run and returns its events once it ended; the refusal where it is refused. */
async function run(request: object): Promise<Loose> {
  const id = newId()
  const started = await api('/runs', { id, ...request })
  if (started.error) return started
  const response = await fetch(`${companion.url}/api/runs/${id}/events`, {
    headers: { authorization: `Bearer ${companion.token}`, accept: 'text/event-stream' },
  })
  const events = (await response.text()).matchAll(/^data: (.*)$/gm)
  return [...events].map(([, data]) => JSON.parse(data!).body)
}

describe('the vault over the whole companion', () => {
  it('reads a folder, says what it could not read, and finds Chinese and English', async () => {
    await api('/collections', { id: collectionId, name: '手册' })
    const ingest = { kind: 'ingest', collectionId, paths: [documents] }
    expect((await run(ingest)).at(-1)).toMatchObject({
      outcome: 'done',
      counts: { added: 2, failed: 1 },
    })
    expect((await run({ ...ingest, paths: [] })).at(-1)).toMatchObject({
      outcome: 'done',
      counts: { added: 0, unchanged: 2 },
    })
    const { collections } = v.parse(collectionListSchema, await api('/collections'))
    expect(collections).toMatchObject([{ name: '手册', documents: 2, problems: 1 }])
    const { problems } = await api(`/collections/${collectionId}/problems`)
    expect(problems).toMatchObject([{ error: { code: 'file_damaged' } }])
    const find = async (query: string) =>
      v.parse(searchResponseSchema, await api('/search', { query })).hits
    expect((await find('年假结转'))[0]).toMatchObject({ title: '员工手册' })
    const [pump] = await find('pump inspect')
    expect(pump?.path).toBe(join(documents, 'pump.md'))
    const text = v.parse(
      documentTextSchema,
      await api(`/documents/${pump!.documentId}/text?start=${pump!.start}&length=20000`),
    )
    expect(text.text).toContain('every 500 hours')
    const index = v.parse(vaultIndexSchema, await api(`/collections/${collectionId}/index`))
    expect(index.datasets).toMatchObject([{ own: true, chunks: 2, bytes: expect.any(Number), index: { kind: 'exact' } }]) // prettier-ignore
    expect(index.datasets[0]!.bytes).toBeGreaterThan(1000)
    expect(await api('/collections/none-such-1/index')).toMatchObject({ error: { code: 'collection_unknown' } }) // prettier-ignore
    const page = await api(`/collections/${collectionId}/documents?query=pump`)
    expect(v.parse(documentListSchema, page)).toMatchObject({ total: 1 })
  })

  it('grounds an answer, and forgets a collection that is deleted', async () => {
    const conversationId = newId()
    await api('/conversations', { id: conversationId, collectionIds: [collectionId] })
    const parentId = newId()
    const chat = {
      kind: 'chat',
      conversationId,
      userMessage: { id: parentId, parentId: null, text: '未休年假可以结转吗？' },
      parentId,
      assistantMessageId: newId(),
    }
    const events = await run(chat)
    expect(events).toContainEqual(
      expect.objectContaining({
        type: 'citation',
        citation: expect.objectContaining({ marker: 1, title: '员工手册' }),
      }),
    )
    expect(events.at(-1)).toMatchObject({ outcome: 'done' })
    await api(`/collections/${collectionId}`, undefined, 'DELETE')
    const { conversation, messages } = await api(`/conversations/${conversationId}`)
    expect(conversation.collectionIds).toEqual([])
    expect(messages[1].citations).toHaveLength(1)
    expect((await api('/collections')).collections).toEqual([])
  })

  it('refuses what is not there', async () => {
    const id = newId()
    expect(await run({ kind: 'ingest', collectionId: id, paths: [] })).toMatchObject({
      error: { code: 'collection_unknown' },
    })
    await api('/collections', { id, name: 'x' })
    expect(await run({ kind: 'ingest', collectionId: id, paths: ['x'] })).toMatchObject({
      error: { code: 'path_not_absolute' },
    })
    const missing = await run({ kind: 'ingest', collectionId: id, paths: [join(home, 'none')] })
    expect(missing.at(-1)).toMatchObject({ outcome: 'failed', error: { code: 'path_not_found' } })
  })
})
