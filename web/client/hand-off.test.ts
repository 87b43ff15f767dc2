import 'fake-indexeddb/auto'
import { IDBFactory } from 'fake-indexeddb'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Conversation } from '#shared/domain/conversation.ts'
import { newId } from '#shared/domain/ids.ts'
import { conversationResponseSchema } from '#shared/protocol/api.ts'
import { createFakeEngine } from '#tests/fakes/engine.ts'
import { createHarness, type Harness } from '#tests/integration/gateway-harness.ts'
import { keepConversation, localConversation } from '#web/replica/copies.ts'
import { closeReplica } from '#web/replica/database.ts'
import { waitingQuestions } from '#web/replica/outbox-records.ts'
import { beginRun, changeConversation, createConversation, finishRun, setDeleted } from '#web/replica/page-records.ts' // prettier-ignore
import type { ChatRun } from '#web/replica/records.ts'
import { request, send, type RequestOptions, type Road } from './api.ts'
import { HandOff } from './hand-off.ts'
import { Outbox } from './outbox/outbox.ts'
import { tabLocks } from './page-host/tabs.ts'

/** The real gateway, chat and runs of a companion; the road to it can break before or after a request arrives. */
let harness: Harness
let broken: 'no' | 'before' | 'after' = 'no'
/** Requests to this path arrive, but their answers do not. */
let lostFor: string | undefined
let asked: string[] = []

const road: Road = async (path, init = {}) => {
  if (broken === 'before') throw new TypeError('no road')
  asked.push(`${init.method ?? 'GET'} ${path}`)
  const response = await harness.send(path, {
    method: init.method ?? 'GET',
    ...(typeof init.body === 'string' ? { raw: init.body } : {}),
  })
  if (broken === 'after' || path === lostFor) throw new TypeError('no answer')
  return response
}
const overRoad = { request: ((path, schema, options?: RequestOptions) => request(path, schema, { ...options, road })) as typeof request, send: ((path, options?: RequestOptions) => send(path, { ...options, road })) as typeof send } // prettier-ignore

/** What one tab has; several share the storage and the locks. */
function openTab(companionId: () => string | undefined = () => 'desk') {
  const changed: string[] = []
  const locks = tabLocks()
  const handOff = new HandOff({
    ...overRoad,
    locks,
    companionId,
    onSynced: (id) => changed.push(id),
  })
  const outbox = new Outbox({
    request: overRoad.request,
    locks,
    handOff,
    connected: () => companionId() !== undefined,
    onChange: (id) => changed.push(id),
  })
  return { handOff, outbox, changed }
}

beforeEach(() => {
  vi.stubGlobal('indexedDB', new IDBFactory())
  harness = createHarness({ engine: createFakeEngine({ reply: () => 'From the desk.' }) })
  broken = 'no'
  lostFor = undefined
  asked = []
})
afterEach(async () => {
  await closeReplica()
  await harness.close()
})

const fresh = (more: Partial<Conversation> = {}): Conversation => ({
  id: newId(),
  title: '',
  createdAt: 1000,
  updatedAt: 1000,
  leafId: null,
  collectionIds: [],
  ...more,
})
function question(conversationId: string, text: string, parentId: string | null = null): ChatRun {
  const id = newId()
  return { kind: 'chat', id: newId(), conversationId, userMessage: { id, parentId, text }, parentId: id, assistantMessageId: newId() } // prettier-ignore
}
/** A question and its answer, said in the page. */
async function sayHere(run: ChatRun, text: string): Promise<string> {
  const first = { runId: run.id, seq: 0, at: Date.now(), body: { type: 'run-started', kind: 'chat', subject: run.conversationId } } as const // prettier-ignore
  const begun = await beginRun(run, first)
  const answer = (await localConversation(run.conversationId))!.messages.find(({ id }) => id === run.assistantMessageId)! // prettier-ignore
  const end = { runId: run.id, seq: 1, at: Date.now(), body: { type: 'run-ended', outcome: 'done' } } as const // prettier-ignore
  await finishRun(begun.run, end, { ...answer, text, outcome: 'done', modelId: 'tiny' })
  return answer.id
}
const there = (id: string) => harness.conversations.messages(id).map(({ text }) => text)
const runsOf = (id: string) => harness.runs.list({ activeOnly: false }).filter(({ subject }) => subject === id) // prettier-ignore
const answersThere = (id: string) =>
  vi.waitFor(() => {
    const runs = runsOf(id)
    if (runs.length === 0 || runs.some(({ outcome }) => outcome === undefined)) throw new Error('runs') // prettier-ignore
    return there(id)
  })

