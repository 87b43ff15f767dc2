import 'fake-indexeddb/auto'
import { IDBFactory } from 'fake-indexeddb'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { newId } from '#shared/domain/ids.ts'
import type { SearchHit } from '#shared/domain/vault.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import type { RunEvent } from '#shared/protocol/run-event.ts'
import { createFakeEngine } from '#tests/fakes/engine.ts'
import { closeReplica } from '#web/replica/database.ts'
import { localConversation } from '#web/replica/copies.ts'
import { PageHost } from './page-host.ts'
import type { PageModels, PageRetrieval } from './ports.ts'
import { tabChannel, tabLocks } from './tabs.ts'

const hit = (number: number, text: string): SearchHit => ({
  documentId: `document-${number}`,
  collectionId: 'collection-1',
  chunkId: `chunk-${number}`,
  title: `Lease ${number}`,
  path: `/lease-${number}.md`,
  page: number,
  headings: ['Deposit'],
  start: 10,
  end: 10 + text.length,
  text,
  score: 1,
  denseRank: 1,
})
const hits = [hit(1, 'The deposit is two months of rent.'), hit(2, '押金为两个月租金。<b>*')]

/** One page with a model, or without, and copies that find `hits`. */
function openPage(options: { reply?: string[]; retrieve?: PageRetrieval }) {
  const asked: string[][] = []
  const prompts: string[] = []
  const engine = createFakeEngine({
    contextTokens: 2000,
    reply: (request: { prompt: { kind: string; messages?: readonly { content: string }[] } }) => {
      prompts.push(request.prompt.messages?.at(-1)?.content ?? '')
      return options.reply ?? []
    },
  })
  const models: PageModels = {
    ability: () => ({}),
    async acquire(_id, { signal }) {
      if (!options.reply) throw new SiloError('model_not_installed', { params: { model: 'any' } })
      const file = { id: 'tiny', path: '/tiny', sha256: '0'.repeat(64), task: 'chat' } as const
      const loaded = await engine.load(file, { contextTokens: 2000, parallel: 1 }, { signal })
      return { loaded, modelId: 'tiny', engineId: 'fake', release: async () => {} }
    },
  }
  const channel = tabChannel('page-grounded-test')
  const host = new PageHost({
    models,
    locks: tabLocks(),
    channel,
    deviceName: 'Phone',
    retrieve: async (request, signal) => {
      asked.push([request.query, ...request.collectionIds])
      return (options.retrieve ?? (async () => ({ hits })))(request, signal)
    },
  })
  const events: RunEvent[] = []
  host.subscribe((message) => message.type === 'run-event' && events.push(message.event))
  const close = async (): Promise<void> => {
    await host.close()
    channel[Symbol.dispose]()
  }
  return { host, events, asked, prompts, close }
}

type Page = ReturnType<typeof openPage>
let page: Page | undefined
beforeEach(() => {
  vi.stubGlobal('indexedDB', new IDBFactory())
})
afterEach(async () => {
  await page?.close()
  await closeReplica()
})

async function ask(opened: Page, text: string, collectionIds = ['collection-1']) {
  page = opened
  const [id, userId, answerId] = [newId(), newId(), newId()]
  const post = (path: string, body: unknown) => opened.host.fetch(path, { method: 'POST', body: JSON.stringify(body) }) // prettier-ignore
  await post('/api/conversations', { id, collectionIds })
  const run = { kind: 'chat', id: newId(), conversationId: id, userMessage: { id: userId, parentId: null, text }, parentId: userId, assistantMessageId: answerId, reason: 'offline' } // prettier-ignore
  expect((await post('/api/runs', run)).status).toBe(202)
  await vi.waitFor(() => expect(opened.events.at(-1)?.body.type).toBe('run-ended'), 20_000)
  const messages = (await localConversation(id))?.messages ?? []
  return messages.find((message) => message.id === answerId)!
}

describe('an answer of the page about documents', () => {
  it('rests on passages of the copies and cites them', async () => {
    const opened = openPage({ reply: ['Two months', ' of rent [1].'] })
    const answer = await ask(opened, 'How much is the deposit?')
    expect(opened.asked).toEqual([['How much is the deposit?', 'collection-1']])
    expect(opened.prompts.at(-1)).toContain('The deposit is two months of rent.')
    expect(answer).toMatchObject({ outcome: 'done', text: 'Two months of rent [1].', placement: { place: 'page' } }) // prettier-ignore
    expect(answer.citations).toMatchObject([{ marker: 1, documentId: 'document-1', start: 10, page: 1 }]) // prettier-ignore
    const types = opened.events.map(({ body }) => body.type)
    expect(types.indexOf('citation')).toBeGreaterThan(types.indexOf('context-built'))
  })

  it('says that only words were compared', async () => {
    const opened = openPage({ reply: ['Yes.'], retrieve: async () => ({ hits, wordsOnly: 'no-model' }) }) // prettier-ignore
    const answer = await ask(opened, 'Deposit?')
    const context = opened.events.find(({ body }) => body.type === 'context-built')?.body
    expect(context).toMatchObject({ passages: 2, wordsOnly: true })
    // It named none: the best one is given.
    expect(answer.citations).toHaveLength(1)
  })

  it.each([
    ['How much is the deposit?', 'No language model', 'Lease 1 › Deposit › p. 1'],
    ['押金是多少？', '没有语言模型', 'Lease 1 › Deposit › 第 1 页'],
  ])('is the passages themselves where there is no model: %s', async (question, lead, where) => {
    const answer = await ask(openPage({}), question)
    expect(answer).toMatchObject({ outcome: 'done', placement: { place: 'retrieval', device: 'Phone' } }) // prettier-ignore
    expect(answer.modelId).toBeUndefined()
    expect(answer.text).toContain(lead)
    expect(answer.text).toContain(`**${where}** [1]`)
    expect(answer.text).toContain('> 押金为两个月租金。\\<b\\>\\*')
    expect(answer.citations?.map(({ marker }) => marker)).toEqual([1, 2])
  })

  it('says that nothing was found', async () => {
    const answer = await ask(openPage({ retrieve: async () => ({ hits: [] }) }), 'Deposit?')
    expect(answer).toMatchObject({ outcome: 'done', text: 'Nothing that fits was found in the copies on this device.' }) // prettier-ignore
  })

  it('is no guess where nothing answers: what is nearest is named', async () => {
    const opened = openPage({
      reply: ['A guess.'],
      retrieve: async () => ({ hits, missing: true }),
    })
    const answer = await ask(opened, '押金是多少？')
    expect(opened.prompts).toEqual([])
    expect(answer.text).toContain('知识库里没有')
    expect(answer.citations).toHaveLength(2)
    expect(answer.placement?.place).toBe('retrieval')
  })

  it('asks no copy for what is no question to documents', async () => {
    const opened = openPage({ reply: ['You are welcome.'] })
    expect((await ask(opened, 'Thanks!')).text).toBe('You are welcome.')
    expect(opened.asked).toEqual([])
  })

  it('fails as before without a model where no copy is asked', async () => {
    const answer = await ask(openPage({ retrieve: async () => undefined }), 'Deposit?')
    expect(answer).toMatchObject({ outcome: 'failed', error: { code: 'model_not_installed' } })
  })

  it('asks no copy where the conversation names no collection', async () => {
    const opened = openPage({ reply: ['Hello.'] })
    const answer = await ask(opened, 'Hello', [])
    expect(opened.asked).toEqual([])
    expect(answer.citations ?? []).toEqual([])
  })
})
