import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { LanceStore } from '#companion/vault/lance-store.ts'
import { LocalPassages } from '#companion/vault/retrieval-local.ts'
import { Retrieval } from '#companion/vault/retrieval.ts'
import type { StoredChunk } from '#shared/contracts/vault-store.ts'
import { chunksOfText, documentOf, loadBeir, ndcg, recall, type BeirLine } from '#tests/beir.ts'
import { openE5 } from '#tests/e5.ts'

const fixture = fileURLToPath(new URL('../fixtures/retrieval', import.meta.url))
const collectionId = 'bench-retrieval'

/**
 * nDCG@10 and recall@10 of hybrid retrieval as the companion does it, against its two halves alone, on the fixture set
 * or on any folder in BEIR's format (`SILO_BEIR`, or the first argument). Also how often what the vault does not hold
 * is answered, and what it holds is refused.
 */
export async function run({ quick, args = [] }: { quick: boolean; args?: readonly string[] }) {
  const folder = args[0] ?? process.env.SILO_BEIR ?? fixture
  const beir = loadBeir(folder)
  const queries = quick ? beir.queries.filter((_, at) => at % 2 === 0) : beir.queries
  const signal = AbortSignal.timeout(6 * 3_600_000)
  const directory = await mkdtemp(join(tmpdir(), 'silo-bench-retrieval-'))
  await using e5 = await openE5(signal)
  await using store = new LanceStore({ directory, deviceId: 'bench', modelId: 'e5', dimensions: 384 }) // prettier-ignore
  try {
    const started = performance.now()
    const chunks = await fill(store, beir.corpus, e5.embedder, signal)
    const documents = new Map(beir.corpus.map((line) => [line._id, documentOf(line, collectionId)]))
    const local = new LocalPassages({
      store,
      documents: { document: (id) => documents.get(id), matching: () => undefined },
      nameOf: () => undefined,
    })
    const retrieval = new Retrieval({
      embedder: e5.embedder,
      store,
      local,
      collections: () => [collectionId],
      owners: () => [],
    })
    const sums = { hybrid: [0, 0], dense: [0, 0], text: [0, 0] }
    let refused = 0
    const ask = (query: string) => retrieval.search({ query, collectionIds: [], limit: 50 }, signal)
    for (const { _id: id, text } of queries) {
      const grades = beir.grades.get(id)!
      const { hits, found } = await ask(text)
      if (!found) refused += 1
      const [vector] = await e5.embedder.embed([text], 'query', signal)
      const request = { text, vector: vector!, collectionIds: [collectionId], filters: {}, limit: 50, caller: 'self' } // prettier-ignore
      const { hits: both } = await local.search(request, signal)
      const by = (rank: 'denseRank' | 'textRank') =>
        both.filter((hit) => hit[rank] !== undefined).sort((a, b) => a[rank]! - b[rank]!)
      const lists = { hybrid: hits, dense: by('denseRank'), text: by('textRank') }
      for (const name of ['hybrid', 'dense', 'text'] as const) {
        const ranking = [...new Set(lists[name].map((hit) => hit.documentId))]
        sums[name][0]! += ndcg(ranking, grades) / queries.length
        sums[name][1]! += recall(ranking, grades) / queries.length
      }
    }
    let answered = 0
    const unanswerable = quick ? beir.unanswerable.filter((_, at) => at % 2 === 0) : beir.unanswerable // prettier-ignore
    for (const { text } of unanswerable) if ((await ask(text)).found) answered += 1
    const single = Math.max(sums.dense[0]!, sums.text[0]!)
    const ratio = sums.hybrid[0]! / single
    const shown = ([n = 0, r = 0]: number[]) => ({ ndcg10: round3(n), recall10: round3(r) })
    return {
      bench: 'retrieval',
      ratio: round3(ratio),
      goal: 1,
      ok: ratio > 1,
      hybrid: shown(sums.hybrid),
      dense: shown(sums.dense),
      bm25: shown(sums.text),
      falseRefusals: round3(refused / queries.length),
      ...(unanswerable.length > 0 ? { falseAnswers: round3(answered / unanswerable.length) } : {}),
      documents: beir.corpus.length,
      chunks,
      queries: queries.length,
      seconds: Math.round((performance.now() - started) / 1000),
    }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function fill(
  store: LanceStore,
  corpus: readonly BeirLine[],
  embedder: Parameters<typeof chunksOfText>[1],
  signal: AbortSignal,
): Promise<number> {
  const atOnce = 256
  let chunks = 0
  for (let at = 0; at < corpus.length; at += atOnce) {
    const documents = new Map<string, StoredChunk[]>()
    for (const line of corpus.slice(at, at + atOnce)) {
      const made = await chunksOfText(line, embedder, signal)
      documents.set(line._id, made)
      chunks += made.length
    }
    await store.replaceDocuments(collectionId, documents, signal)
    if (corpus.length > atOnce) console.error(`${Math.min(at + atOnce, corpus.length)} of ${corpus.length} documents`) // prettier-ignore
  }
  await store.optimize(collectionId, signal)
  return chunks
}

function round3(value: number): number {
  return Math.round(value * 1000) / 1000
}
