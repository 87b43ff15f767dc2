import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Index, type Table } from '@lancedb/lancedb'
import * as v from 'valibot'
import type { Log } from '#companion/observe/log.ts'
import type { IndexState } from '#shared/contracts/vault-store.ts'
import { denseSearch } from './lance-query.ts'
import type { Row } from './lance-rows.ts'

const file = 'index-state.json'
/** Below this, comparing with every vector takes less than a tenth of a second on two cores. */
const defaultIndexFrom = 200_000
/** An index that finds less than this of what exact search finds is not used. */
const neededRecall = 0.98
/** An index that is not at least so much faster is not worth its space. */
const neededGain = 0.7
/** Grown or shrunk by this factor, an index is measured again. */
const measureAgain = 1.2
const sampleSize = 48
const top = 10
const probesTried = [8, 16, 32, 64, 128, 256]

const stateSchema = v.object({
  kind: v.picklist(['exact', 'ivf-flat']),
  recall: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(1))),
  probes: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(4096))),
  decidedAt: v.optional(v.number()),
  /** Chunks there were at the decision. */
  chunks: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
})
type StoredIndexState = v.InferOutput<typeof stateSchema>

/** How a dataset's vectors are to be searched: beside the dataset, and travelling with it. Exact where nothing is said. */
export async function readIndexState(folder: string): Promise<IndexState & StoredIndexState> {
  try {
    return v.parse(stateSchema, JSON.parse(await readFile(join(folder, file), 'utf8')))
  } catch {
    return { kind: 'exact' }
  }
}

async function writeIndexState(folder: string, state: StoredIndexState): Promise<void> {
  const path = join(folder, file)
  await writeFile(`${path}.part`, JSON.stringify(state), { mode: 0o600 })
  await rename(`${path}.part`, path)
}

export interface DecideInit {
  readonly folder: string
  readonly log: Log
  readonly indexFrom?: number
  readonly signal: AbortSignal
}

/**
 * Exact search stays until there are so many chunks that it is slow; then an index is built, and kept only where it is
 * faster and its recall@10, measured against exact search on these very data, is enough.
 */
export async function decideIndex(table: Table, init: DecideInit): Promise<IndexState> {
  const { folder, log, signal } = init
  const chunks = await table.countRows()
  const before = await readIndexState(folder)
  const indexed = (await table.listIndices()).find((index) => index.columns.includes('vector'))
  if (chunks < (init.indexFrom ?? defaultIndexFrom)) {
    if (indexed) await table.dropIndex(indexed.name)
    if (before.kind !== 'exact') await writeIndexState(folder, { kind: 'exact' })
    return { kind: 'exact' }
  }
  const change = before.chunks ? chunks / before.chunks : Infinity
  const intact = before.kind === 'exact' || indexed !== undefined
  if (intact && change < measureAgain && change > 1 / measureAgain) return before

  const queries = await sampleQueries(table, chunks)
  signal.throwIfAborted()
  const exact = await answers(table, queries, { kind: 'exact' })
  let measured = indexed && (await measure(table, queries, exact, signal))
  if (!measured?.enough) {
    log.info('building an index of vectors', { folder, chunks })
    await table.createIndex('vector', {
      config: Index.ivfFlat({ distanceType: 'dot', numPartitions: Math.round(Math.sqrt(chunks)) }),
      replace: true,
    })
    measured = await measure(table, queries, exact, signal)
  }
  const { recall, probes, enough } = measured
  const decision = { decidedAt: Date.now(), chunks, recall }
  const state: StoredIndexState = enough
    ? { kind: 'ivf-flat', probes, ...decision }
    : { kind: 'exact', ...decision }
  if (!enough)
    for (const index of await table.listIndices())
      if (index.columns.includes('vector')) await table.dropIndex(index.name)
  await writeIndexState(folder, state)
  log.info('how vectors are searched', { folder, ...state })
  return state
}

/** Vectors of the data, and points half-way between two of them: a question lies near many passages, on none. */
async function sampleQueries(table: Table, chunks: number): Promise<Float32Array[]> {
  const wanted = Math.min(sampleSize, chunks)
  const offsets = Array.from({ length: wanted }, (_, i) => Math.floor((i * chunks) / wanted))
  const rows = (await table.takeOffsets(offsets).select(['vector']).toArray()) as Row[]
  const vectors = rows.map((row) => Float32Array.from(row.vector ?? []))
  return vectors.map((vector, at) => {
    if (at % 2 === 0) return vector
    const other = vectors[(at * 7 + 3) % vectors.length]!
    const middle = vector.map((value, i) => value + other[i]!)
    const norm = Math.hypot(...middle) || 1
    return middle.map((value) => value / norm)
  })
}

interface Answers {
  readonly ids: readonly ReadonlySet<string>[]
  readonly ms: number
}

async function answers(
  table: Table,
  queries: readonly Float32Array[],
  index: IndexState,
): Promise<Answers> {
  const started = performance.now()
  const ids: Set<string>[] = []
  for (const query of queries) {
    const rows = await denseSearch(table, query, top, index)
    ids.push(new Set(rows.map((row) => row.id)))
  }
  return { ids, ms: performance.now() - started }
}

/** The fewest partitions asked that are enough, or what most give. */
async function measure(
  table: Table,
  queries: readonly Float32Array[],
  exact: Answers,
  signal: AbortSignal,
): Promise<{ recall: number; probes: number; enough: boolean }> {
  let measured = { recall: 0, probes: probesTried[0]!, enough: false }
  for (const probes of probesTried) {
    signal.throwIfAborted()
    const found = await answers(table, queries, { kind: 'ivf-flat', probes })
    const shares = found.ids.map((ids, at) => {
      const wanted = exact.ids[at]!
      return wanted.size === 0 ? 1 : [...wanted].filter((id) => ids.has(id)).length / wanted.size
    })
    const recall = shares.reduce((sum, share) => sum + share, 0) / shares.length
    measured = { recall, probes, enough: recall >= neededRecall && found.ms <= exact.ms * neededGain } // prettier-ignore
    if (recall >= neededRecall) break
  }
  return measured
}
