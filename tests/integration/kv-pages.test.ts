import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createLlamaCppEngine } from '#companion/engines/llama-cpp/engine.ts'
import { LlamaCppModel } from '#companion/engines/llama-cpp/loaded.ts'
import { startCompanion, type Companion } from '#companion/compose.ts'
import { loadConfig } from '#companion/config/config.ts'
import { silentLog } from '#companion/observe/log.ts'
import type { ChatMessage, GenerateRequest } from '#shared/contracts/engine.ts'
import { newId } from '#shared/domain/ids.ts'
import { testModel } from '#tests/models.ts'
import type { Loose } from './gateway-harness.ts'

const signal = new AbortController().signal
let directory: string

beforeEach(() => void (directory = mkdtempSync(join(tmpdir(), 'silo-kv-'))))
afterEach(() => rmSync(directory, { recursive: true, force: true }))

interface Answer {
  readonly text: string
  readonly promptTokens: number
  readonly cachedTokens: number
}

/** A new engine process with a small real model; `maxBytes` 0 keeps nothing on disk. */
async function start({ maxBytes = 1e9, parallel = 1 } = {}) {
  const limit = { maxBytes }
  const engine = createLlamaCppEngine({
    log: silentLog,
    gpu: 'cpu',
    pages: { directory, maxBytes: () => limit.maxBytes },
  })
  const loaded = await engine.load(
    { id: 'smol', path: testModel('smollm2-135m'), sha256: 'f'.repeat(64), task: 'chat' },
    { contextTokens: 2048, parallel },
    { signal },
  )
  if (!(loaded instanceof LlamaCppModel)) throw new Error('another kind of model')
  const ask = async (messages: readonly ChatMessage[], session?: string): Promise<Answer> => {
    const request: GenerateRequest = { prompt: { kind: 'chat', messages }, temperature: 0, maxTokens: 24, ...(session === undefined ? {} : { session }) } // prettier-ignore
    let answer: Answer = { text: '', promptTokens: 0, cachedTokens: 0 }
    for await (const event of loaded.generate(request, signal)) {
      if (event.type === 'text') answer = { ...answer, text: answer.text + event.text }
      if (event.type === 'prompt') answer = { ...answer, ...event }
    }
    return answer
  }
  return { engine, loaded, limit, ask, [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose]() }
}

const facts = (about: string) => Array.from({ length: 26 }, (_, n) => `${about} number ${n} weighs ${n * 7} kilograms.`).join(' ') // prettier-ignore
const user = (content: string): ChatMessage => ({ role: 'user', content })
const turn1 = (about: string) => [user(`${facts(about)} Which ${about} is the heaviest?`)]
const turn2 = (about: string, { text }: Answer) => [
  ...turn1(about),
  { role: 'assistant', content: text } as const,
  user('And the lightest?'),
]
const files = () => readdirSync(directory, { recursive: true }).map(String)
const states = () => files().filter((file) => file.endsWith('.kv'))

async function stored(count: number): Promise<void> {
  for (
    let waited = 0;
    files().filter((file) => file.endsWith('.json')).length < count;
    waited += 50
  ) {
    if (waited > 20_000) throw new Error(`kept: ${files().join()}`)
    await sleep(50)
  }
}

