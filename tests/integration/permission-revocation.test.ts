import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { newId } from '#shared/domain/ids.ts'
import type { Grant } from '#shared/domain/sharing.ts'
import { parseInput } from '#shared/errors/parse.ts'
import { auditListSchema, sharingResponseSchema } from '#shared/protocol/sharing.ts'
import type { StreamMessage } from '#shared/protocol/stream.ts'
import type { Loose } from './gateway-harness.ts'
import { roads, startPermissionWorld, type PermissionWorld, type WorldDevice } from './permission-world.ts' // prettier-ignore

let world: PermissionWorld
let guest: WorldDevice
let collectionId: string
let documentId: string
const passage = 'The contract with Borealis ends on the last day of March.'
const wait = { timeout: 20_000, interval: 10 }

beforeAll(async () => {
  const slow = Array.from({ length: 60 }, (_, i) => `word${i} `)
  world = await startPermissionWorld({
    delayMs: 25,
    reply: ({ prompt }) => (JSON.stringify(prompt).includes('at length') ? slow : 'In March [1].'),
  })
  guest = world.devices.guest
  collectionId = await world.collection('Contracts')
  documentId = await world.addDocument(collectionId, 'borealis.md', passage)
}, 60_000)
afterAll(() => world.close())
beforeEach(() => world.share(collectionId, [write()]))

const write = (): Grant => ({
  subject: { kind: 'device', id: guest.id },
  level: 'write',
  copy: true,
})
const revoke = () => world.share(collectionId, [])
const post = (body: unknown) => ({ method: 'POST', body })

/** Asks in a conversation over the collection. */
async function ask(text: string, conversationId = newId()) {
  const ids = { conversationId, runId: newId(), userId: newId(), assistantId: newId() }
  await guest.send('websocket', '/api/conversations', post({ id: conversationId, collectionIds: [collectionId] })) // prettier-ignore
  const { leafId } = (await guest.send('websocket', `/api/conversations/${conversationId}`)).body.conversation // prettier-ignore
  const run = {
    kind: 'chat',
    id: ids.runId,
    conversationId,
    userMessage: { id: ids.userId, parentId: leafId, text },
    parentId: ids.userId,
    assistantMessageId: ids.assistantId,
  }
  return { ...ids, status: (await guest.send('websocket', '/api/runs', post(run))).status }
}
const outcomeOf = async (runId: string) =>
  (await guest.send('websocket', `/api/runs/${runId}/events`)).body?.run?.outcome as unknown

/** Reads a stream of events as it comes. */
function listen(response: Response) {
  const messages: Loose[] = []
  const done = (async () => {
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
    for (let text = ''; ;) {
      const { done, value } = await reader.read()
      if (done) return
      text += value
      const parts = text.split('\n\n')
      text = parts.pop() ?? ''
      for (const part of parts)
        for (const [, data] of part.matchAll(/^data: (.*)$/gm)) messages.push(JSON.parse(data!))
    }
  })()
  done.catch(() => {})
  return { messages, done }
}

