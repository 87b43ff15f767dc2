import { afterEach, describe, expect, it } from 'vitest'
import { branchOf } from '#shared/domain/conversation.ts'
import { newId } from '#shared/domain/ids.ts'
import type { SearchHit } from '#shared/domain/vault.ts'
import { createFakeEngine } from '#tests/fakes/engine.ts'
import { createHarness, type Harness, type HarnessOptions, type Loose } from './gateway-harness.ts'

let harness: Harness
afterEach(() => harness.close())

function open(options: HarnessOptions = {}, collectionIds: string[] = []): string {
  harness = createHarness(options)
  return harness.conversations.create({ id: newId(), collectionIds }).id
}
const hit = (n: number, text = `passage ${n}`): SearchHit => ({
  documentId: `doc-${n}`,
  collectionId: 'collection-1',
  chunkId: `chunk-${n}`,
  title: `Handbook ${n}`,
  path: `/docs/${n}.md`,
  headings: ['Rules'],
  start: 0,
  end: text.length,
  text,
  score: 1 / n,
})
const body = (events: { body: { type: string } }[], type: string): Loose =>
  events.find((event) => event.body.type === type)?.body
const numbers = (count: number): string => Array.from({ length: count }, (_, n) => `n${n}`).join(' ') // prettier-ignore
const words = (count: number, word: string): string => Array.from({ length: count }, () => word).join(' ') // prettier-ignore

