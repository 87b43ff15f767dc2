import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import * as v from 'valibot'
import { startCompanion, type Companion } from '#companion/compose.ts'
import { loadConfig } from '#companion/config/config.ts'
import { findServers } from '#companion/engines/remote/discovery.ts'
import { newId } from '#shared/domain/ids.ts'
import { enginesSchema } from '#shared/protocol/engines.ts'
import { testLlamaServer, testModel } from '#tests/models.ts'
import type { Loose } from './gateway-harness.ts'

const signal = new AbortController().signal
const list = (...ids: string[]) => ({ data: ids.map((id) => ({ id })) })

describe('a companion with two engines', () => {
  let home: string
  let companion: Companion

  beforeEach(async () => {
    home = mkdtempSync(join(tmpdir(), 'silo-engines-'))
    mkdirSync(join(home, 'models'))
    symlinkSync(testModel('smollm2-135m'), join(home, 'models', 'smollm2-135m.gguf'))
    mkdirSync(join(home, 'engines'))
    const server = dirname(testLlamaServer())
    symlinkSync(server, join(home, 'engines', server.split('/').at(-1)!))
    companion = await startCompanion(loadConfig({ SILO_HOME: home, SILO_PORT: '0', SILO_OFFLINE: '1', SILO_LOG: 'error', SILO_LAN: '0', SILO_LINK: '0' })) // prettier-ignore
  })
  afterEach(async () => {
    await companion.close()
    rmSync(home, { recursive: true, force: true })
  })

  const api = async (method: string, path: string, body?: unknown): Promise<Loose> => {
    const response = await fetch(`${companion.url}/api${path}`, {
      method,
      headers: { authorization: `Bearer ${companion.token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
    return response.json()
  }
  const engines = async () => v.parse(enginesSchema, await api('GET', '/engines'))
  const probed = async () => {
    for (;;) {
      const found = await engines()
      if (found.choices.every(({ usable }) => usable)) return found
      await sleep(50)
    }
  }
  const ask = async () => {
    const [conversationId, id, userId, messageId] = [newId(), newId(), newId(), newId()]
    await api('POST', '/conversations', { id: conversationId })
    await api('POST', '/runs', { kind: 'chat', id, conversationId, userMessage: { id: userId, parentId: null, text: 'Say hello.' }, parentId: userId, assistantMessageId: messageId }) // prettier-ignore
    for (;;) {
      const { events } = await api('GET', `/runs/${id}/events`)
      const bodies: Loose[] = events.map(({ body }: Loose) => body)
      const end = bodies.find(({ type }) => type === 'run-ended')
      if (end) return { end, placed: bodies.find(({ type }) => type === 'placement-chosen') }
      await sleep(30)
    }
  }

  it('takes the better, and the other one where the person says so', async () => {
    const { choices, current, servers } = await probed()
    expect(choices.map(({ engine, reason }) => [engine, reason])).toEqual([
      ['llama-cpp', 'cpu'],
      ['llama-server', 'second'],
    ])
    expect([current, servers]).toEqual(['llama-cpp', []])
    expect(await ask()).toMatchObject({ end: { outcome: 'done' }, placed: { engine: 'llama-cpp' } })
    await api('PATCH', '/settings', { engine: 'llama-server' })
    expect((await engines()).current).toBe('llama-server')
    expect(await ask()).toMatchObject({ end: { outcome: 'done' }, placed: { engine: 'llama-server' } }) // prettier-ignore
    expect((await api('GET', '/status')).engine).toMatchObject({ id: 'llama-server', build: expect.stringMatching(/^llama-server b/) }) // prettier-ignore
    await api('PATCH', '/settings', { engine: 'auto' })
    expect(await ask()).toMatchObject({ placed: { engine: 'llama-cpp' } })
    await expect(api('PATCH', '/settings', { engine: 'no-engine' })).rejects.toThrow('400')
    // Offline means that nothing is fetched from outside.
    await expect(api('POST', '/engines/llama-server', { id: newId() })).rejects.toThrow('source_unreachable') // prettier-ignore
  })
})

describe('servers that run on this computer', () => {
  const running: Server[] = []
  afterEach(() => running.splice(0).forEach((server) => void server.close()))

  async function serve(answers: Record<string, unknown>): Promise<{ url: string }> {
    const server = createServer((request, response) => {
      const answer = answers[request.url ?? '']
      if (answer === undefined) response.writeHead(404)
      if (answer !== null) response.end(typeof answer === 'string' ? answer : JSON.stringify(answer ?? {})) // prettier-ignore
    })
    running.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return { url: `http://127.0.0.1:${(server.address() as { port: number }).port}` }
  }

  it('are found with their models and names; what is none, hangs or is another companion is not', async () => {
    const ollama = await serve({ '/v1/models': list('llama3.2:3b', 'nomic-embed-text'), '/api/version': { version: '0.12' } }) // prettier-ignore
    const vllm = await serve({ '/v1/models': { data: [{ id: 'org/big', owned_by: 'vllm', max_model_len: 32768 }] } }) // prettier-ignore
    const silo = await serve({ '/v1/models': { data: [{ id: 'x', owned_by: 'silo' }] } })
    const page = await serve({ '/v1/models': '<html>' })
    const empty = await serve({ '/v1/models': { data: [] } })
    const mute = await serve({ '/v1/models': null })
    const found = await findServers([ollama, vllm, silo, page, empty, mute, { url: 'http://127.0.0.1:1' }], signal) // prettier-ignore
    expect(found).toEqual([
      { url: ollama.url, name: 'Ollama', models: [{ name: 'llama3.2:3b', task: 'chat' }, { name: 'nomic-embed-text', task: 'embed' }] }, // prettier-ignore
      { url: vllm.url, name: 'vLLM', models: [{ name: 'org/big', task: 'chat', contextTokens: 32768 }] }, // prettier-ignore
    ])
  })
})
