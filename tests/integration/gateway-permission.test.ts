import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Caller } from '#companion/gateway/services.ts'
import type { Role } from '#shared/domain/device.ts'
import { newId } from '#shared/domain/ids.ts'
import type { StreamMessage } from '#shared/protocol/stream.ts'
import { createHarness, port, type Harness, type Loose } from './gateway-harness.ts'

const deviceOf = (role: Role, letter: string): Caller & { kind: 'device' } => ({
  kind: 'device',
  deviceId: `12D3KooW${letter.repeat(44)}`,
  name: `${role} ${letter}`,
  role,
  road: 'webrtc',
})
const owner = deviceOf('owner', 'A')
const member = deviceOf('member', 'B')
const guest = deviceOf('guest', 'C')
const otherGuest = deviceOf('guest', 'D')

let harness: Harness
beforeAll(() => {
  harness = createHarness()
})
afterAll(() => harness.close())

async function send(
  caller: Caller,
  path: string,
  init: { method?: string; body?: unknown } = {},
): Promise<Response> {
  const request = new Request(`http://companion${path}`, {
    method: init.method ?? 'GET',
    ...(init.body === undefined ? {} : { body: JSON.stringify(init.body) }),
  })
  return harness.app.fetch(request, { caller })
}
const json = async (...args: Parameters<typeof send>): Promise<Loose> =>
  (await send(...args)).json()

const start = (kind: object) => ({ method: 'POST', body: { id: newId(), ...kind } })

/** Asks something in a conversation of its own and waits for the end. */
async function chat(caller: Caller, text: string) {
  const ids = { conversationId: newId(), userId: newId(), runId: newId() }
  await send(caller, '/api/conversations', { method: 'POST', body: { id: ids.conversationId } })
  const started = await send(caller, '/api/runs', {
    method: 'POST',
    body: {
      kind: 'chat',
      id: ids.runId,
      conversationId: ids.conversationId,
      userMessage: { id: ids.userId, parentId: null, text },
      parentId: ids.userId,
      assistantMessageId: newId(),
    },
  })
  expect(started.status).toBe(202)
  await harness.runs.finished(ids.runId)
  return ids
}

/** Every route that is not the owners' alone, and the least role for it. Written by hand: the second opinion. */
const open: Record<string, Role> = {
  'GET /api/status': 'guest',
  'GET /api/events': 'guest',
  'GET /api/models': 'guest',
  'GET /api/settings': 'guest',
  'GET /api/link': 'guest',
  'GET /api/peers': 'guest',
  'GET /api/runs': 'guest',
  'POST /api/runs': 'guest',
  'GET /api/runs/:id/events': 'guest',
  'POST /api/runs/:id/cancel': 'guest',
  'GET /api/conversations': 'guest',
  'POST /api/conversations': 'guest',
  'GET /api/conversations/:id': 'guest',
  'PATCH /api/conversations/:id': 'guest',
  'DELETE /api/conversations/:id': 'guest',
  'POST /api/conversations/:id/restore': 'guest',
  'POST /api/conversations/:id/import': 'guest',
  'GET /api/conversations/:id/export': 'guest',
  'GET /api/conversations/:id/artifacts': 'guest',
  'GET /api/artifacts/:id/content': 'guest',
  'GET /api/collections': 'guest',
  'GET /api/speech': 'guest',
  'POST /api/speech/transcriptions': 'guest',
  'GET /api/page-models': 'guest',
  'GET /api/page-models/:id/files/:name': 'guest',
  // Open to all; what of them, the grants of each collection say (permission-matrix.test.ts).
  'PATCH /api/collections/:id': 'guest',
  'DELETE /api/collections/:id': 'guest',
  'GET /api/collections/:id/documents': 'guest',
  'GET /api/collections/:id/problems': 'guest',
  'GET /api/collections/:id/sharing': 'guest',
  'PUT /api/collections/:id/sharing': 'guest',
  'GET /api/documents/:id/text': 'guest',
  'POST /api/search': 'guest',
  'GET /api/replica': 'guest',
  'GET /api/replica/:collection/feed': 'guest',
  'POST /api/collections': 'member',
}
const ranks: Record<Role, number> = { guest: 0, member: 1, owner: 2 }