describe('a right that is taken away', () => {
  it.each(roads)('ends what is told over a stream that stands, by %s', async (road) => {
    const end = new AbortController()
    const stream = listen(await guest.open(road, '/api/events', {}, end.signal))
    const changes = () => (stream.messages as StreamMessage[]).flatMap((message) => (message.type === 'change' && message.change.topic === 'vault' ? [message.change] : [])) // prettier-ignore
    await world.addDocument(collectionId, 'more.md', 'The annex is longer.')
    await expect.poll(changes, wait).toContainEqual({ topic: 'vault', id: collectionId })
    const runEvents = () => stream.messages.filter(({ type }) => type === 'run-event').length
    await expect.poll(runEvents, wait).toBeGreaterThan(0)
    await revoke()
    // It is told that something went, and not what.
    await expect.poll(changes, wait).toContainEqual({ topic: 'vault' })
    const [seen, events] = [changes().length, runEvents()]
    await world.addDocument(collectionId, 'secret.md', 'Nobody tells the guest of this.')
    await guest.send(road, '/api/conversations', post({ id: newId() }))
    await expect.poll(() => stream.messages.at(-1), wait).toMatchObject({ change: { topic: 'conversations' } }) // prettier-ignore
    expect(changes()).toHaveLength(seen)
    expect(runEvents()).toBe(events)
    expect(JSON.stringify(stream.messages.slice(-20))).not.toContain('secret.md')
    end.abort()
  })

  it('closes the log of a reading that is followed', async () => {
    const started = await guest.send('tcp', '/api/runs', post({ kind: 'ingest', id: newId(), collectionId, paths: [] })) // prettier-ignore
    const { id } = started.body.run
    const stream = listen(await guest.open('tcp', `/api/runs/${id}/events`, { accept: 'text/event-stream' })) // prettier-ignore
    await revoke()
    await stream.done
    expect((await guest.send('tcp', `/api/runs/${id}/events`)).status).toBe(404)
  })

  it('stops an answer that is being written over it, and refuses the next question', async () => {
    const asked = await ask('Tell me at length of Borealis')
    expect(asked.status).toBe(202)
    await expect
      .poll(
        async () =>
          JSON.stringify((await guest.send('tcp', `/api/runs/${asked.runId}/events`)).body),
        wait,
      ) // prettier-ignore
      .toContain('word3')
    await revoke()
    await expect.poll(() => outcomeOf(asked.runId), wait).toBe('cancelled')
    expect((await ask('And now?', asked.conversationId)).status).toBe(404)
  })

  it('withholds the passages of answers that were given', async () => {
    const { conversationId, runId, userId } = await ask('When does the Borealis contract end?')
    await expect.poll(() => outcomeOf(runId), wait).toBe('done')
    const places = [
      `/api/conversations/${conversationId}`,
      `/api/conversations/${conversationId}/export?format=json`,
      `/api/runs/${runId}/events`,
    ]
    const textOf = async (path: string) => (await guest.open('websocket', path)).text()
    for (const path of places) expect(await textOf(path), path).toContain('last day of March')
    await revoke()
    for (const path of places) {
      const text = await textOf(path)
      expect(text, path).not.toContain('last day of March')
      expect(text, path).not.toContain('borealis.md')
    }
    const { messages } = (await guest.send('websocket', places[0]!)).body
    expect(messages.at(-1)).toMatchObject({ text: 'In March [1].', citations: [{ marker: 1, withheld: true, text: '' }] }) // prettier-ignore

    // Nor does a later answer of the same conversation rest on them.
    const body = { collectionIds: [] }
    await guest.send('websocket', `/api/conversations/${conversationId}`, { method: 'PATCH', body })
    const again = { kind: 'chat', id: newId(), conversationId, parentId: userId, assistantMessageId: newId() } // prettier-ignore
    expect((await guest.send('websocket', '/api/runs', post(again))).status).toBe(202)
    await expect.poll(() => outcomeOf(again.id), wait).toBe('done')
    expect(JSON.stringify(world.engine.requests.at(-1)!.prompt)).not.toContain('last day of March')

    // Whoever gets it back reads them again.
    await world.share(collectionId, [write()])
    expect(await textOf(places[0]!)).toContain('last day of March')
  })

  it('cuts off a file that is being sent', async () => {
    const id = newId()
    const file = { id, collectionId, name: 'large.txt', size: 1_000_000 }
    expect((await guest.send('caller', '/api/uploads', post(file))).status).toBe(201)
    let push!: (bytes: Uint8Array) => void
    const body = new ReadableStream<Uint8Array>({ start: (controller) => void (push = (bytes) => controller.enqueue(bytes)) }) // prettier-ignore
    const caller = { kind: 'device', deviceId: guest.id, name: 'guest phone', role: 'guest', road: 'webrtc' } as const // prettier-ignore
    const request = new Request(`http://companion/api/uploads/${id}?offset=0`, { method: 'PATCH', body, duplex: 'half' } as RequestInit) // prettier-ignore
    const answer = world.companion.answer(request, caller)
    push(new Uint8Array(1000))
    const partial = join(world.home, 'uploads', '.partial', id)
    await expect.poll(() => existsSync(partial), wait).toBe(true)
    await revoke()
    expect((await answer).status).toBe(404)
    expect((await guest.send('caller', `/api/uploads/${id}?offset=1000`, { method: 'PATCH', bytes: new Uint8Array(10) })).status).toBe(404) // prettier-ignore
    expect((await guest.send('caller', `/api/uploads/${id}/complete`, { method: 'POST' })).status).toBe(404) // prettier-ignore
  })

  it('counts from the next request on, whichever grant it came by', async () => {
    const groupId = newId()
    await world.api('/api/groups', post({ id: groupId, name: 'Team', members: [guest.id] }))
    await world.share(collectionId, [{ subject: { kind: 'group', id: groupId }, level: 'read', copy: false }]) // prettier-ignore
    const open = async () => (await guest.send('tcp', `/api/documents/${documentId}/text`)).status
    expect(await open()).toBe(200)
    await world.api(`/api/groups/${groupId}`, { method: 'PATCH', body: { members: [] } })
    expect(await open()).toBe(404)
    await world.api(`/api/groups/${groupId}`, { method: 'PATCH', body: { members: [guest.id] } })
    expect(await open()).toBe(200)
    await world.api(`/api/groups/${groupId}`, { method: 'DELETE' })
    expect(await open()).toBe(404)
    const { sharing } = (await world.api(`/api/collections/${collectionId}/sharing`)).body
    expect(sharing.grants).toEqual([])
  })
})

