import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import {
  getDefaultEnvironment,
  StdioClientTransport,
} from '@modelcontextprotocol/sdk/client/stdio.js'
import { CallToolResultSchema } from '@modelcontextprotocol/sdk/types.js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newId } from '#shared/domain/ids.ts'
import { makeHome, removeHome, startCompanionProcess, type RunningCompanion } from '#tests/e2e/companion.ts' // prettier-ignore

const launcher = fileURLToPath(new URL('../../companion/setup/silo.mjs', import.meta.url))
let companion: RunningCompanion
let client: Client
let folder: string

async function api(path: string, body: unknown): Promise<void> {
  const token = new URL(companion.urlWithToken).searchParams.get('token')
  const response = await fetch(`${companion.url}/api${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
    body: JSON.stringify(body),
  })
  if (!response.ok) throw new Error(await response.text())
}

/** What a tool answers: what it says, and whether that is an error. */
async function call(name: string, input: Record<string, unknown> = {}) {
  const result = await client.callTool({ name, arguments: input }, CallToolResultSchema)
  const { content, isError = false } = CallToolResultSchema.parse(result)
  const [part] = content
  return { isError, text: part?.type === 'text' ? part.text : '' }
}
// What an answer holds is looked at by each test.
const answer = async (name: string, input?: Record<string, unknown>) =>
  JSON.parse((await call(name, input)).text)

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'silo-mcp-docs-'))
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'plan.md'), '# Plan\n\nThe greenhouse opens on 4 May 2026.\n')
  companion = await startCompanionProcess(makeHome(['multilingual-e5-small']))
  const collectionId = newId()
  await api('/collections', { id: collectionId, name: 'Papers' })
  const id = newId()
  await api('/runs', { kind: 'ingest', id, collectionId, paths: [folder] })
  const token = new URL(companion.urlWithToken).searchParams.get('token')
  const headers = { authorization: `Bearer ${token}`, accept: 'text/event-stream' }
  await (await fetch(`${companion.url}/api/runs/${id}/events`, { headers })).text()
  client = new Client({ name: 'test', version: '1' })
  await client.connect(
    new StdioClientTransport({
      command: process.execPath,
      args: [launcher, 'mcp'],
      env: { ...getDefaultEnvironment(), SILO_HOME: companion.home },
    }),
  )
})
afterAll(async () => {
  await client?.close()
  await companion?.stop()
  if (companion) removeHome(companion.home)
  rmSync(folder, { recursive: true, force: true })
})

describe('silo mcp, with the library that clients are made with', () => {
  it('names tools that only read', async () => {
    const { tools } = await client.listTools()
    expect(tools.map(({ name }) => name)).toEqual(['vault_search', 'list_collections', 'read_document']) // prettier-ignore
  })

  it('lists, searches and reads', async () => {
    expect(await answer('list_collections')).toMatchObject([{ name: 'Papers' }])
    const found = await answer('vault_search', { query: 'When does the greenhouse open?', collection: 'Papers' }) // prettier-ignore
    expect(found).toMatchObject({ found: true, passages: [{ title: 'Plan' }] })
    expect(found.passages[0].text).toContain('4 May 2026')
    const { documentId } = found.passages[0]
    expect(await answer('read_document', { documentId })).toMatchObject({
      title: 'Plan',
      text: expect.stringContaining('greenhouse'),
    })
  })

  it('says what was wrong, and goes on', async () => {
    for (const [name, input] of [
      ['vault_search', {}],
      ['vault_search', { query: 'x', collection: 'none' }],
      ['read_document', { documentId: '../../etc/passwd' }],
      ['read_document', { documentId: 'unknown-document' }],
      ['delete_everything', {}],
    ] as const)
      expect(await call(name, input)).toMatchObject({ isError: true })
    expect(await answer('list_collections')).toHaveLength(1)
  })

  it('says that no companion runs', async () => {
    await companion.stop()
    expect(await call('list_collections')).toMatchObject({ isError: true })
  })
})