describe('roles and routes', () => {
  it('opens to members and guests what is listed, and nothing else', async () => {
    const routes = [
      ...new Set(
        harness.app.routes
          .filter(({ method, path }) => method !== 'ALL' && /^\/(api|v1)\//.test(path))
          .map(({ method, path }) => `${method} ${path}`),
      ),
    ].filter((route) => !/ \/api\/(uploads|push)/.test(route))
    expect(routes.length).toBeGreaterThan(30)
    for (const route of routes) {
      const [method = '', pattern = ''] = route.split(' ')
      const path = pattern.replace(/:\w+(\{[^}]*\})?/g, newId())
      for (const caller of [owner, member, guest]) {
        const hasBody = ['POST', 'PATCH', 'PUT'].includes(method)
        const response = await send(caller, path, { method, ...(hasBody ? { body: {} } : {}) })
        await response.body?.cancel()
        const allowed = ranks[caller.role] >= ranks[open[route] ?? 'owner']
        expect(response.status === 403, `${caller.role} ${route}`).toBe(!allowed)
      }
    }
  })

  it('lets nobody but an owner read folders, fetch models or name paths in a run', async () => {
    const ingest = { kind: 'ingest', collectionId: newId(), paths: ['/etc'] }
    for (const [caller, body, status] of [
      [member, ingest, 403],
      [guest, { ...ingest, paths: [] }, 404],
      [member, { kind: 'download', modelId: 'any' }, 403],
      [owner, ingest, 404],
      [member, { ...ingest, paths: [] }, 404],
    ] as const)
      expect((await send(caller, '/api/runs', start(body))).status).toBe(status)
    const grounded = { method: 'POST', body: { id: newId(), collectionIds: [newId()] } }
    for (const caller of [guest, member])
      expect((await send(caller, '/api/conversations', grounded)).status).toBe(404)
    expect((await send(owner, '/api/conversations', grounded)).status).toBe(200)
  })
})

describe('spaces', () => {
  it('keeps the conversations of members and guests to themselves, both ways', async () => {
    const owned = await chat(owner, 'the owner asks')
    const private_ = await chat(guest, 'the guest asks')
    const listOf = async (caller: Caller) =>
      (await json(caller, '/api/conversations')).conversations.map((hit: Loose) => hit.conversation.id) // prettier-ignore
    expect(await listOf(owner)).toContain(owned.conversationId)
    expect(await listOf({ kind: 'owner' })).toContain(owned.conversationId)
    expect(await listOf(guest)).toEqual([private_.conversationId])
    expect(await listOf(owner)).not.toContain(private_.conversationId)
    expect(await listOf(otherGuest)).toEqual([])
    expect((await json(otherGuest, '/api/conversations?query=asks')).conversations).toEqual([])

    const cases = [
      ['GET', '', undefined],
      ['PATCH', '', { title: 'mine now' }],
      ['DELETE', '', undefined],
      ['POST', '/restore', undefined],
      ['GET', '/export', undefined],
      ['GET', '/artifacts', undefined],
    ] as const
    for (const [caller, ids] of [
      [otherGuest, private_],
      [owner, private_],
      [member, owned],
      [guest, owned],
    ] as const) {
      for (const [method, end, body] of cases) {
        const path = `/api/conversations/${ids.conversationId}${end}`
        const response = await send(caller, path, { method, ...(body ? { body } : {}) })
        expect(response.status, `${caller.role} ${method} ${end}`).toBe(404)
      }
      for (const [method, end] of [
        ['GET', 'events'],
        ['POST', 'cancel'],
      ] as const)
        expect((await send(caller, `/api/runs/${ids.runId}/${end}`, { method })).status).toBe(404)
      expect((await json(caller, '/api/runs')).runs.map((run: Loose) => run.id)).not.toContain(
        ids.runId,
      )
    }
    // A run's id taken by another, and another's conversation named in a run, give nothing away.
    const taken = await send(otherGuest, '/api/runs', {
      method: 'POST',
      body: {
        kind: 'chat',
        id: newId(),
        conversationId: private_.conversationId,
        parentId: private_.userId,
        assistantMessageId: newId(),
      },
    })
    expect(taken.status).toBe(404)
    const same = await send(otherGuest, '/api/conversations', {
      method: 'POST',
      body: { id: private_.conversationId },
    })
    expect(same.status).toBe(404)
  })

  it('streams to each caller its own runs and changes only', async () => {
    const response = await send(otherGuest, '/api/events')
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
    const seen: StreamMessage[] = []
    const reading = (async () => {
      for (;;) {
        const { done, value } = await reader.read()
        if (done) return
        for (const [, data] of value.matchAll(/^data: (.*)$/gm)) seen.push(JSON.parse(data!))
      }
    })()
    await chat(owner, 'secret of the house')
    harness.services.changes.publish('devices', 'x')
    harness.services.changes.publish('vault', 'y')
    const mine = await chat(otherGuest, 'my own')
    await reader.cancel()
    await reading
    const runIds = seen.flatMap((message) =>
      message.type === 'run-event' ? [message.event.runId] : [],
    )
    expect(new Set(runIds)).toEqual(new Set([mine.runId]))
    const changes = seen.flatMap((message) => (message.type === 'change' ? [message.change] : []))
    expect(changes.length).toBeGreaterThan(0)
    expect(changes.every(({ topic, id }) => topic === 'conversations' && id === mine.conversationId)).toBe(true) // prettier-ignore
  })

  it('still belongs to nobody else over local HTTP with a forged caller', async () => {
    const response = await harness.app.fetch(
      new Request(`http://localhost:${port}/api/conversations`, {
        headers: { host: `localhost:${port}`, 'x-silo-caller': 'owner' },
      }),
      {},
    )
    expect(response.status).toBe(401)
  })
})
