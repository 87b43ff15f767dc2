import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import * as v from 'valibot'
import { startCompanion, type Companion } from '#companion/compose.ts'
import { loadConfig } from '#companion/config/config.ts'
import { newId } from '#shared/domain/ids.ts'
import { statusSchema, modelListSchema } from '#shared/protocol/api.ts'
import { createFakeEngine } from '#tests/fakes/engine.ts'
import type { Loose } from './gateway-harness.ts'
import { testModelState } from './openai-server.ts'

let home: string
let companion: Companion
const bytes = 'GGUF and weights'

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'silo-models-'))
  writeFileSync(join(home, 'good.bin'), bytes)
  writeFileSync(join(home, 'bad.bin'), 'GGUF and garbage')
  const entry = (id: string, path: string) => ({
    ...testModelState(id, 'chat').state.entry,
    size: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    sources: [{ type: 'file' as const, path }],
  })
  companion = await startCompanion(
    loadConfig({ SILO_HOME: home, SILO_PORT: '0', SILO_OFFLINE: '1' }),
    {
      // prettier-ignore
      engine: createFakeEngine({ reply: () => 'hello' }),
      catalogue: [entry('good', join(home, 'good.bin')), entry('bad', join(home, 'bad.bin'))],
    },
  )
})
afterEach(async () => {
  await companion.close()
  rmSync(home, { recursive: true, force: true })
})

async function api(path: string, body?: unknown, method = body ? 'POST' : 'GET'): Promise<Loose> {
  const response = await fetch(`${companion.url}/api${path}`, {
    method,
    headers: { authorization: `Bearer ${companion.token}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return response.json()
}
async function runToEnd(request: { id: string }): Promise<Loose> {
  const started = await api('/runs', request)
  if (started.error) return started
  const response = await fetch(`${companion.url}/api/runs/${request.id}/events`, {
    headers: { authorization: `Bearer ${companion.token}`, accept: 'text/event-stream' },
  })
  const events = (await response.text()).matchAll(/^data: (.*)$/gm)
  return [...events].map(([, data]) => JSON.parse(data!).body)
}
const chat = (modelId?: string) => {
  const parentId = newId()
  return {
    kind: 'chat',
    id: newId(),
    conversationId: 'conversation-1',
    userMessage: { id: parentId, parentId: null, text: 'hi' },
    parentId,
    assistantMessageId: newId(),
    modelId,
  }
}

describe('models over the whole companion', () => {
  it('are fetched as a run, used, and deleted', async () => {
    await api('/conversations', { id: 'conversation-1' })
    const missing = await runToEnd(chat())
    expect(missing.at(-1)).toMatchObject({
      outcome: 'failed',
      error: { code: 'model_not_installed' },
    })
    const fetched = await runToEnd({ kind: 'download', id: newId(), modelId: 'good' } as never)
    expect(fetched.at(-1)).toMatchObject({ type: 'run-ended', outcome: 'done' })
    const { models } = v.parse(modelListSchema, await api('/models'))
    expect(models).toMatchObject([{ installed: true }, { installed: false }])
    const answered = await runToEnd(chat())
    expect(answered.at(-1)).toMatchObject({ outcome: 'done' })
    const status = v.parse(statusSchema, await api('/status'))
    expect(status).toMatchObject({ chatModelId: 'good', embedModelId: null, activeRuns: [] })
    expect(await api('/models/good', undefined, 'DELETE')).toMatchObject({
      model: { installed: false },
    })
    expect(existsSync(join(home, 'models', 'good.gguf'))).toBe(false)
  })

  it('that are damaged are refused, and nothing is left half-done', async () => {
    const fetched = await runToEnd({ kind: 'download', id: newId(), modelId: 'bad' } as never)
    expect(fetched).toContainEqual(
      expect.objectContaining({
        type: 'item-failed',
        error: expect.objectContaining({ code: 'checksum_mismatch' }),
      }),
    )
    expect(fetched.at(-1)).toMatchObject({ outcome: 'failed', error: { code: 'download_failed' } })
    expect(existsSync(join(home, 'models', 'bad.gguf'))).toBe(false)
    writeFileSync(join(home, 'models', 'good.gguf'), 'GGUF and garbage')
    await api('/conversations', { id: 'conversation-1' })
    expect((await runToEnd(chat('good'))).at(-1)).toMatchObject({
      outcome: 'failed',
      error: { code: 'model_corrupt' },
    })
  })

  it('that nobody knows are refused', async () => {
    await api('/conversations', { id: 'conversation-1' })
    const download = { kind: 'download', id: newId(), modelId: 'none' }
    expect(await api('/runs', download)).toMatchObject({ error: { code: 'model_unknown' } })
    expect((await runToEnd(chat('none'))).at(-1)).toMatchObject({
      outcome: 'failed',
      error: { code: 'model_unknown', params: { model: 'none' } },
    })
    expect(await api('/models/none', undefined, 'DELETE')).toMatchObject({
      error: { code: 'model_unknown' },
    })
    expect(await api('/models/import', { path: 'x.gguf' })).toMatchObject({
      error: { code: 'path_not_absolute' },
    })
    const text = join(home, 'text.gguf')
    writeFileSync(text, 'no model')
    expect(await api('/models/import', { path: text })).toMatchObject({
      error: { code: 'model_corrupt' },
    })
  })
})