describe('a chat run', () => {
  it('keeps question and answer, names the conversation and reports usage', async () => {
    const id = open({ engine: createFakeEngine({ reply: () => ['Hello', ' there', '.'] }) })
    const asked = await harness.ask(id, `What is a silo?\nTell me.`)
    const conversation = harness.conversations.get(id)
    expect(conversation).toMatchObject({ title: 'What is a silo?', leafId: asked.assistantId })
    const [user, assistant] = harness.conversations.messages(id)
    expect(user).toMatchObject({ role: 'user', parentId: null })
    expect(assistant).toMatchObject({
      role: 'assistant',
      parentId: asked.userId,
      text: 'Hello there.',
      outcome: 'done',
      modelId: 'fake-chat',
      runId: asked.runId,
    })
    expect(assistant?.usage?.completionTokens).toBe(3)
    expect(asked.events.map((event) => event.body.type)).toEqual(
      expect.arrayContaining(['run-started', 'placement-chosen', 'context-built', 'text-delta', 'usage', 'run-ended']), // prettier-ignore
    )
    const streamed = asked.events.map(({ body }) => (body.type === 'text-delta' ? body.text : ''))
    expect(streamed.join('')).toBe('Hello there.')
    expect(body(asked.events, 'run-started').messageId).toBe(asked.assistantId)
  })

  it('says which old messages it left out, and leaves the same ones out next time', async () => {
    const reply = numbers(100)
    const id = open({ engine: createFakeEngine({ reply: () => reply }), contextTokens: 1000 })
    let parent: string | null = null
    let dropped: string[] = []
    const asked: string[] = []
    for (let turn = 0; turn < 8; turn++) {
      const result = await harness.ask(id, words(60, `question${turn}`), parent)
      parent = result.assistantId
      asked.push(result.userId, result.assistantId)
      const built = body(result.events, 'context-built')
      expect(built.usedTokens).toBeLessThanOrEqual(1000 - built.answerTokens)
      expect(built.droppedMessageIds.slice(0, dropped.length)).toEqual(dropped)
      expect(asked.slice(0, built.droppedMessageIds.length)).toEqual(built.droppedMessageIds)
      dropped = built.droppedMessageIds
    }
    expect(dropped.length).toBeGreaterThan(0)
    const last = harness.engine.requests.at(-1)!.prompt
    expect(JSON.stringify(last)).not.toContain('question0')
    expect(JSON.stringify(last)).toContain('question7')
  })

  it('refuses a message that cannot fit, and keeps it', async () => {
    const id = open({ contextTokens: 256 })
    const asked = await harness.ask(id, words(400, 'long'))
    expect(body(asked.events, 'run-ended')).toMatchObject({
      outcome: 'failed',
      error: { code: 'context_overflow', params: { limit: 256 } },
    })
    const [user, assistant] = harness.conversations.messages(id)
    expect(user?.text).toContain('long long')
    expect(assistant).toMatchObject({ outcome: 'failed', error: { code: 'context_overflow' } })
  })

  it('keeps the text of a cancelled answer', async () => {
    const id = open({
      engine: createFakeEngine({ reply: () => numbers(5000), delayMs: 5 }),
    })
    const runId = newId()
    const started = new Promise<void>((resolve) => {
      harness.runs.subscribe((event) => event.body.type === 'text-delta' && resolve())
    })
    const userId = newId()
    const assistantMessageId = newId()
    harness.chat.start({ kind: 'chat', id: runId, conversationId: id, userMessage: { id: userId, parentId: null, text: 'go' }, parentId: userId, assistantMessageId }) // prettier-ignore
    await started
    harness.runs.cancel(runId)
    await harness.runs.finished(runId)
    const message = harness.conversations.message(id, assistantMessageId)
    expect(message).toMatchObject({ outcome: 'cancelled' })
    expect(message?.error).toBeUndefined()
    expect(message?.text).toContain('n0')
  })

  it('says how many answers come first, and when its own begins', async () => {
    const id = open({ engine: createFakeEngine({ reply: () => numbers(40), delayMs: 2 }) })
    const other = harness.conversations.create({ id: newId(), collectionIds: [] }).id
    const [first, second] = await Promise.all([harness.ask(id, 'one'), harness.ask(other, 'two')])
    const stages = (events: typeof first.events) => events.flatMap((event) => (event.body.type === 'progress' ? [[event.body.stage, event.body.total]] : [])) // prettier-ignore
    expect(stages(first.events)).toEqual([])
    expect(stages(second.events)).toEqual([
      ['queued', 1],
      ['computing', undefined],
    ])
    expect(body(second.events, 'run-ended').outcome).toBe('done')
  })

  it('ends an answer that only repeats itself, and says so', async () => {
    const id = open({ engine: createFakeEngine({ reply: () => `Well. ${words(5000, 'It is so.')}` }) }) // prettier-ignore
    const asked = await harness.ask(id, 'Is it?')
    expect(body(asked.events, 'run-ended')).toMatchObject({ outcome: 'done', stopReason: 'repetition' }) // prettier-ignore
    const message = harness.conversations.message(id, asked.assistantId)
    expect(message?.text).toMatch(/^Well\. It is so\./)
    expect(message!.text.length).toBeLessThan(2000)
    expect(message?.usage?.completionTokens).toBeGreaterThan(50)
    await harness.ask(id, 'And now?', asked.assistantId)
  })

  it('keeps the text when the engine crashes, half an artifact too, and answers the next time', async () => {
    let crash = true
    const pieces = ['Here:\n', '```html\n', '<title>Clock</title>\n', '<p>half']
    const id = open({
      engine: createFakeEngine({ reply: () => pieces, crashAfter: () => (crash ? 4 : undefined) }),
    })
    harness.engine.requests.length = 0
    const longer = [...pieces, 'never']
    pieces.splice(0, pieces.length, ...longer)
    const asked = await harness.ask(id, 'a page please')
    const message = harness.conversations.messages(id).at(-1)
    expect(message).toMatchObject({ outcome: 'failed', error: { code: 'engine_crashed' } })
    expect(message?.text).toContain('<p>half')
    expect(message?.artifacts).toMatchObject([{ kind: 'html', title: 'Clock', complete: false }])
    crash = false
    const again = await harness.ask(id, 'once more', asked.assistantId)
    expect(body(again.events, 'run-ended').outcome).toBe('done')
  })

  it('branches on edit and on regenerate', async () => {
    const id = open()
    const first = await harness.ask(id, 'one')
    const edited = await harness.ask(id, 'two', null)
    const again = newId()
    const runId = newId()
    harness.chat.start({ kind: 'chat', id: runId, conversationId: id, parentId: edited.userId, assistantMessageId: again }) // prettier-ignore
    await harness.runs.finished(runId)
    const messages = harness.conversations.messages(id)
    expect(messages).toHaveLength(5)
    const { leafId } = harness.conversations.get(id)
    expect(leafId).toBe(again)
    expect(branchOf(messages, leafId).map((message) => message.text)).toEqual(['two', 'two'])
    expect(harness.conversations.patch(id, { leafId: first.userId }).leafId).toBe(first.assistantId)
  })

  it('refuses what does not belong together', () => {
    const id = open()
    const base = { kind: 'chat' as const, id: newId(), conversationId: id, parentId: newId(), assistantMessageId: newId() } // prettier-ignore
    const refused = (request: Parameters<Harness['chat']['start']>[0], code: string): void =>
      expect(() => harness.chat.start(request)).toThrow(expect.objectContaining({ code }))
    refused({ ...base, conversationId: newId() }, 'conversation_unknown')
    refused(base, 'message_unknown')
    refused({ ...base, userMessage: { id: newId(), parentId: null, text: 'x' } }, 'bad_request')
    refused({ ...base, userMessage: { id: base.parentId, parentId: newId(), text: 'x' } }, 'message_unknown') // prettier-ignore
    expect(harness.conversations.messages(id)).toEqual([])
  })
})

