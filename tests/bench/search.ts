import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LanceStore } from '#companion/vault/lance-store.ts'
import type { StoredChunk } from '#shared/contracts/vault-store.ts'

const dimensions = 384
const limit = 10
const collectionId = 'bench-search'
const topics = 400
/** Where interactive search is still at once. */
const goalMs = { 10_000: 50, 100_000: 250, 500_000: 1000 } as const
const words = 'lease invoice warehouse notice period travel policy budget sensor valve seal brewery contract supplier delivery payment training safety holiday quality report server outage firmware drift pressure 差旅 住宿 合同 租赁 通知 押金 维修 质量 检验 库存 采购 供应商 付款 发票 安全 培训 年假 流量计 校准 客户'.split(' ') // prettier-ignore

/**
 * Hybrid search through the store at 10,000 and 100,000 chunks, and 500,000 without `--quick`: how long, how much of
 * what exact search finds, and how much memory. Vectors lie around topics, as those of texts do.
 */
export async function run({ quick }: { quick: boolean }) {
  const sizes = quick ? ([10_000, 100_000] as const) : ([10_000, 100_000, 500_000] as const)
  const results = []
  for (const size of sizes) results.push(await measure(size, quick ? 40 : 150))
  const worst = Math.max(...results.map(({ p95Ms, goalMs: goal }) => p95Ms / goal))
  const recall = Math.min(...results.map((result) => result.recall))
  return {
    bench: 'search',
    ratio: round3(worst),
    goal: 1,
    ok: worst <= 1 && recall >= 0.98,
    recall: round3(recall),
    sizes: results,
  }
}

async function measure(chunks: keyof typeof goalMs, rounds: number) {
  const directory = await mkdtemp(join(tmpdir(), 'silo-bench-search-'))
  const signal = AbortSignal.timeout(1_200_000)
  const store = new LanceStore({ directory, deviceId: 'bench', modelId: 'random', dimensions, graceMs: 0 }) // prettier-ignore
  const random = generator(7)
  const centres = Array.from({ length: topics }, () => unitVector(random))
  try {
    const perCommit = 10_000
    const writing = performance.now()
    for (let from = 0; from < chunks; from += perCommit) {
      const documents = new Map<string, StoredChunk[]>()
      for (let at = from; at < from + perCommit; at += 10)
        documents.set(`document-${at}`, Array.from({ length: 10 }, (_, i) => chunkOf(`document-${at}`, i, random, centres))) // prettier-ignore
      await store.replaceDocuments(collectionId, documents, signal)
    }
    const optimizing = performance.now()
    await store.optimize(collectionId, signal)
    const optimized = performance.now()
    const [state] = await store.datasets(collectionId, signal)

    const times: number[] = []
    let found = 0
    let wanted = 0
    for (let round = -5; round < rounds; round++) {
      const vector = near(centres[Math.floor(random() * topics)]!, 0.7, random)
      const text = Array.from({ length: 3 }, () => pick(random)).join(' ')
      const request = { collectionIds: [collectionId], text, vector, limit }
      const started = performance.now()
      await store.search(request, signal)
      if (round >= 0) times.push(performance.now() - started)
      if (round < 0 || round % 10 !== 0) continue
      const dense = await store.search({ ...request, textWeight: 0 }, signal)
      const exact = await store.search({ ...request, textWeight: 0, exact: true }, signal)
      const ids = new Set(dense.map((hit) => hit.chunk.id))
      found += exact.filter((hit) => ids.has(hit.chunk.id)).length
      wanted += exact.length
    }
    return {
      chunks,
      p50Ms: round3(percentile(times, 0.5)),
      p95Ms: round3(percentile(times, 0.95)),
      goalMs: goalMs[chunks],
      recall: round3(wanted === 0 ? 0 : found / wanted),
      index: state?.index.kind ?? 'none',
      ...(state?.index.probes === undefined ? {} : { probes: state.index.probes }),
      residentMb: Math.round(process.memoryUsage().rss / 1e6),
      writeS: Math.round((optimizing - writing) / 1000),
      optimizeS: Math.round((optimized - optimizing) / 1000),
    }
  } finally {
    await store[Symbol.asyncDispose]()
    await rm(directory, { recursive: true, force: true })
  }
}

function chunkOf(
  documentId: string,
  ordinal: number,
  random: () => number,
  centres: readonly Float32Array[],
): StoredChunk {
  const text = Array.from({ length: 40 }, () => pick(random)).join(' ')
  return {
    id: `${documentId}-${ordinal}`,
    documentId,
    ordinal,
    text,
    headings: ['Bench', `Section ${ordinal}`],
    start: ordinal * text.length,
    end: (ordinal + 1) * text.length,
    page: 0,
    vector: near(centres[Math.floor(random() * topics)]!, 0.9, random),
  }
}

function pick(random: () => number): string {
  // A few words are common and most are rare, as in real text.
  const word = words[Math.floor(random() ** 2 * words.length)]!
  return random() < 0.5 ? word : `${word}${Math.floor(random() * 400)}`
}

/** A unit vector about `centre`; the larger `spread`, the farther. */
function near(centre: Float32Array, spread: number, random: () => number): Float32Array {
  const noise = unitVector(random)
  const vector = centre.map((value, at) => value + spread * noise[at]!)
  const norm = Math.hypot(...vector)
  return vector.map((value) => value / norm)
}

function unitVector(random: () => number): Float32Array {
  const vector = Float32Array.from({ length: dimensions }, () => random() - 0.5)
  const norm = Math.hypot(...vector)
  return vector.map((value) => value / norm)
}

/** The same numbers in every run (mulberry32). */
function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}

function round3(value: number): number {
  return Math.round(value * 1000) / 1000
}
