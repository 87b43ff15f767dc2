import * as v from 'valibot'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { newId } from '#shared/domain/ids.ts'
import {
  conversationListSchema,
  conversationResponseSchema,
  keyCreatedSchema,
  runEventsSchema,
  runResponseSchema,
  settingsResponseSchema,
} from '#shared/protocol/api.ts'
import { streamMessageSchema, type StreamMessage } from '#shared/protocol/stream.ts'
import { createFakeEngine } from '#tests/fakes/engine.ts'
import { createHarness, type Harness } from './gateway-harness.ts'

let harness: Harness
beforeEach(() => {
  harness = createHarness({ engine: createFakeEngine({ reply: () => ['```svg\n<svg/>\n```\n', '好的。'] }) }) // prettier-ignore
})
afterEach(() => harness.close())

const create = async (more: object = {}): Promise<string> => {
  const id = newId()
  const body = { id, ...more }
  v.parse(conversationResponseSchema, await harness.json('/api/conversations', { method: 'POST', body })) // prettier-ignore
  return id
}
const chatRequest = (conversationId: string, text: string) => {
  const userId = newId()
  const userMessage = { id: userId, parentId: null, text }
  return { kind: 'chat', id: newId(), conversationId, userMessage, parentId: userId, assistantMessageId: newId() } // prettier-ignore
}
const refusal = async (path: string, init: Parameters<Harness['send']>[1] = {}) => {
  const response = await harness.send(path, init)
  const { error } = (await response.json()) as { error: { code: string; field?: string } }
  return [response.status, error.code, error.field]
}
/** Reads SSE messages until `done`. */
async function readStream(
  response: Response,
  done: (data: unknown) => boolean,
): Promise<unknown[]> {
  const all: unknown[] = []
  let rest = ''
  const decoder = new TextDecoder()
  for await (const chunk of response.body!) {
    rest += decoder.decode(chunk, { stream: true })
    const messages = rest.split('\n\n')
    rest = messages.pop()!
    for (const message of messages) {
      const data = /^data: (.*)$/m.exec(message)?.[1]
      if (data === undefined) continue
      all.push(JSON.parse(data))
      if (done(all.at(-1))) return all
    }
  }
  return all
}

describe('bad input', () => {
  it('gets a registered error that names the field', async () => {
    const post = (path: string, body: unknown) => refusal(path, { method: 'POST', body })
    expect(await refusal('/api/runs', { method: 'POST', raw: '{"kind":' })).toEqual([400, 'invalid_json', undefined]) // prettier-ignore
    expect(await refusal('/api/runs', { method: 'POST' })).toEqual([400, 'invalid_json', undefined])
    expect(await post('/api/runs', { kind: 'dance' })).toEqual([400, 'bad_request', 'kind'])
    expect(await post('/api/runs', { ...chatRequest(newId(), 'x'), id: 'a b' })).toEqual([400, 'bad_request', 'id']) // prettier-ignore
    expect(await post('/api/runs', chatRequest(newId(), 'x'))).toEqual([404, 'conversation_unknown', undefined]) // prettier-ignore
    expect(await post('/api/runs', { kind: 'download', id: newId(), modelId: 'none' })).toEqual([404, 'model_unknown', undefined]) // prettier-ignore
    expect(await post('/api/models/import', { path: '/none.gguf' })).toEqual([404, 'path_not_found', undefined]) // prettier-ignore
    expect(await post('/api/search', { query: ' ' })).toEqual([400, 'bad_request', 'query'])
    expect(await post('/api/collections', [])).toEqual([400, 'bad_request', 'id'])
    expect(await refusal('/api/settings', { method: 'PATCH', body: { chatModelId: 'none' } })).toEqual([404, 'model_unknown', 'chatModelId']) // prettier-ignore
    expect(await refusal('/api/settings', { method: 'PATCH', body: { chatModelId: 'fake-embed' } })).toEqual([400, 'model_wrong_task', 'chatModelId']) // prettier-ignore
    expect(await refusal('/api/settings', { method: 'PATCH', body: { temperature: 9 } })).toEqual([400, 'bad_request', 'temperature']) // prettier-ignore
    expect(await refusal('/api/runs/none-such-run/events')).toEqual([404, 'run_unknown', undefined])
    expect(await refusal('/api/runs/none-such-run/events?after=x')).toEqual([400, 'bad_request', 'after']) // prettier-ignore
    expect(await refusal('/api/runs/none-such-run/cancel', { method: 'POST' })).toEqual([404, 'run_unknown', undefined]) // prettier-ignore
    expect(await refusal('/api/conversations/none')).toEqual([404, 'conversation_unknown', undefined]) // prettier-ignore
    expect(await refusal('/api/artifacts/none/content')).toEqual([404, 'artifact_unknown', undefined]) // prettier-ignore
    expect(await refusal('/api/documents/none/text')).toEqual([404, 'document_unknown', undefined])
    expect(await refusal('/api/collections/none/documents?limit=-1')).toEqual([400, 'bad_request', 'limit']) // prettier-ignore
    expect(await refusal('/api/keys/none', { method: 'DELETE' })).toEqual([404, 'key_unknown', undefined]) // prettier-ignore
    expect(await refusal('/api/models/none', { method: 'DELETE' })).toEqual([404, 'model_unknown', undefined]) // prettier-ignore
    expect(await refusal('/api/folders?path=relative')).toEqual([400, 'path_not_absolute', 'path'])
    expect(await refusal('/api/folders?path=/none/such')).toEqual([404, 'path_not_found', 'path'])
  })

  it('says whether the address or the method is wrong', async () => {
    expect(await refusal('/api/none')).toEqual([404, 'not_found', undefined])
    expect(await refusal('/nothing.js')).toEqual([404, 'not_found', undefined])
    const wrong = await harness.send('/api/conversations/abc', { method: 'POST', body: {} })
    expect(wrong.status).toBe(405)
    expect(wrong.headers.get('allow')).toBe('GET, PATCH, DELETE')
  })

  it('stops reading a body at the limit', async () => {
    const raw = JSON.stringify({ id: newId(), title: 'x'.repeat(2_100_000) })
    expect(await refusal('/api/conversations', { method: 'POST', raw })).toEqual([413, 'body_too_large', undefined]) // prettier-ignore
    const headers = { 'content-length': String(1e9) }
    expect(await refusal('/api/conversations', { method: 'POST', raw: '{}', headers })).toEqual([413, 'body_too_large', undefined]) // prettier-ignore
  })

  it('hides what nobody foresaw behind an id', async () => {
    const response = await harness.send('/api/status')
    expect(response.status).toBe(500)
    const text = await response.text()
    expect(text).toContain('errorId')
    expect(text).not.toContain('no status here')
  })
})

