import 'fake-indexeddb/auto'
import { IDBFactory, IDBObjectStore } from 'fake-indexeddb'
import * as v from 'valibot'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { LoadedModel } from '#shared/contracts/engine.ts'
import { newId } from '#shared/domain/ids.ts'
import {
  conversationListSchema,
  conversationResponseSchema,
  runEventsSchema,
  runResponseSchema,
} from '#shared/protocol/api.ts'
import type { RunEvent } from '#shared/protocol/run-event.ts'
import type { StreamMessage } from '#shared/protocol/stream.ts'
import { createFakeEngine, type FakeEngineOptions } from '#tests/fakes/engine.ts'
import { closeReplica } from '#web/replica/database.ts'
import { pruneRuns } from '#web/replica/page-records.ts'
import type { ChatRun } from '#web/replica/records.ts'
import { ModelTurn, type LoadingEngine } from './model-turn.ts'
import { PageHost } from './page-host.ts'
import { tabChannel, tabLocks } from './tabs.ts'

const contextTokens = 400

/** One tab: its own engine and host, over the storage, locks and channel that all tabs share. */
function openTab(options: FakeEngineOptions = {}) {
  const engine = createFakeEngine({ contextTokens, ...options })
  const channel = tabChannel('page-host-test')
  let loaded: LoadedModel | undefined
  const loading: LoadingEngine = {
    engineId: 'fake',
    ability: () => ({ model: { id: 'tiny', contextTokens } }),
    async load(modelId, { signal }) {
      const file = { id: modelId ?? 'tiny', path: '/tiny', sha256: '0'.repeat(64), task: 'chat' } as const // prettier-ignore
      loaded = await engine.load(file, { contextTokens, parallel: 1 }, { signal })
      return loaded
    },
    async unload() {
      await loaded?.[Symbol.asyncDispose]()
      loaded = undefined
    },
  }
  const models = new ModelTurn(loading, tabLocks(), channel)
  const host = new PageHost({ models, locks: tabLocks(), channel, deviceName: 'Phone' })
  const seen: StreamMessage[] = []
  host.subscribe((message) => seen.push(message))
  let open = true
  return {
    engine,
    host,
    seen,
    events: (runId: string): RunEvent[] =>
      seen.flatMap((message) =>
        message.type === 'run-event' && message.event.runId === runId ? [message.event] : [],
      ),
    async close(): Promise<void> {
      if (!open) return
      open = false
      await host.close()
      await models[Symbol.asyncDispose]()
      channel[Symbol.dispose]()
    },
  }
}

type Tab = ReturnType<typeof openTab>
const tabs: Tab[] = []
const tab = (options?: FakeEngineOptions): Tab => {
  const opened = openTab(options)
  tabs.push(opened)
  return opened
}

beforeEach(() => {
  vi.stubGlobal('indexedDB', new IDBFactory())
})
afterEach(async () => {
  vi.restoreAllMocks()
  for (const opened of tabs.splice(0)) await opened.close()
  await closeReplica()
})

const post = (host: PageHost, path: string, body: unknown) =>
  host.fetch(path, { method: 'POST', body: JSON.stringify(body) })
const read = async (host: PageHost, id: string) =>
  v.parse(conversationResponseSchema, await (await host.fetch(`/api/conversations/${id}`)).json())
const log = async (host: PageHost, runId: string, after = -1) =>
  v.parse(runEventsSchema, await (await host.fetch(`/api/runs/${runId}/events?after=${after}`)).json()) // prettier-ignore
const refusal = async (response: Response) => {
  const { error } = (await response.json()) as { error: { code: string; field?: string } }
  return [response.status, error.code, error.field]
}

