import * as v from 'valibot'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Caller } from '#companion/gateway/services.ts'
import { branchOf } from '#shared/domain/conversation.ts'
import { newId } from '#shared/domain/ids.ts'
import { conversationListSchema, conversationResponseSchema } from '#shared/protocol/api.ts'
import type { ImportConversation, ImportedMessage } from '#shared/protocol/hand-off.ts'
import { createFakeEngine } from '#tests/fakes/engine.ts'
import { createHarness, type Harness } from './gateway-harness.ts'

let harness: Harness
beforeEach(() => {
  harness = createHarness({ engine: createFakeEngine() })
})
afterEach(() => harness.close())

const asked = (id: string, parentId: string | null, text: string): ImportedMessage => ({
  id,
  parentId,
  role: 'user',
  text,
  createdAt: 1000,
})
const said = (id: string, parentId: string, text: string): ImportedMessage => ({
  id,
  parentId,
  role: 'assistant',
  text,
  createdAt: 2000,
  outcome: 'done',
  modelId: 'smollm2-135m',
  usage: { promptTokens: 20, cachedTokens: 0, completionTokens: 5, firstTokenMs: 80, decodeMs: 400 },
  placement: { place: 'page', device: 'Phone', engine: 'wllama', reason: 'offline' },
}) // prettier-ignore
const begun = (): ImportConversation => ({
  createdAt: 1000,
  leafId: 'answer-01',
  messages: [
    asked('question-01', null, 'What is the capital of France?'),
    said('answer-01', 'question-01', 'Paris.'),
  ],
})
const handOver = async (id: string, body: ImportConversation) => {
  const response = await harness.send(`/api/conversations/${id}/import`, { method: 'POST', body })
  expect(response.status, await response.clone().text()).toBe(200)
  return v.parse(conversationResponseSchema, await response.json())
}
const refusal = async (id: string, body: unknown) => {
  const response = await harness.send(`/api/conversations/${id}/import`, { method: 'POST', body })
  const { error } = (await response.json()) as { error: { code: string; field?: string } }
  return [response.status, error.code, error.field]
}
const changes = (): string[] => {
  const seen: string[] = []
  harness.services.changes.subscribe(({ topic, id }) => seen.push(`${topic} ${id}`))
  return seen
}

