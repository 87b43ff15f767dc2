import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import { chunkDocument, indexText } from '#companion/vault/chunk.ts'
import type { Embedder } from '#companion/vault/embedder.ts'
import { extractPlain } from '#companion/vault/extract/plain.ts'
import type { StoredChunk } from '#shared/contracts/vault-store.ts'
import type { Document } from '#shared/domain/vault.ts'

const lineSchema = v.object({ _id: v.string(), title: v.optional(v.string(), ''), text: v.string() }) // prettier-ignore
export type BeirLine = v.InferOutput<typeof lineSchema>

/** A collection in the format of BEIR: corpus.jsonl, queries.jsonl, qrels/test.tsv; unanswerable.jsonl is our addition. */
export interface Beir {
  readonly corpus: readonly BeirLine[]
  /** Those that have judgements. */
  readonly queries: readonly BeirLine[]
  /** Grades above 0, by query and document. */
  readonly grades: ReadonlyMap<string, ReadonlyMap<string, number>>
  readonly unanswerable: readonly BeirLine[]
}

export function loadBeir(folder: string): Beir {
  const lines = (name: string): BeirLine[] =>
    readFileSync(join(folder, name), 'utf8')
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map((line) => v.parse(lineSchema, JSON.parse(line)))
  const grades = new Map<string, Map<string, number>>()
  for (const line of readFileSync(join(folder, 'qrels', 'test.tsv'), 'utf8').split('\n')) {
    const [query, document, grade] = line.trim().split('\t')
    if (!query || !document || !(Number(grade) > 0)) continue
    grades.set(query, (grades.get(query) ?? new Map<string, number>()).set(document, Number(grade)))
  }
  return {
    corpus: lines('corpus.jsonl'),
    queries: lines('queries.jsonl').filter(({ _id: id }) => grades.has(id)),
    grades,
    unanswerable: existsSync(join(folder, 'unanswerable.jsonl')) ? lines('unanswerable.jsonl') : [],
  }
}

/** The chunks of a text, as an ingest makes them. */
export async function chunksOfText(
  { _id: id, title, text }: BeirLine,
  embedder: Embedder,
  signal: AbortSignal,
): Promise<StoredChunk[]> {
  const chunks = chunkDocument({ ...extractPlain(text, title), title })
  const vectors = await embedder.embed(
    chunks.map((chunk) => indexText(title, chunk)),
    'passage',
    signal,
  )
  return chunks.map((chunk, ordinal) => ({
    ...chunk,
    id: `${id}-${ordinal}`,
    documentId: id,
    context: title,
    ordinal,
    vector: vectors[ordinal]!,
  }))
}

export function documentOf(line: BeirLine, collectionId: string): Document {
  return {
    id: line._id,
    collectionId,
    path: `/${line._id}.txt`,
    title: line.title,
    mediaType: 'text/plain',
    size: line.text.length,
    modifiedAt: 0,
    chunks: 1,
  }
}

/** nDCG with the grade as gain and log2 discount, over the first `at` of a ranking of different documents. */
export function ndcg(
  ranking: readonly string[],
  grades: ReadonlyMap<string, number>,
  at = 10,
): number {
  const gain = (list: readonly number[]): number =>
    list.slice(0, at).reduce((sum, grade, rank) => sum + (2 ** grade - 1) / Math.log2(rank + 2), 0)
  const ideal = gain([...grades.values()].sort((a, b) => b - a))
  return ideal === 0 ? 0 : gain(ranking.map((id) => grades.get(id) ?? 0)) / ideal
}

export function recall(
  ranking: readonly string[],
  grades: ReadonlyMap<string, number>,
  at = 10,
): number {
  const found = ranking.slice(0, at).filter((id) => grades.has(id)).length
  return grades.size === 0 ? 0 : found / Math.min(at, grades.size)
}