async function conversation(host: PageHost): Promise<string> {
  const id = newId()
  expect((await post(host, '/api/conversations', { id })).status).toBe(200)
  return id
}
function question(conversationId: string, text: string, parentId: string | null = null): ChatRun {
  const id = newId()
  return {
    kind: 'chat',
    id: newId(),
    conversationId,
    userMessage: { id, parentId, text },
    parentId: id,
    assistantMessageId: newId(),
    reason: 'offline',
  }
}
async function start(host: PageHost, run: ChatRun): Promise<void> {
  const response = await post(host, '/api/runs', run)
  expect(response.status, await response.clone().text()).toBe(202)
  v.parse(runResponseSchema, await response.json())
}
const ended = (opened: Tab, runId: string) =>
  vi.waitFor(() => {
    const event = opened.events(runId).at(-1)
    if (event?.body.type !== 'run-ended') throw new Error('not ended')
    return event.body
  }, limit)
/** Long enough for a busy machine. */
const limit = { timeout: 20_000 }
const texts = (opened: Tab, runId: string) =>
  opened.events(runId).flatMap(({ body }) => (body.type === 'text-delta' ? [body.text] : []))

describe('an answer of the page', () => {
  it('is told by its run, and is in the log before it is shown', async () => {
    const { host, events, ...opened } = tab({ reply: () => ['Par', 'is', '.'] })
    const id = await conversation(host)
    const run = question(id, 'What is the capital of France?')
    const stored: boolean[] = []
    const checks: Promise<unknown>[] = []
    host.subscribe((message) => {
      if (message.type !== 'run-event') return
      const { runId, seq } = message.event
      checks.push(log(host, runId).then((known) => stored.push(known.events.some((event) => event.seq === seq)))) // prettier-ignore
    })
    await start(host, run)
    await ended({ ...opened, host, events }, run.id)
    const bodies = events(run.id).map(({ body }) => body)
    expect(bodies.map(({ type }) => type).filter((type) => type !== 'text-delta')).toEqual([
      'run-started',
      'placement-chosen',
      'context-built',
      'usage',
      'run-ended',
    ])
    expect(bodies[1]).toMatchObject({ place: 'page', device: 'Phone', reason: 'offline', modelId: 'tiny' }) // prettier-ignore
    await Promise.all(checks)
    expect(stored.every(Boolean)).toBe(true)
    expect((await log(host, run.id)).events).toEqual(events(run.id))
    expect(events(run.id).map(({ seq }) => seq)).toEqual(bodies.map((_, index) => index))
    const { conversation: known, messages } = await read(host, id)
    expect(known).toMatchObject({ title: 'What is the capital of France?', leafId: run.assistantMessageId }) // prettier-ignore
    expect(messages[1]).toMatchObject({
      text: 'Paris.',
      outcome: 'done',
      runId: run.id,
      modelId: 'tiny',
      placement: { place: 'page', device: 'Phone', engine: 'fake', reason: 'offline' },
    })
  })

  it('that only repeats itself is ended, and says so', async () => {
    const opened = tab({ reply: () => Array.from({ length: 5000 }, () => 'It is so. ') })
    const run = question(await conversation(opened.host), 'Is it?')
    await start(opened.host, run)
    const end = await ended(opened, run.id)
    expect(end).toMatchObject({ outcome: 'done', stopReason: 'repetition' })
    expect(texts(opened, run.id).join('').length).toBeLessThan(2000)
    expect(opened.events(run.id).map(({ body }) => body.type)).toContain('usage')
  })

  it('has what was said before as its context, and says what had to be dropped', async () => {
    const opened = tab({ reply: () => 'Noted.' })
    const { host, engine } = opened
    const id = await conversation(host)
    let parentId: string | null = null
    for (let turn = 0; turn < 12; turn++) {
      const run = question(id, `Fact ${turn}: ${'word '.repeat(25)}`, parentId)
      await start(host, run)
      await ended(opened, run.id)
      parentId = run.assistantMessageId
    }
    const contexts = opened.seen.flatMap((message) =>
      message.type === 'run-event' && message.event.body.type === 'context-built'
        ? [message.event.body]
        : [],
    )
    expect(contexts[1]!.droppedMessageIds).toEqual([])
    expect(contexts.at(-1)!.droppedMessageIds.length).toBeGreaterThan(0)
    expect(contexts.at(-1)!.usedTokens).toBeLessThan(contextTokens)
    const prompt = engine.requests[1]!.prompt
    expect(prompt.kind === 'chat' && prompt.messages.map(({ role }) => role)).toEqual([
      'system',
      'user',
      'assistant',
      'user',
    ])
    // Once dropped stays dropped for the next turns, so that the cached prefix holds.
    const drops = contexts.map(({ droppedMessageIds }) => droppedMessageIds.length)
    expect(new Set(drops).size).toBeLessThan(drops.length - 2)
  })

  it('starts once, however often it is asked for', async () => {
    const opened = tab()
    const id = await conversation(opened.host)
    const run = question(id, 'Once?')
    await Promise.all([start(opened.host, run), start(opened.host, run)])
    await ended(opened, run.id)
    await start(opened.host, run)
    expect(opened.engine.requests).toHaveLength(1)
    expect((await read(opened.host, id)).messages).toHaveLength(2)
    const other = { ...run, userMessage: { ...run.userMessage!, text: 'Twice?' } }
    expect(await refusal(await post(opened.host, '/api/runs', other))).toEqual([409, 'run_conflict', 'id']) // prettier-ignore
  })

  it('keeps what was said when it is cancelled', async () => {
    const opened = tab({ reply: () => Array.from({ length: 500 }, (_, n) => `${n} `), delayMs: 5 })
    const id = await conversation(opened.host)
    const run = question(id, 'Count.')
    await start(opened.host, run)
    await vi.waitFor(() => expect(texts(opened, run.id).length).toBeGreaterThan(2), limit)
    expect((await post(opened.host, `/api/runs/${run.id}/cancel`, {})).status).toBe(202)
    expect(await ended(opened, run.id)).toMatchObject({ outcome: 'cancelled' })
    const answer = (await read(opened.host, id)).messages[1]!
    expect(answer).toMatchObject({ outcome: 'cancelled', text: texts(opened, run.id).join('') })
  })

  it('keeps what was said when the engine dies', async () => {
    const opened = tab({ reply: () => ['one ', 'two ', 'three'], crashAfter: () => 2 })
    const id = await conversation(opened.host)
    const run = question(id, 'Count.')
    await start(opened.host, run)
    expect(await ended(opened, run.id)).toMatchObject({
      outcome: 'failed',
      error: { code: 'engine_crashed' },
    })
    expect((await read(opened.host, id)).messages[1]!.text).toBe('one two ')
  })
})

