import 'fake-indexeddb/auto'
import { fileURLToPath } from 'node:url'
import type { StoredChunk } from '#shared/contracts/vault-store.ts'
import { encodeReplicaPage, quantize } from '#shared/protocol/replica-page.ts'
import type { ReplicaDocument } from '#shared/protocol/replica.ts'
import { chunksOfText, documentOf, loadBeir, ndcg, recall } from '#tests/beir.ts'
import { openE5 } from '#tests/e5.ts'
import { chooseCopy } from '#web/replica/vault/copies.ts'
import { FeedWriter } from '#web/replica/vault/feed-writer.ts'
import { Shelf } from '#web/replica/vault/shelf.ts'
import { searchVault } from '#web/replica/vault/vault-search.ts'

const fixture = fileURLToPath(new URL('../fixtures/retrieval', import.meta.url))
const collectionId = 'bench-recall'
const dimensions = 384

/**
 * What a phone's vectors of one byte a component cost against the companion's floats, with the real embedding model on
 * the retrieval fixtures: of the ten nearest by floats, how many are among the ten nearest by bytes; and the quality of
 * the phone's whole search, which `retrieval` measures for the companion.
 */
export async function measureRecall(signal: AbortSignal) {
  const beir = loadBeir(fixture)
  await using e5 = await openE5(signal)
  const chunks: StoredChunk[] = []
  const documents: ReplicaDocument[] = []
  for (const [at, line] of beir.corpus.entries()) {
    const made = await chunksOfText(line, e5.embedder, signal)
    chunks.push(...made)
    documents.push({
      document: documentOf(line, collectionId),
      change: at + 1,
      from: 0,
      state: 'complete',
      chunks: made.map(({ id, start, end, page, headings, text }) => [id, start, end, page, [...headings], text]), // prettier-ignore
    })
  }
  const bytes = encodeReplicaPage({
    head: { collectionId, epoch: 'bench-epoch', modelId: 'e5', dimensions, restart: false, next: { since: documents.length }, change: documents.length, complete: true, documents, removed: [] }, // prettier-ignore
    vectors: quantize(chunks.map(({ vector }) => vector), dimensions), // prettier-ignore
  })
  await chooseCopy({ id: collectionId, name: 'Bench', change: 1, chunks: 1, bytes: 1 }, 'bench', Date.now()) // prettier-ignore
  const shelf = new Shelf()
  await new FeedWriter(shelf).apply(collectionId, { since: 0 }, bytes, Date.now())
  const rounded = quantize(chunks.map(({ vector }) => vector), dimensions) // prettier-ignore
  const sums = { recallOfFloats: 0, ndcg10: 0, recall10: 0 }
  for (const { _id: id, text } of beir.queries) {
    const [vector] = await e5.embedder.embed([text], 'query', signal)
    const exact = nearest(chunks.length, (row) => dot(vector!, chunks[row]!.vector))
    const byBytes = new Set(nearest(chunks.length, (row) => dot(vector!, rounded.values.subarray(row * dimensions, (row + 1) * dimensions)) * rounded.scales[row]!)) // prettier-ignore
    sums.recallOfFloats += exact.filter((row) => byBytes.has(row)).length / exact.length
    const { hits } = await searchVault(shelf, { text, vector: vector!, modelId: 'e5', collectionIds: [], limit: 50 }, signal) // prettier-ignore
    const ranking = [...new Set(hits.map(({ documentId }) => documentId))]
    sums.ndcg10 += ndcg(ranking, beir.grades.get(id)!)
    sums.recall10 += recall(ranking, beir.grades.get(id)!)
  }
  const mean = (sum: number): number => Math.round((sum / beir.queries.length) * 1000) / 1000
  return {
    recallOfFloats: mean(sums.recallOfFloats),
    ndcg10: mean(sums.ndcg10),
    recall10: mean(sums.recall10),
    queries: beir.queries.length,
  }
}

function nearest(rows: number, score: (row: number) => number): number[] {
  return Array.from({ length: rows }, (_, row) => ({ row, score: score(row) }))
    .sort((a, b) => b.score - a.score)
    .slice(0, 10)
    .map(({ row }) => row)
}

function dot(a: Float32Array, b: Float32Array | Int8Array): number {
  let sum = 0
  for (let at = 0; at < a.length; at++) sum += a[at]! * b[at]!
  return sum
}
