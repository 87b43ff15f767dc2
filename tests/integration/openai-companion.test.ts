import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import OpenAI from 'openai'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { startCompanion, type Companion } from '#companion/compose.ts'
import { loadConfig } from '#companion/config/config.ts'
import { createFakeEngine, type FakeEngine } from '#tests/fakes/engine.ts'
import { testModel } from '#tests/models.ts'

let home: string
let companion: Companion
let engine: FakeEngine
let client: OpenAI
let secret: string
const model = 'smollm2-135m'
const messages = [{ role: 'user' as const, content: 'hello there' }]

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'silo-openai-'))
  mkdirSync(join(home, 'models'))
  for (const id of [model, 'multilingual-e5-small'] as const)
    symlinkSync(testModel(id), join(home, 'models', `${id}.gguf`))
  engine = createFakeEngine({
    delayMs: 1,
    reply: (request) =>
      JSON.stringify(request.prompt).includes('endless')
        ? Array.from({ length: 5000 }, () => ' word')
        : 'Hello from the model.',
  })
  companion = await startCompanion(
    { ...loadConfig({ SILO_HOME: home, SILO_PORT: '0' }), offline: true },
    { engine },
  )
  const made = await fetch(`${companion.url}/api/keys`, {
    method: 'POST',
    headers: { authorization: `Bearer ${companion.token}` },
    body: JSON.stringify({ name: 'My editor' }),
  })
  ;({ secret } = (await made.json()) as { secret: string })
  client = new OpenAI({ baseURL: `${companion.url}/v1`, apiKey: secret, maxRetries: 0 })
})
afterAll(async () => {
  await companion?.close()
  rmSync(home, { recursive: true, force: true })
})

test('a key made in the settings opens the API of the whole companion', async () => {
  const ids: string[] = []
  for await (const item of client.models.list()) ids.push(item.id)
  expect(ids).toEqual(expect.arrayContaining([model, 'multilingual-e5-small']))
  const whole = await client.chat.completions.create({ model, messages })
  expect(whole.choices[0]!.message.content).toBe('Hello from the model.')
  const stream = await client.chat.completions.create({ model, messages, stream: true })
  let text = ''
  let chunks = 0
  for await (const chunk of stream) {
    chunks++
    text += chunk.choices[0]?.delta.content ?? ''
  }
  expect(text).toBe('Hello from the model.')
  expect(chunks).toBeGreaterThan(3)
  const { data } = await client.embeddings.create({ model: 'multilingual-e5-small', input: 'x' })
  expect(data[0]!.embedding).toHaveLength(384)
  const tags = await fetch(`${companion.url}/api/tags`, {
    headers: { authorization: `Bearer ${secret}` },
  })
  expect(tags.status).toBe(200)
})

test('refusals of the gateway have the form OpenAI’s clients read', async () => {
  const stranger = new OpenAI({
    baseURL: `${companion.url}/v1`,
    apiKey: 'sk-wrong',
    maxRetries: 0,
  })
  await expect(stranger.models.list()).rejects.toMatchObject({ status: 401, code: 'unauthorized' })
  await expect(
    client.chat.completions.create({
      model,
      messages: [{ role: 'user', content: 'x'.repeat(17 * 1024 * 1024) }],
    }),
  ).rejects.toMatchObject({ status: 413, code: 'body_too_large' })
  const headers = { authorization: `Bearer ${secret}` }
  const wrong = await fetch(`${companion.url}/v1/chat/completions`, { headers })
  expect(wrong.status).toBe(405)
  expect(await wrong.json()).toMatchObject({ error: { code: 'method_not_allowed' } })
  const nowhere = await fetch(`${companion.url}/v1/nothing`, { headers })
  expect(nowhere.status).toBe(404)
  await expect(client.chat.completions.create({ model: 'gpt-x', messages })).rejects.toMatchObject({
    status: 404,
    code: 'model_unknown',
  })
})

test('a client that leaves frees the model for the next one', async () => {
  const stream = await client.chat.completions.create({
    model,
    messages: [{ role: 'user', content: 'endless' }],
    stream: true,
  })
  for await (const chunk of stream) if (chunk.choices[0]?.delta.content) break
  await vi.waitFor(async () => {
    const next = await client.chat.completions.create({ model, messages })
    expect(next.choices[0]!.message.content).toBe('Hello from the model.')
  })
})