describe('tabs', () => {
  const slow = { reply: () => Array.from({ length: 300 }, (_, n) => `${n} `), delayMs: 5 }

  it('show an answer that another tab writes, and can stop it', async () => {
    const writer = tab(slow)
    const reader = tab()
    const id = await conversation(writer.host)
    const run = question(id, 'Count.')
    await start(writer.host, run)
    await vi.waitFor(() => expect(texts(reader, run.id).length).toBeGreaterThan(2), limit)
    await post(reader.host, `/api/runs/${run.id}/cancel`, {})
    expect(await ended(reader, run.id)).toMatchObject({ outcome: 'cancelled' })
    expect(reader.events(run.id)).toEqual((await log(reader.host, run.id)).events)
  })

  it('answer one after the other, with one model in memory', async () => {
    const one = tab({ ...slow, reply: () => Array.from({ length: 150 }, (_, n) => `${n} `) })
    const two = tab({ reply: () => 'Second.' })
    const first = question(await conversation(one.host), 'Count.')
    const second = question(await conversation(two.host), 'And you?')
    await start(one.host, first)
    await vi.waitFor(() => expect(texts(one, first.id).length).toBeGreaterThan(0), limit)
    await start(two.host, second)
    await vi.waitFor(
      () =>
        expect(two.events(second.id).map(({ body }) => body)).toContainEqual(
          expect.objectContaining({ type: 'progress', stage: 'queued' }),
        ),
      limit,
    )
    expect(two.engine.loadedIds).toEqual([])
    expect(await ended(two, second.id)).toMatchObject({ outcome: 'done' })
    expect(one.events(first.id).at(-1)!.body).toMatchObject({ outcome: 'done' })
    expect(one.engine.loadedIds).toEqual([])
  })

  it('end what a tab that is gone had begun, with its text', async () => {
    const opened = tab(slow)
    const id = await conversation(opened.host)
    const run = question(id, 'Count.')
    // A tab that disappears writes nothing any more and its lock is free; here neither is heard of.
    const silent = new PageHost({
      models: { ability: () => ({}), acquire: () => new Promise(() => {}) },
      locks: { request: ((_n: string, _o: unknown, grant: (lock: object) => unknown) => grant({})) as never, query: async () => ({}) },
      channel: { post() {}, listen: () => () => {} },
      deviceName: 'Phone',
    }) // prettier-ignore
    await start(silent, run)
    const { appendEvents } = await import('#web/replica/page-records.ts')
    await appendEvents([
      { runId: run.id, seq: 1, at: 1, body: { type: 'text-delta', text: 'half of ' } },
      { runId: run.id, seq: 2, at: 2, body: { type: 'text-delta', text: 'it' } },
    ])
    await opened.host.start()
    expect(await ended(opened, run.id)).toMatchObject({ outcome: 'interrupted' })
    expect((await read(opened.host, id)).messages[1]).toMatchObject({
      text: 'half of it',
      outcome: 'interrupted',
    })
    const { run: summary, events } = await log(opened.host, run.id)
    expect(summary).toMatchObject({ outcome: 'interrupted', lastSeq: 3 })
    expect(events.map(({ seq }) => seq)).toEqual([0, 1, 2, 3])
  })

  it('leave alone what another tab still writes', async () => {
    const writer = tab(slow)
    const id = await conversation(writer.host)
    const run = question(id, 'Count.')
    await start(writer.host, run)
    const late = tab()
    await late.host.start()
    await vi.waitFor(() => expect(texts(writer, run.id).length).toBeGreaterThan(5), limit)
    expect((await log(late.host, run.id)).run.outcome).toBeUndefined()
    await post(writer.host, `/api/runs/${run.id}/cancel`, {})
    expect(await ended(writer, run.id)).toMatchObject({ outcome: 'cancelled' })
    expect(writer.events(run.id).filter(({ body }) => body.type === 'run-ended')).toHaveLength(1)
  })
})