describe('hand-off', () => {
  it('tells the companion once what was said, and no word of it twice', async () => {
    const { handOff, changed } = openTab()
    const { id } = await createConversation(fresh({ modelId: 'fake-chat' }))
    const first = await sayHere(question(id, 'First?'), 'One.')
    await sayHere(question(id, 'Second?', first), 'Two.')
    expect((await localConversation(id))!.unsynced).toBe(true)
    await handOff.syncAll()
    expect(there(id)).toEqual(['First?', 'One.', 'Second?', 'Two.'])
    expect(harness.conversations.get(id)).toMatchObject({ title: 'First?', modelId: 'fake-chat' })
    expect(changed).toEqual([id])
    const before = asked.length
    await handOff.syncAll()
    await handOff.sync(id)
    expect(asked.length).toBe(before)
    expect(await localConversation(id)).toMatchObject({ unsynced: false, companionId: 'desk' })
  })

  it('is the same when the answer to it is lost', async () => {
    const { handOff } = openTab()
    const { id } = await createConversation(fresh())
    await sayHere(question(id, 'First?'), 'One.')
    broken = 'after'
    await handOff.syncAll()
    expect((await localConversation(id))!.unsynced).toBe(true)
    broken = 'no'
    await Promise.all([openTab().handOff.syncAll(), handOff.syncAll()])
    expect(there(id)).toEqual(['First?', 'One.'])
    expect((await localConversation(id))!.unsynced).toBe(false)
  })

  it('carries a conversation too large for one request', async () => {
    const { handOff } = openTab()
    const { id } = await createConversation(fresh())
    let parent: string | null = null
    for (let turn = 0; turn < 4; turn++)
      parent = await sayHere(question(id, `${turn} ${'字'.repeat(150_000)}`, parent), 'Noted.')
    await handOff.sync(id)
    expect(there(id)).toHaveLength(8)
    expect(asked.filter((request) => request.endsWith('/import')).length).toBeGreaterThan(1)
    expect(harness.conversations.get(id).leafId).toBe(parent)
  })

  it('tells of a new title, and of a deletion', async () => {
    const { handOff } = openTab()
    const { id } = await createConversation(fresh())
    await sayHere(question(id, 'First?'), 'One.')
    await handOff.sync(id)
    await changeConversation(id, { title: 'Renamed' })
    await handOff.syncAll()
    expect(harness.conversations.get(id).title).toBe('Renamed')
    await setDeleted(id, Date.now())
    await handOff.syncAll()
    expect((await harness.send(`/api/conversations/${id}`)).status).toBe(404)
    expect(await localConversation(id)).toBeUndefined()
  })

  it('keeps here what the companion does not take, and says why', async () => {
    const { handOff } = openTab()
    const { id } = await createConversation(fresh())
    await sayHere(question(id, 'First?'), 'One.')
    harness.conversations.create({ id })
    harness.conversations.remove(id)
    await expect(handOff.sync(id)).rejects.toMatchObject({ code: 'conversation_unknown' })
    const kept = await localConversation(id)
    expect(kept!.messages).toHaveLength(2)
    expect(kept!.refusal).toMatchObject({ code: 'conversation_unknown' })
  })
})

describe('copies', () => {
  it('keep what was said here beside what the companion says', async () => {
    const { handOff } = openTab()
    const { id } = await createConversation(fresh())
    const first = await sayHere(question(id, 'First?'), 'One.')
    await handOff.sync(id)
    const desk = await harness.ask(id, 'At the desk?', first)
    const here = await sayHere(question(id, 'Here?', first), 'Two.')
    const remote = await overRoad.request(`/api/conversations/${id}`, conversationResponseSchema)
    const merged = await keepConversation(remote, 'desk')
    expect(merged.messages.map(({ text }) => text)).toEqual(['First?', 'One.', 'At the desk?', 'From the desk.', 'Here?', 'Two.']) // prettier-ignore
    expect(merged.conversation.leafId).toBe(here)
    expect(merged.unsynced).toBe(true)
    await handOff.sync(id)
    expect(there(id)).toHaveLength(6)
    expect(desk.assistantId).not.toBe(here)
  })
})