describe('import of a conversation', () => {
  it('takes over what was said, with how it came about, and names it', async () => {
    const id = newId()
    const { conversation, messages } = await handOver(id, begun())
    expect(conversation).toMatchObject({
      title: 'What is the capital of France?',
      createdAt: 1000,
      leafId: 'answer-01',
    })
    expect(messages[1]).toMatchObject(begun().messages[1]!)
    const list = v.parse(conversationListSchema, await harness.json('/api/conversations?query=Paris')) // prettier-ignore
    expect(list.conversations.map((hit) => hit.conversation.id)).toEqual([id])
  })

  it('changes nothing when it is repeated, whole or in part', async () => {
    const id = newId()
    const first = await handOver(id, begun())
    const seen = changes()
    expect(await handOver(id, begun())).toEqual(first)
    expect(await handOver(id, { ...begun(), messages: begun().messages.slice(0, 1) })).toEqual(first) // prettier-ignore
    expect(seen).toEqual([])
  })

  it('goes on here with what was said there as its context', async () => {
    const id = newId()
    await handOver(id, begun())
    await harness.ask(id, 'And of Italy?', 'answer-01')
    const prompt = harness.engine.requests.at(-1)!.prompt
    expect(prompt.kind === 'chat' && prompt.messages.map(({ content }) => content)).toEqual([
      expect.any(String),
      'What is the capital of France?',
      'Paris.',
      'And of Italy?',
    ])
  })

  it('merges what both sides said after the same answer, in any order, and loses neither', async () => {
    const id = newId()
    await handOver(id, begun())
    const here = await harness.ask(id, 'And of Italy?', 'answer-01')
    const merged = await handOver(id, {
      createdAt: 1000,
      leafId: 'answer-02',
      messages: [
        said('answer-02', 'question-02', 'Madrid.'),
        asked('question-02', 'answer-01', 'And of Spain?'),
        ...begun().messages,
      ],
    })
    const texts = (leaf: string) => branchOf(merged.messages, leaf).map(({ text }) => text)
    expect(texts(here.assistantId).slice(0, 3)).toEqual(['What is the capital of France?', 'Paris.', 'And of Italy?']) // prettier-ignore
    expect(texts('answer-02')).toEqual(['What is the capital of France?', 'Paris.', 'And of Spain?', 'Madrid.']) // prettier-ignore
    // What was said here is newer.
    expect(merged.conversation.leafId).toBe(here.assistantId)
  })

  it('shows the branch of the device where that goes on from here', async () => {
    const id = newId()
    await handOver(id, begun())
    const { conversation } = await handOver(id, {
      createdAt: 1000,
      leafId: 'answer-02',
      messages: [asked('question-02', 'answer-01', 'Sure?'), said('answer-02', 'question-02', 'Yes.')],
    }) // prettier-ignore
    expect(conversation.leafId).toBe('answer-02')
  })

  it('makes artifacts of the blocks in imported answers', async () => {
    const id = newId()
    const messages = [
      asked('question-01', null, 'Draw.'),
      said('answer-01', 'question-01', '```svg\n<svg xmlns="http://www.w3.org/2000/svg"/>\n```\n'),
    ]
    const imported = await handOver(id, { createdAt: 1, messages })
    expect(imported.messages[1]!.artifacts).toMatchObject([{ kind: 'svg', complete: true }])
    expect((await handOver(id, { createdAt: 1, messages })).messages[1]!.artifacts).toHaveLength(1)
  })

  it('does not let a clock that is ahead decide what is newest', async () => {
    const ahead = Date.now() + 1e10
    const { conversation, messages } = await handOver(newId(), {
      createdAt: ahead,
      messages: [{ ...asked('question-01', null, 'Late?'), createdAt: ahead }],
    })
    expect(messages[0]!.createdAt).toBeLessThan(ahead)
    expect(conversation.updatedAt).toBeLessThan(ahead)
  })

  it('refuses what does not fit together, and then takes nothing of it', async () => {
    const id = newId()
    await handOver(id, begun())
    const other = newId()
    const good = asked('question-09', 'answer-01', 'Still there?')
    const bad: [ImportedMessage[], number, string, string | undefined][] = [
      [[{ ...begun().messages[0]!, text: 'Another text.' }], 409, 'conflict', 'messages'],
      [[asked('question-02', 'question-01', 'Two in a row')], 404, 'message_unknown', 'messages.0.parentId'],
      [[good, asked('question-02', 'nowhere-01', 'Whose?')], 404, 'message_unknown', 'messages.1.parentId'],
      [[good, { ...good }], 409, 'conflict', 'messages'],
      [[asked('question-03', 'answer-03', 'a'), said('answer-03', 'question-03', 'b')], 404, 'message_unknown', 'messages.1.parentId'],
    ] // prettier-ignore
    for (const [messages, ...wanted] of bad)
      expect(await refusal(id, { createdAt: 1, messages })).toEqual(wanted)
    expect(await refusal(other, begun())).toEqual([409, 'conflict', 'messages'])
    expect(harness.conversations.messages(id)).toHaveLength(2)
    expect(harness.conversations.spaceOf(other)).toBeUndefined()
    const { outcome: _unfinished, ...open } = said('answer-05', 'question-01', 'half') as Extract<ImportedMessage, { role: 'assistant' }> // prettier-ignore
    expect(await refusal(id, { createdAt: 1, messages: [open] })).toEqual([400, 'bad_request', 'messages.0.outcome']) // prettier-ignore
    expect(await refusal('x', begun())).toEqual([400, 'bad_request', undefined])
  })

  it('does not bring back what was deleted here', async () => {
    const id = newId()
    await handOver(id, begun())
    await harness.send(`/api/conversations/${id}`, { method: 'DELETE' })
    expect(await refusal(id, begun())).toEqual([404, 'conversation_unknown', undefined])
  })

  it('keeps the spaces of devices apart', async () => {
    const caller: Caller = {
      kind: 'device',
      deviceId: `12D3KooW${'B'.repeat(44)}`,
      name: 'Phone',
      role: 'guest',
      road: 'webrtc',
    }
    const id = newId()
    const post = (who?: Caller) =>
      harness.app.fetch(
        new Request(`http://localhost:7450/api/conversations/${id}/import`, {
          method: 'POST',
          headers: { host: 'localhost:7450' },
          body: JSON.stringify(begun()),
        }),
        { caller: who },
      )
    expect((await post(caller)).status).toBe(200)
    expect(harness.conversations.spaceOf(id)).toBe(caller.deviceId)
    expect(await refusal(id, begun())).toEqual([404, 'conversation_unknown', undefined])
  })
})