describe('conversations of the page', () => {
  it('are listed, searched, renamed, deleted and brought back', async () => {
    const opened = tab({ reply: () => '巴黎是法国的首都。' })
    const { host } = opened
    const id = await conversation(host)
    const run = question(id, '法国的首都是哪里？')
    await start(host, run)
    await ended(opened, run.id)
    const list = async (query = '') => {
      const response = await host.fetch(`/api/conversations?query=${encodeURIComponent(query)}`)
      return v.parse(conversationListSchema, await response.json()).conversations
    }
    expect((await list('巴黎')).map(({ snippet }) => snippet)).toEqual(['巴黎是法国的首都。'])
    expect(await list('柏林')).toEqual([])
    await host.fetch(`/api/conversations/${id}`, { method: 'PATCH', body: '{"title":"地理"}' })
    expect((await list())[0]!.conversation.title).toBe('地理')
    expect((await host.fetch(`/api/conversations/${id}`, { method: 'DELETE' })).status).toBe(204)
    expect(await list()).toEqual([])
    expect(await refusal(await host.fetch(`/api/conversations/${id}`))).toEqual([404, 'conversation_unknown', undefined]) // prettier-ignore
    expect((await post(host, `/api/conversations/${id}/restore`, {})).status).toBe(200)
    expect((await read(host, id)).messages).toHaveLength(2)
  })

  it('refuse bad input with the registered errors of the companion', async () => {
    const { host } = tab()
    const id = await conversation(host)
    expect(await refusal(await post(host, '/api/runs', { kind: 'chat' }))).toEqual([400, 'bad_request', 'id']) // prettier-ignore
    expect(await refusal(await post(host, '/api/runs', question(newId(), 'x')))).toEqual([404, 'conversation_unknown', undefined]) // prettier-ignore
    expect(await refusal(await post(host, '/api/runs', question(id, 'x', newId())))).toEqual([404, 'message_unknown', 'userMessage.parentId']) // prettier-ignore
    expect(await refusal(await post(host, '/api/runs', { kind: 'download', id: newId(), modelId: 'm' }))).toEqual([403, 'forbidden', undefined]) // prettier-ignore
    expect(await refusal(await host.fetch('/api/runs/none-such-run/events'))).toEqual([404, 'run_unknown', undefined]) // prettier-ignore
    expect(await refusal(await host.fetch('/api/vault'))).toEqual([404, 'not_found', undefined])
    const broken = await host.fetch('/api/runs', { method: 'POST', body: '{' })
    expect(await refusal(broken)).toEqual([400, 'invalid_json', undefined])
  })
})