describe('computed context on disk', () => {
  it('is read again by another process, which answers the same as one that never ended', async () => {
    let first: Answer
    {
      await using before = await start()
      first = await before.ask(turn1('box'), 'talk-one')
      expect(first).toMatchObject({ cachedTokens: 0 })
    }
    expect(states()).toHaveLength(1)
    await using plain = await start({ maxBytes: 0 })
    await plain.ask(turn1('box'), 'talk-one')
    const expected = await plain.ask(turn2('box', first))
    await using after = await start()
    const second = await after.ask(turn2('box', first), 'talk-one')
    expect(second.text).toBe(expected.text)
    expect(second.cachedTokens).toBeGreaterThan(first.promptTokens - 2)
    // In the same process it goes on from memory.
    expect((await after.ask(turn2('box', first), 'talk-one')).cachedTokens).toBe(second.promptTokens - 1) // prettier-ignore
  })

  it('is written when nothing is asked, so that a process that is killed loses nothing', async () => {
    await using before = await start()
    const first = await before.ask(turn1('box'), 'talk-one')
    await stored(1)
    const { pid } = before.loaded
    process.kill(pid!, 'SIGKILL')
    while (before.loaded.pid === pid) await sleep(20)
    const second = await before.ask(turn2('box', first), 'talk-one')
    expect(second.cachedTokens).toBeGreaterThan(first.promptTokens - 2)
  })

  it('makes room for other conversations, and is there again when they come back', async () => {
    await using one = await start()
    const boxes = await one.ask(turn1('box'), 'talk-one')
    const crates = await one.ask(turn1('crate'), 'talk-two')
    expect(crates.cachedTokens).toBeLessThan(64)
    const again = await one.ask(turn2('box', boxes), 'talk-one')
    expect(again.cachedTokens).toBeGreaterThan(boxes.promptTokens - 2)
    const back = await one.ask(turn2('crate', crates), 'talk-two')
    expect(back.cachedTokens).toBeGreaterThan(crates.promptTokens - 2)
  })

  it('that is damaged is computed again', async () => {
    let first: Answer
    {
      await using before = await start()
      first = await before.ask(turn1('box'), 'talk-one')
    }
    const path = join(directory, states()[0]!)
    const bytes = readFileSync(path)
    bytes[bytes.length >> 1]! ^= 1
    writeFileSync(path, bytes)
    await using after = await start()
    const again = await after.ask(turn1('box'), 'talk-one')
    expect(again).toMatchObject({ cachedTokens: 0, text: first.text })
    expect(states()).toEqual([])
  })

  it('is not kept for what belongs to no session, and goes when a session is forgotten', async () => {
    {
      await using engine = await start({ parallel: 2 })
      await engine.ask(turn1('box'))
      const first = await engine.ask(turn1('crate'), 'talk-two')
      await stored(1)
      await engine.ask(turn2('crate', first), 'talk-two')
      await engine.engine.forget!('talk-two')
      expect(files().filter((file) => file.includes('.'))).toEqual([])
    }
    expect(states()).toEqual([])
    await using after = await start()
    expect(await after.ask(turn1('crate'), 'talk-two')).toMatchObject({ cachedTokens: 0 })
  })

  it('keeps to a limit that is changed while it is used', async () => {
    await using engine = await start()
    const first = await engine.ask(turn1('box'), 'talk-one')
    await stored(1)
    engine.limit.maxBytes = 0
    await engine.engine.limitPages()
    expect(states()).toEqual([])
    await engine.ask([...turn2('box', first), user(facts('crate'))], 'talk-one')
    await engine.loaded[Symbol.asyncDispose]()
    expect(states()).toEqual([])
  })

  it('cannot be written where nothing may be, and then answers go on', async () => {
    writeFileSync(join(directory, 'file'), '')
    rmSync(directory, { recursive: true })
    writeFileSync(directory, 'not a directory')
    await using engine = await start()
    const first = await engine.ask(turn1('box'), 'talk-one')
    await engine.loaded[Symbol.asyncDispose]()
    expect(first.text).not.toBe('')
  })
})

describe('a conversation whose companion is started again', () => {
  let companion: Companion
  afterEach(() => companion.close())

  const open = async (): Promise<void> => {
    companion = await startCompanion(loadConfig({ SILO_HOME: directory, SILO_PORT: '0', SILO_OFFLINE: '1', SILO_LOG: 'error', SILO_LAN: '0' })) // prettier-ignore
  }
  const api = async (method: string, path: string, body?: unknown): Promise<Loose> => {
    const response = await fetch(`${companion.url}/api${path}`, {
      method,
      headers: { authorization: `Bearer ${companion.token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
    return response.status === 204 ? undefined : response.json()
  }
  const ask = async (conversationId: string, parentId: string | null, text: string) => {
    const [id, userId, messageId] = [newId(), newId(), newId()]
    await api('POST', '/runs', { kind: 'chat', id, conversationId, userMessage: { id: userId, parentId, text }, parentId: userId, assistantMessageId: messageId }) // prettier-ignore
    for (;;) {
      const { events } = await api('GET', `/runs/${id}/events`)
      const end = events.find(({ body }: Loose) => body.type === 'run-ended')
      if (end) expect(end.body).toMatchObject({ outcome: 'done' })
      if (end) return { messageId, usage: events.find(({ body }: Loose) => body.type === 'usage').body.usage } // prettier-ignore
      await sleep(50)
    }
  }

  it('goes on without reading all of it again; deleted, nothing of it is left', async () => {
    mkdirSync(join(directory, 'models'))
    symlinkSync(testModel('smollm2-135m'), join(directory, 'models', 'smollm2-135m.gguf'))
    await open()
    await api('PATCH', '/settings', { temperature: 0, contextTokens: 4096 })
    const conversationId = newId()
    await api('POST', '/conversations', { id: conversationId })
    const first = await ask(conversationId, null, `${facts('box')} Which box is the heaviest?`)
    expect(first.usage.cachedTokens).toBe(0)
    await companion.close()

    await open()
    const { bytes, maxBytes } = await api('GET', '/computed-context')
    expect(bytes).toBeGreaterThan(1e6)
    expect(maxBytes).toBe(4e9)
    const second = await ask(conversationId, first.messageId, 'And the lightest?')
    expect(second.usage.cachedTokens).toBeGreaterThan(first.usage.promptTokens - 2)
    await api('DELETE', `/conversations/${conversationId}`)
    for (;;) {
      if ((await api('GET', '/computed-context')).bytes === 0) break
      await sleep(50)
    }

    const other = newId()
    await api('POST', '/conversations', { id: other })
    await ask(other, null, `${facts('crate')} Which crate is the heaviest?`)
    await companion.close()
    await open()
    expect((await api('GET', '/computed-context')).bytes).toBeGreaterThan(1e6)
    await api('DELETE', '/computed-context')
    expect((await api('GET', '/computed-context')).bytes).toBe(0)
    await expect(api('PATCH', '/settings', { kvPagesBytes: -1 })).rejects.toThrow('kvPagesBytes')
  })
})
