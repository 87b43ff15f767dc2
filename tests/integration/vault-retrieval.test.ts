import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { questions } from '#tests/fixtures/questions.ts'
import { openE5 } from '#tests/e5.ts'
import { openVault, runOf, type OpenVault } from '#tests/vault.ts'

const documents = fileURLToPath(new URL('../fixtures/documents', import.meta.url))
const collectionId = 'fixtures-01'
const signal = AbortSignal.timeout(170_000)
let home = ''
let e5: Awaited<ReturnType<typeof openE5>>
let open: OpenVault

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'silo-retrieval-'))
  e5 = await openE5(signal)
  open = openVault(home, e5.embedder)
  open.vault.createCollection({ id: collectionId, name: 'Fixtures' })
  await open.vault.ingest({ collectionId, paths: [documents] })(runOf(signal).context)
})
afterAll(async () => {
  await open?.close()
  await e5?.[Symbol.asyncDispose]()
  await rm(home, { recursive: true, force: true })
})

const ask = (query: string, limit = 10) =>
  open.retrieval.search({ query, collectionIds: [], limit }, signal)

describe('retrieval with the real embedding model', () => {
  it('finds the right document for questions in both languages', async () => {
    const ranks = []
    for (const { question, language, document } of questions) {
      const { hits, found } = await ask(question)
      const files = [...new Set(hits.map((hit) => basename(hit.path)))]
      ranks.push({ question, language, rank: files.indexOf(document) + 1, found })
    }
    const missed = JSON.stringify(ranks.filter(({ rank }) => rank !== 1))
    for (const language of ['en', 'zh']) {
      const own = ranks.filter((entry) => entry.language === language)
      const share = (top: number): number =>
        own.filter(({ rank }) => rank > 0 && rank <= top).length / own.length
      expect(share(3), `${language}: ${missed}`).toBeGreaterThanOrEqual(0.9)
      expect(share(1), `${language}: ${missed}`).toBeGreaterThanOrEqual(0.75)
    }
    // None of these questions took part in fitting what counts as found.
    const refused = ranks.filter(({ found }) => !found)
    expect(refused.length / ranks.length, JSON.stringify(refused)).toBeLessThanOrEqual(0.15)
  })

  it('says where nothing that is held answers', async () => {
    const strange = [
      'recipe for apple pie',
      'what is the capital of Mongolia',
      'who won the football world cup in 2018',
      'how do I prune roses',
      'vaccination rules for travel to Kenya',
      'invoice AT-99999',
      '怎么做红烧肉',
      '今年春晚的主持人是谁',
      '量子计算的原理',
      '离婚协议怎么写',
    ]
    const answered = []
    for (const query of strange) {
      const { found, hits } = await ask(query)
      expect(hits.length).toBeGreaterThan(0)
      if (found) answered.push(query)
    }
    expect(answered.length, answered.join(', ')).toBeLessThanOrEqual(2)
  })

  it('cites passages that stand at their offsets in the text shown', async () => {
    const query = 'What is the notice period in the lease for the Hamburg warehouse?'
    const { hits } = await ask(query, 3)
    const [hit] = hits
    expect(hit).toMatchObject({ page: 2, title: 'Lease Agreement: Warehouse Hamburg', owner: 'test-device', ownerName: 'this device' }) // prettier-ignore
    const range = { start: hit!.start, length: hit!.end - hit!.start }
    const shown = await open.vault.documentText(hit!.documentId, range)
    expect(shown.text).toBe(hit!.text)
    expect(shown.text).toContain('seven months')
    const [wide] = await open.retrieval.widen([hit!], 4000, signal)
    expect(wide).toMatchObject({ start: hit!.start, end: hit!.end, text: hit!.text })
    expect(wide!.section ?? wide!.text).toContain(hit!.text)
  })

  it('keeps to the type that a question names', async () => {
    const { hits, understood } = await ask('the PDF about the warehouse lease')
    expect(understood).toMatchObject([{ kind: 'type', filters: { types: ['pdf'] }, use: 'only' }])
    expect(hits.length).toBeGreaterThan(0)
    expect(hits.every((hit) => hit.path.endsWith('.pdf'))).toBe(true)
  })
})