describe('who has what', () => {
  it('is shown with the grants it comes by, and a change of an old version is refused', async () => {
    const path = `/api/collections/${collectionId}/sharing`
    const { sharing } = parseInput(sharingResponseSchema, (await world.api(path)).body)
    const owner = world.devices.owner.id
    expect(sharing).toMatchObject({ own: true, mine: { level: 'admin', copy: true } })
    expect(sharing.effective).toEqual([
      { device: expect.objectContaining({ id: owner, name: 'owner phone' }), access: { level: 'admin', copy: true }, by: ['owner'] }, // prettier-ignore
      { device: expect.objectContaining({ id: guest.id }), access: { level: 'write', copy: true }, by: [{ kind: 'device', id: guest.id }] }, // prettier-ignore
    ])
    const put = (body: unknown) => world.api(path, { method: 'PUT', body })
    expect((await put({ version: sharing.version - 1, grants: [] })).status).toBe(409)
    expect((await put({ version: sharing.version, grants: [write(), write()] })).status).toBe(400)
    const unknown = { subject: { kind: 'group', id: newId() }, level: 'read', copy: false }
    expect((await put({ version: sharing.version, grants: [unknown] })).status).toBe(404)
    const bad = { ...write(), level: 'everything' }
    expect((await put({ version: sharing.version, grants: [bad] })).status).toBe(400)
  })

  it('makes a member the administrator of what it made, and gives it no hold of what is there', async () => {
    const { member } = world.devices
    const id = newId()
    const made = await member.send('tcp', '/api/collections', post({ id, name: 'Of the member' }))
    expect(made.body.collection.access).toEqual({ level: 'admin', copy: true })
    const again = await guest.send('tcp', '/api/collections', post({ id, name: 'Of the guest' }))
    expect(again.status).toBe(403)
    const taken = await member.send('tcp', '/api/collections', post({ id: collectionId, name: 'x' })) // prettier-ignore
    expect(taken.status).toBe(404)
    expect((await member.send('tcp', `/api/collections/${id}`, { method: 'DELETE' })).status).toBe(204) // prettier-ignore
  })

  it('counts for a status only what can be read', async () => {
    const { vault } = (await guest.send('tcp', '/api/status')).body
    expect(vault.collections).toBe(1)
    await revoke()
    const { vault: none } = (await guest.send('tcp', '/api/status')).body
    expect(none).toEqual({ collections: 0, documents: 0, chunks: 0 })
  })
})

describe('the log', () => {
  it('says who asked what of whose data, and who was refused, and does not flood', async () => {
    const query = 'When does the Borealis contract end?'
    await guest.send('websocket', '/api/search', post({ query, collectionIds: [collectionId] }))
    await guest.send('websocket', `/api/documents/${documentId}/text`)
    await revoke()
    for (let i = 0; i < 40; i++)
      await guest.send('websocket', '/api/search', post({ query: `try ${i}`, collectionIds: [collectionId] })) // prettier-ignore
    const linesOf = async (filter: string): Promise<Loose[]> =>
      (await world.api(`/api/audit?device=${guest.id}&collection=${collectionId}&${filter}`)).body.entries // prettier-ignore
    expect((await linesOf('action=search&allowed=1'))[0]).toMatchObject({ deviceName: 'guest phone', count: expect.any(Number), detail: query }) // prettier-ignore
    expect((await linesOf('action=open&allowed=1'))[0]).toMatchObject({ deviceId: guest.id })
    const refused = await linesOf('action=search&allowed=0')
    expect(refused.length).toBeGreaterThan(0)
    expect(refused.length).toBeLessThanOrEqual(10)
    const whole = parseInput(auditListSchema, (await world.api('/api/audit')).body)
    expect(whole.devices).toContainEqual({ id: 'self', name: '' })
    const grants = (await world.api(`/api/audit?action=grant&collection=${collectionId}`)).body
    expect(grants.entries[0]).toMatchObject({ allowed: true, detail: expect.stringContaining('− guest phone: write, copy') }) // prettier-ignore
    expect(grants.collections).toContainEqual({ id: collectionId, name: 'Contracts' })
    const none = await world.api(`/api/audit?device=self&action=search`)
    expect(none.body.entries).toEqual([])
    expect((await world.api('/api/audit?limit=9999')).status).toBe(400)
  })
})

describe('a device that is removed', () => {
  it('has nothing when it is paired again', async () => {
    expect((await world.api(`/api/devices/${guest.id}`, { method: 'DELETE' })).status).toBe(204)
    const { sharing } = (await world.api(`/api/collections/${collectionId}/sharing`)).body
    expect(sharing.grants).toEqual([])
    await expect(guest.send('websocket', '/api/collections')).rejects.toThrow()
  })
})