/** From now on nothing more can be written to these stores. */
const fill = (stores: readonly string[]) => {
  const put = IDBObjectStore.prototype.put
  vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(function (this: IDBObjectStore, value: unknown, key?: IDBValidKey) {
    if (stores.includes(this.name)) throw new DOMException('full', 'QuotaExceededError')
    return put.call(this, value, key)
  }) // prettier-ignore
}

describe('old logs', () => {
  it('go, and their answers stay', async () => {
    const opened = tab({ reply: () => 'Noted.' })
    const { host } = opened
    const id = await conversation(host)
    const runs: ChatRun[] = []
    for (let turn = 0; turn < 3; turn++) {
      const run = question(id, `Fact ${turn}`, runs.at(-1)?.assistantMessageId ?? null)
      await start(host, run)
      await ended(opened, run.id)
      runs.push(run)
    }
    await pruneRuns(1)
    expect(await refusal(await host.fetch(`/api/runs/${runs[0]!.id}/events`))).toEqual([404, 'run_unknown', undefined]) // prettier-ignore
    expect((await log(host, runs[2]!.id)).run.outcome).toBe('done')
    expect((await read(host, id)).messages).toHaveLength(6)
  })
})

describe('full storage', () => {
  it('refuses a question as storage_quota and keeps what stood', async () => {
    const opened = tab({ reply: () => 'Fine.' })
    const { host } = opened
    const id = await conversation(host)
    const first = question(id, 'Is there room?')
    await start(host, first)
    await ended(opened, first.id)
    const before = await read(host, id)
    fill(['messages'])
    const second = question(id, 'Still?', first.assistantMessageId)
    expect(await refusal(await post(host, '/api/runs', second))).toEqual([507, 'storage_quota', undefined]) // prettier-ignore
    expect(await read(host, id)).toEqual(before)
    expect(opened.events(second.id)).toEqual([])
  })

  it('ends an answer that finds no more room, and keeps what was written of it', async () => {
    const opened = tab({ reply: () => Array.from({ length: 200 }, (_, n) => `${n} `), delayMs: 5 })
    const { host } = opened
    const id = await conversation(host)
    const run = question(id, 'Count.')
    await start(host, run)
    await vi.waitFor(() => expect(texts(opened, run.id).length).toBeGreaterThan(2), limit)
    fill(['events', 'messages', 'runs'])
    expect(await ended(opened, run.id)).toMatchObject({
      outcome: 'failed',
      error: { code: 'storage_quota' },
    })
    const shown = texts(opened, run.id).join('')
    vi.restoreAllMocks()
    // Room again, page opened again: what was shown is there.
    const next = tab()
    await next.host.start()
    await ended(next, run.id)
    expect((await read(next.host, id)).messages[1]).toMatchObject({ text: shown, outcome: 'interrupted' }) // prettier-ignore
  })
})