describe('a grounded chat run', () => {
  it('gives numbered passages, cites those the answer names, and repeats the turn as it was sent', async () => {
    const id = open(
      {
        engine: createFakeEngine({ reply: () => ['Rest is ', '11 hours [', '2]. And `x`.'] }),
        hits: [hit(1), hit(2, 'Rest is 11 hours.'), hit(3)],
      },
      ['collection-1'],
    )
    const first = await harness.ask(id, 'How long is the rest?')
    expect(harness.searches).toMatchObject([
      { query: 'How long is the rest?', collectionIds: ['collection-1'] },
    ])
    expect(body(first.events, 'context-built')).toMatchObject({ passages: 3, droppedPassages: 0 })
    const message = harness.conversations.message(id, first.assistantId)
    expect(message?.citations).toMatchObject([{ marker: 2, documentId: 'doc-2' }])
    const sent = harness.engine.requests[0]!.prompt
    await harness.ask(id, 'And on Sundays?', first.assistantId)
    const next = harness.engine.requests[1]!.prompt
    if (sent.kind !== 'chat' || next.kind !== 'chat') throw new Error('not a chat')
    expect(sent.messages.at(-1)?.content).toContain(
      'Source 2: Handbook 2 › Rules\nRest is 11 hours.\n(cite as [2])',
    )
    // Append-only: what was computed for the first turn is a prefix of the second.
    expect(next.messages.slice(0, sent.messages.length)).toEqual(sent.messages)
  })

  it('names the best passage as the source when the answer cites none', async () => {
    const id = open({ engine: createFakeEngine({ reply: () => 'Eleven.' }), hits: [hit(1), hit(2)] }, ['collection-1']) // prettier-ignore
    const asked = await harness.ask(id, '休息多久？')
    expect(body(asked.events, 'citation').citation).toMatchObject({ marker: 1, chunkId: 'chunk-1' })
    expect(JSON.stringify(harness.engine.requests[0]!.prompt)).toContain('请只根据以上资料')
  })

  it('says plainly that the vault does not hold it, names what is nearest, and asks no model', async () => {
    const unreachable = [{ deviceId: 'peer-b', name: 'B', code: 'holder_away' }]
    const id = open({ hits: [hit(1), hit(2)], found: false, unreachable }, ['collection-1'])
    const asked = await harness.ask(id, 'What is the capital of Mongolia?')
    const message = harness.conversations.message(id, asked.assistantId)
    expect(message).toMatchObject({
      outcome: 'done',
      text: 'Your vault does not hold an answer to this. The nearest it has: “Handbook 1” [1], “Handbook 2” [2]. Could not be asked: B.',
      citations: [
        { marker: 1, documentId: 'doc-1' },
        { marker: 2, documentId: 'doc-2' },
      ],
    })
    expect(harness.engine.requests).toHaveLength(0)
    const next = await harness.ask(id, '怎么做红烧肉？', asked.assistantId)
    expect(harness.conversations.message(id, next.assistantId)?.text).toBe(
      '你的知识库里没有这个问题的答案。最接近的内容是：《Handbook 1》[1]、《Handbook 2》[2]。未能询问：B。',
    )
  })

  it('asks the vault nothing for what is said to the assistant itself', async () => {
    const id = open({ hits: [hit(1)], found: false }, ['collection-1'])
    const thanks = await harness.ask(id, 'Thank you!')
    expect(harness.searches).toEqual([])
    expect(harness.engine.requests).toHaveLength(1)
    await harness.ask(id, '请把上面的回答翻译成英文', thanks.assistantId)
    expect(harness.searches).toEqual([])
    expect(harness.engine.requests).toHaveLength(2)
  })

  it('does without documents what is to be made, where they hold nothing for it', async () => {
    const id = open({ hits: [hit(1)], found: false }, ['collection-1'])
    const story = await harness.ask(id, 'Tell me a long story about a lighthouse keeper.')
    expect(body(story.events, 'context-built')).toMatchObject({ passages: 0 })
    await harness.ask(id, '写一个倒计时网页', story.assistantId)
    expect(harness.searches).toHaveLength(2)
    expect(harness.engine.requests).toHaveLength(2)
  })

  it('asks a question that leans on the one before together with it', async () => {
    const id = open({ hits: [hit(1)] }, ['collection-1'])
    const first = await harness.ask(id, 'What is the rent in Hamburg?')
    await harness.ask(id, 'And in Antwerp?', first.assistantId)
    expect(harness.searches.map(({ query }) => query)).toEqual([
      'What is the rent in Hamburg?',
      'What is the rent in Hamburg?\nAnd in Antwerp?',
    ])
  })

  it('says how many passages it left out for room', async () => {
    const hits = [1, 2, 3, 4].map((n) => hit(n, words(200, 'text')))
    const id = open({ hits, contextTokens: 800 }, ['collection-1'])
    const asked = await harness.ask(id, 'what?')
    const built = body(asked.events, 'context-built')
    expect(built.passages).toBeGreaterThan(0)
    expect(built.passages + built.droppedPassages).toBe(4)
    expect(built.droppedPassages).toBeGreaterThan(0)
  })
})