describe('conversations over the API', () => {
  it('are created once, found by Chinese and English words, deleted with a way back', async () => {
    const id = await create({ title: '合同审查' })
    expect((await harness.json('/api/conversations', { method: 'POST', body: { id } })).conversation.title).toBe('合同审查') // prettier-ignore
    await create({ title: 'Holidays 100%' })
    await harness.ask(id, '请总结第三章的违约责任')
    const find = async (query: string) => {
      const answer = await harness.json(`/api/conversations?query=${encodeURIComponent(query)}`)
      return v.parse(conversationListSchema, answer).conversations
    }
    expect(await find('违约')).toMatchObject([
      { conversation: { id }, snippet: '请总结第三章的违约责任' },
    ])
    expect(await find('holidays')).toHaveLength(1)
    expect(await find('100%')).toHaveLength(1)
    expect(await find('0%0')).toHaveLength(0)
    expect(await find('合同 违约')).toHaveLength(1)
    expect((await harness.send(`/api/conversations/${id}`, { method: 'DELETE' })).status).toBe(204)
    expect(await find('违约')).toEqual([])
    expect((await harness.send(`/api/conversations/${id}`)).status).toBe(404)
    await harness.json(`/api/conversations/${id}/restore`, { method: 'POST' })
    expect(await find('违约')).toHaveLength(1)
    await harness.send(`/api/conversations/${id}`, { method: 'DELETE' })
    expect(harness.conversations.purge(Date.now() + 29 * 86_400_000)).toBe(0)
    expect(harness.conversations.purge(Date.now() + 31 * 86_400_000)).toBe(1)
    expect(harness.artifacts.ofConversation(id)).toEqual([])
    expect(harness.artifacts.sweep()).toBe(0)
    expect(harness.artifacts.sweep(Date.now() + 2 * 86_400_000)).toBe(1)
  })

  it('are patched and exported', async () => {
    const id = await create()
    const asked = await harness.ask(id, '画一个圆')
    const patched = await harness.json(`/api/conversations/${id}`, { method: 'PATCH', body: { title: ' 圆 ', modelId: 'fake-chat' } }) // prettier-ignore
    expect(patched.conversation).toMatchObject({ title: '圆', modelId: 'fake-chat', leafId: asked.assistantId }) // prettier-ignore
    const markdown = await harness.send(`/api/conversations/${id}/export?language=zh`)
    expect(markdown.headers.get('content-disposition')).toContain(`filename*=UTF-8''%E5%9C%86.md`)
    expect(await markdown.text()).toMatch(/# 圆\n\n## 用户[^\n]+\n\n画一个圆\n\n## 助手/)
    const json = await harness.json(`/api/conversations/${id}/export?format=json`)
    expect(v.parse(conversationResponseSchema, json).messages).toHaveLength(2)
  })

  it('give out artifacts as inert attachments', async () => {
    const id = await create()
    await harness.ask(id, 'x')
    const { artifacts } = await harness.json(`/api/conversations/${id}/artifacts`)
    expect(artifacts).toMatchObject([{ kind: 'svg', version: 1, complete: true }])
    const response = await harness.send(`/api/artifacts/${artifacts[0].id}/content`)
    expect(await response.text()).toBe('<svg/>\n')
    expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8')
    expect(response.headers.get('content-security-policy')).toBe('sandbox')
    expect(response.headers.get('content-disposition')).toMatch(/^attachment; filename="/)
  })
})

describe('runs over the API', () => {
  it('start once, and are replayed from any point', async () => {
    const request = chatRequest(await create(), 'hi')
    const first = await harness.send('/api/runs', { method: 'POST', body: request })
    expect(first.status).toBe(202)
    v.parse(runResponseSchema, await first.json())
    await harness.runs.finished(request.id)
    const again = await harness.json('/api/runs', { method: 'POST', body: request })
    expect(again.run).toMatchObject({ id: request.id, outcome: 'done' })
    const other = { ...request, modelId: 'fake-chat' }
    expect(await refusal('/api/runs', { method: 'POST', body: other })).toEqual([409, 'run_conflict', 'id']) // prettier-ignore
    const path = `/api/runs/${request.id}/events`
    const all = v.parse(runEventsSchema, await harness.json(path))
    expect(all.events.map((event) => event.seq)).toEqual(all.events.map((_, index) => index))
    const late = v.parse(runEventsSchema, await harness.json(`${path}?after=1`))
    expect(late.events).toEqual(all.events.slice(2))

    const headers = { accept: 'text/event-stream' }
    const stream = await harness.send(`${path}?after=0`, { headers })
    expect(await readStream(stream, () => false)).toEqual(all.events.slice(1))
    expect((await harness.json('/api/runs?active=1')).runs).toEqual([])
  })

  it('are followed live, without a gap between replay and what comes', async () => {
    await harness.close()
    harness = createHarness({ engine: createFakeEngine({ reply: () => ['a ', 'b ', 'c'], delayMs: 20 }) }) // prettier-ignore
    const request = chatRequest(await create(), 'hi')
    await harness.json('/api/runs', { method: 'POST', body: request })
    const path = `/api/runs/${request.id}/events`
    const stream = await harness.send(path, { headers: { accept: 'text/event-stream' } })
    const followed = await readStream(stream, () => false)
    expect(followed).toEqual(harness.runs.events(request.id))
  })

  it('reach the one stream of the UI, with changes', async () => {
    const id = await create()
    const response = await harness.send('/api/events')
    expect(response.headers.get('content-type')).toContain('text/event-stream')
    const reading = readStream(response, (data) => {
      const message = data as StreamMessage
      return message.type === 'run-event' && message.event.body.type === 'run-ended'
    })
    await harness.ask(id, 'hi')
    const messages = (await reading).map((message) => v.parse(streamMessageSchema, message))
    expect(messages[0]).toMatchObject({ type: 'hello', companionId: 'test-companion' })
    expect(messages).toContainEqual({ type: 'change', change: { topic: 'conversations', id } })
  })

  it('stop when their conversation is deleted', async () => {
    await harness.close()
    harness = createHarness({ engine: createFakeEngine({ reply: () => Array.from({ length: 5000 }, (_, n) => `x${n} `), delayMs: 5 }) }) // prettier-ignore
    const request = chatRequest(await create(), 'hi')
    await harness.json('/api/runs', { method: 'POST', body: request })
    await harness.send(`/api/conversations/${request.conversationId}`, { method: 'DELETE' })
    expect(await harness.runs.finished(request.id)).toMatchObject({ outcome: 'cancelled' })
  })
})

describe('settings and keys over the API', () => {
  it('are read, changed and shown once', async () => {
    const changed = await harness.json('/api/settings', { method: 'PATCH', body: { onboarded: true, chatModelId: 'fake-chat' } }) // prettier-ignore
    expect(v.parse(settingsResponseSchema, changed).settings).toMatchObject({ onboarded: true })
    const response = await harness.send('/api/keys', { method: 'POST', body: { name: 'laptop' } })
    expect(response.headers.get('cache-control')).toBe('no-store')
    const { key, secret } = v.parse(keyCreatedSchema, await response.json())
    expect(secret).toMatch(/^sk-silo-[\w-]{43}$/)
    const listed = await (await harness.send('/api/keys')).text()
    expect(listed).toContain(key.id)
    expect(listed).not.toContain(secret)
  })

  it('lists folders', async () => {
    const listed = await harness.json(`/api/folders?path=${encodeURIComponent(harness.home)}`)
    expect(listed).toMatchObject({ path: harness.home, files: expect.any(Number) })
  })
})
