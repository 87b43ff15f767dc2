import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type Table } from '@lancedb/lancedb'
import { LanceStore } from '#companion/vault/lance-store.ts'
import { termsOf } from '#companion/vault/terms.ts'
import type { StoredChunk } from '#shared/contracts/vault-store.ts'

const dimensions = 384
const chunks = 50_000
const limit = 10
const collectionId = 'bench-search'
const columns = ['id', 'document_id', 'ordinal', 'text', 'headings', 'start', 'end', 'page']
const words = 'lease invoice warehouse notice period travel policy budget sensor valve seal brewery contract supplier delivery payment training safety holiday quality report server outage firmware drift pressure 差旅 住宿 合同 租赁 通知 押金 维修 质量 检验 库存 采购 供应商 付款 发票 安全 培训 年假 流量计 校准 客户'.split(' ') // prettier-ignore

/**
 * Hybrid search over 50,000 chunks through the store, against the same two queries made on LanceDB directly
 * and merged by rank, turn by turn. Random unit vectors; the query vector is given to both.
 */
export async function run({ quick }: { quick: boolean }) {
  const directory = await mkdtemp(join(tmpdir(), 'silo-bench-search-'))
  const signal = AbortSignal.timeout(600_000)
  const store = new LanceStore({ directory, deviceId: 'bench', modelId: 'random', dimensions })
  try {
    const random = generator(7)
    const perCommit = 10_000
    for (let from = 0; from < chunks; from += perCommit) {
      const documents = new Map<string, StoredChunk[]>()
      for (let at = from; at < from + perCommit; at += 10)
        documents.set(`document-${at}`, Array.from({ length: 10 }, (_, i) => chunkOf(`document-${at}`, i, random))) // prettier-ignore
      await store.replaceDocuments(collectionId, documents, signal)
    }
    await store.optimize(collectionId, signal)

    const folder = join(directory, collectionId, 'bench')
    const connection = await connect(folder)
    const name = (await readdir(folder)).find((entry) => entry.endsWith('.lance'))!
    const table = await connection.openTable(name.slice(0, -'.lance'.length))
    const rounds = quick ? 60 : 300
    const ours: number[] = []
    const direct: number[] = []
    for (let round = -5; round < rounds; round++) {
      const vector = unitVector(random)
      const text = Array.from({ length: 3 }, () => pick(random)).join(' ')
      const search = async (): Promise<number> => {
        const started = performance.now()
        await store.search({ collectionIds: [collectionId], text, vector, limit }, signal)
        return performance.now() - started
      }
      const raw = async (): Promise<number> => {
        const started = performance.now()
        await directSearch(table, vector, text)
        return performance.now() - started
      }
      // Who goes first alternates, so that neither always finds warm caches.
      const oursFirst = round % 2 === 0
      const first = await (oursFirst ? search() : raw())
      const second = await (oursFirst ? raw() : search())
      if (round < 0) continue
      ours.push(oursFirst ? first : second)
      direct.push(oursFirst ? second : first)
    }
    table.close()
    connection.close()
    const p95 = percentile(ours, 0.95)
    const directP95 = percentile(direct, 0.95)
    const ratio = p95 / directP95
    return {
      bench: 'search',
      ratio: round3(ratio),
      goal: 1.3,
      ok: ratio <= 1.3,
      chunks,
      p50Ms: round3(percentile(ours, 0.5)),
      p95Ms: round3(p95),
      directP50Ms: round3(percentile(direct, 0.5)),
      directP95Ms: round3(directP95),
      rounds,
    }
  } finally {
    await store[Symbol.asyncDispose]()
    await rm(directory, { recursive: true, force: true })
  }
}

async function directSearch(table: Table, vector: Float32Array, text: string): Promise<string[]> {
  // As many candidates as the store asks for: four for every hit.
  const wanted = limit * 4
  const [dense, full] = await Promise.all([
    table.query().nearestTo(vector).distanceType('dot').select([...columns, '_distance']).limit(wanted).toArray(), // prettier-ignore
    table.query().fullTextSearch(termsOf(text, 'query').join(' '), { columns: ['terms'] }).select([...columns, '_score']).limit(wanted).toArray(), // prettier-ignore
  ])
  const scores = new Map<string, number>()
  for (const list of [dense, full] as { id: string }[][])
    for (const [rank, row] of list.entries())
      scores.set(row.id, (scores.get(row.id) ?? 0) + 1 / (61 + rank))
  return [...scores].sort((a, b) => b[1] - a[1]).slice(0, limit).map(([id]) => id) // prettier-ignore
}

function chunkOf(documentId: string, ordinal: number, random: () => number): StoredChunk {
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
    vector: unitVector(random),
  }
}

function pick(random: () => number): string {
  // A few words are common and most are rare, as in real text.
  const word = words[Math.floor(random() ** 2 * words.length)]!
  return random() < 0.5 ? word : `${word}${Math.floor(random() * 400)}`
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