describe('outbox', () => {
  it('sends once, after what was said in the page, however many tabs try', async () => {
    const one = openTab()
    const two = openTab()
    const conversation = await createConversation(fresh())
    const first = await sayHere(question(conversation.id, 'First?'), 'One.')
    const run = question(conversation.id, 'And now?', first)
    await one.outbox.add(run, conversation)
    expect((await localConversation(conversation.id))!.waiting).toHaveLength(1)
    await Promise.all([one.outbox.flush(), two.outbox.flush(), one.outbox.flush()])
    expect(await answersThere(conversation.id)).toEqual(['First?', 'One.', 'And now?', 'From the desk.']) // prettier-ignore
    expect(asked.filter((request) => request === 'POST /api/runs')).toHaveLength(1)
    expect(await waitingQuestions()).toEqual([])
    const prompt = harness.engine.requests.at(-1)!.prompt
    expect(prompt.kind === 'chat' && prompt.messages.map(({ content }) => content)).toContain('One.') // prettier-ignore
  })

  it('starts one run where the answer to the request was lost', async () => {
    const { outbox } = openTab()
    const conversation = fresh({ collectionIds: ['collection-1'] })
    const run = question(conversation.id, 'Once?')
    await outbox.add(run, conversation)
    broken = 'before'
    await outbox.flush()
    expect(await waitingQuestions()).toHaveLength(1)
    broken = 'no'
    lostFor = '/api/runs'
    await outbox.flush()
    expect(runsOf(conversation.id)).toHaveLength(1)
    expect(await waitingQuestions()).toHaveLength(1)
    lostFor = undefined
    await outbox.flush()
    // The collection there is empty, and the companion says so.
    expect(await answersThere(conversation.id)).toEqual(['Once?', expect.stringContaining('does not hold')]) // prettier-ignore
    expect(runsOf(conversation.id)).toHaveLength(1)
    expect(harness.conversations.get(conversation.id).collectionIds).toEqual(['collection-1'])
    expect(await waitingQuestions()).toEqual([])
  })

  it('keeps what the companion refuses until a person decides', async () => {
    const { outbox } = openTab()
    const conversation = fresh()
    const run = { ...question(conversation.id, 'Whom?'), modelId: 'none-such' }
    const known = question(conversation.id, 'Taken?')
    await harness.send('/api/conversations', { method: 'POST', body: { id: conversation.id } })
    await harness.send('/api/runs', { method: 'POST', body: { ...known, id: run.id } })
    await answersThere(conversation.id)
    await outbox.add(run, conversation)
    await outbox.flush()
    expect((await waitingQuestions())[0]!.refusal).toMatchObject({ code: 'run_conflict' })
    const before = asked.length
    await outbox.flush()
    expect(asked.length).toBe(before)
    await outbox.retry(run.id)
    expect(asked.length).toBeGreaterThan(before)
    expect(await outbox.discard(run.id)).toBe(true)
    expect(await outbox.discard(run.id)).toBe(false)
    expect(await waitingQuestions()).toEqual([])
  })

  it('gives a question to the page under new ids, and then does not send it', async () => {
    const { outbox } = openTab()
    const conversation = fresh()
    const run = question(conversation.id, 'Here?')
    await outbox.add(run, conversation)
    const begun: ChatRun[] = []
    await outbox.answerInstead(run.id, async (instead, waited) => {
      begun.push(instead)
      const first = { runId: instead.id, seq: 0, at: 1, body: { type: 'run-started', kind: 'chat', subject: conversation.id } } as const // prettier-ignore
      await beginRun(instead, first, waited)
    })
    expect(begun[0]!.userMessage).toEqual(run.userMessage)
    expect(begun[0]!.id).not.toBe(run.id)
    expect(begun[0]!.assistantMessageId).not.toBe(run.assistantMessageId)
    await outbox.flush()
    expect(asked).toEqual([])
    expect(await waitingQuestions()).toEqual([])
    await expect(outbox.answerInstead(run.id, async () => {})).rejects.toMatchObject({ code: 'run_unknown' }) // prettier-ignore
  })

  it('stays while nobody is there', async () => {
    const { outbox } = openTab(() => undefined)
    const conversation = fresh()
    await outbox.add(question(conversation.id, 'Anyone?'), conversation)
    await outbox.flush()
    expect(asked).toEqual([])
    expect(await waitingQuestions()).toHaveLength(1)
  })
})
