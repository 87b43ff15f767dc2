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

describe('retrieval with the real embedding model', () => {
  it('finds the right document for questions in both languages', async () => {
    const ranks = []
    for (const { question, language, document } of questions) {
      const hits = await open.vault.search({ query: question, collectionIds: [], limit: 10 }, signal) // prettier-ignore
      const files = [...new Set(hits.map((hit) => basename(hit.path)))]
      ranks.push({ question, language, rank: files.indexOf(document) + 1 })
    }
    const missed = JSON.stringify(ranks.filter(({ rank }) => rank !== 1))
    for (const language of ['en', 'zh']) {
      const own = ranks.filter((entry) => entry.language === language)
      const share = (top: number): number =>
        own.filter(({ rank }) => rank > 0 && rank <= top).length / own.length
      expect(share(3), `${language}: ${missed}`).toBeGreaterThanOrEqual(0.9)
      expect(share(1), `${language}: ${missed}`).toBeGreaterThanOrEqual(0.75)
    }
  })

  it('cites passages that stand at their offsets in the text shown', async () => {
    const query = 'What is the notice period in the lease for the Hamburg warehouse?'
    const [hit] = await open.vault.search({ query, collectionIds: [collectionId], limit: 3 }, signal) // prettier-ignore
    expect(hit).toMatchObject({ page: 2, title: 'Lease Agreement: Warehouse Hamburg' })
    const range = { start: hit!.start, length: hit!.end - hit!.start }
    const shown = await open.vault.documentText(hit!.documentId, range)
    expect(shown.text).toBe(hit!.text)
    expect(shown.text).toContain('seven months')
  })
})