describe('artifacts of answers', () => {
  it('makes version 2 of the same thing in a later answer', async () => {
    const page = '```html\n<!doctype html><title>Clock</title>\n```\n'
    const id = open({ engine: createFakeEngine({ reply: () => page }) })
    const first = await harness.ask(id, 'a clock')
    const second = await harness.ask(id, 'better', first.assistantId)
    const made = harness.artifacts.ofConversation(id)
    expect(made).toMatchObject([
      { version: 1, key: 'html:clock', messageId: first.assistantId, complete: true },
      { version: 2, key: 'html:clock', messageId: second.assistantId },
    ])
    expect(harness.artifacts.content(made[0]!.id).toString()).toContain('<title>Clock</title>')
    expect(body(second.events, 'artifact-created').artifact).toEqual(made[1])
  })

  it('sees a changed copy as a version, whatever its title, and another page as another thing', async () => {
    const rows = Array.from({ length: 20 }, (_, n) => `<p>row number ${n}</p>`).join('\n')
    const pages = [
      `<title>Clock</title>\n${rows}`,
      `<title>Black clock</title>\n${rows}\n<style>body{background:black}</style>`,
      `<title>Timer</title>\n<p>something else</p>`,
    ]
    const id = open({
      engine: createFakeEngine({ reply: () => `\`\`\`html\n${pages.shift()}\n\`\`\`` }),
    })
    const first = await harness.ask(id, 'a clock')
    const second = await harness.ask(id, 'make it black', first.assistantId)
    await harness.ask(id, 'a timer', second.assistantId)
    expect(harness.artifacts.ofConversation(id)).toMatchObject([
      { key: 'html:clock', version: 1 },
      { key: 'html:clock', version: 2, title: 'Black clock' },
      { key: 'html:timer', version: 1 },
    ])
  })
})
