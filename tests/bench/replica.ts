import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type Page } from '@playwright/test'
import { createServer } from 'vite'
import type { DocumentChange } from '#companion/replica/ports.ts'
import { ReplicaFeed } from '#companion/replica/replica-feed.ts'
import { LanceStore } from '#companion/vault/lance-store.ts'
import type { StoredChunk } from '#shared/contracts/vault-store.ts'
import { replicaPageType } from '#shared/protocol/replica-page.ts'
import { isolatedServer, testModels } from '#tests/browser.ts'
import { launchOptions } from '#tests/e2e/browser.ts'
import type { ReplicaPage } from './replica-port.ts'
import { measureRecall } from './replica-recall.ts'

const dimensions = 384
const chunks = 20_000
const perDocument = 10
const goalMs = 100
const collectionId = 'bench-replica'
const english = 'lease invoice warehouse notice period travel policy budget sensor valve seal brewery contract supplier delivery payment training safety holiday quality report server outage firmware drift pressure tenant deposit insurance signature'.split(' ') // prettier-ignore
const chinese = '差旅住宿合同租赁通知押金维修质量检验库存采购供应商付款发票安全培训年假流量计校准客户仓库设备台账会议纪要保密协议员工手册订单产品问题服务时间负责人' // prettier-ignore

/**
 * A phone's copy of 20,000 chunks, in a real Chromium: the first sync from a real index through the feed into IndexedDB,
 * and searches by meaning and by words in the worker. Random vectors and words; the embedding of a question, which a
 * search needs beside it, is measured apart with the real model.
 */
export async function run({ quick }: { quick: boolean }) {
  const directory = await mkdtemp(join(tmpdir(), 'silo-bench-replica-'))
  const signal = AbortSignal.timeout(600_000)
  await using store = new LanceStore({ directory, deviceId: 'bench', modelId: 'random', dimensions }) // prettier-ignore
  const random = generator(11)
  const feed = await fill(store, random, signal)
  const server = await serve(feed)
  const browser = await chromium.launch(launchOptions)
  try {
    const page = await browser.newPage()
    await page.goto(`${server.resolvedUrls!.local[0]}bench`)
    await page.waitForFunction('typeof replicaPage === "object"')
    const sync = await call(page, 'sync')
    const asked = Array.from({ length: quick ? 60 : 300 }, () => ({
      text: `${pick(random)} ${pick(random)} ${han(random, 6)}`,
      vector: [...unitVector(random)],
    }))
    const { cold, warm } = await call(page, 'queries', asked)
    const questions = ['What is the notice period of the lease?', '押金是多少？', 'Who services the boiler and when?'] // prettier-ignore
    const embedded = await call(page, 'embed', '/test-models/multilingual-e5-small.gguf', questions)
    const p95 = percentile(warm, 0.95)
    return {
      bench: 'replica',
      ratio: round(p95 / goalMs),
      goal: 1,
      ok: p95 <= goalMs && sync.chunks === chunks,
      chunks: sync.chunks,
      firstSyncSeconds: round(sync.ms / 1000),
      bytes: sync.bytes,
      bytesPerChunk: Math.round(sync.bytes / chunks),
      queryMs: {
        p50: round(percentile(warm, 0.5)),
        p95: round(p95),
        cold: round(cold),
        rounds: warm.length,
      },
      ...(quick ? {} : { bytesAgainstFloats: await measureRecall(signal) }),
      embedMs: { load: round(embedded.loadMs), query: round(percentile(embedded.ms, 0.5)) },
    }
  } finally {
    await browser.close()
    await server.close()
    await rm(directory, { recursive: true, force: true })
  }
}

/** The feed of a real index that holds random documents, half of them Chinese. */
async function fill(store: LanceStore, random: () => number, signal: AbortSignal) {
  const changes: DocumentChange[] = []
  const batch = 250
  for (let from = 0; from * perDocument < chunks; from += batch) {
    const documents = new Map<string, StoredChunk[]>()
    for (let at = from; at < from + batch; at++) {
      const id = `document-${at}`
      documents.set(id, Array.from({ length: perDocument }, (_, ordinal) => chunkOf(id, ordinal, at % 2 === 1, random))) // prettier-ignore
      changes.push({
        kind: 'document',
        change: at + 1,
        contentChange: at + 1,
        document: { id, collectionId, path: `/documents/${id}.md`, title: `Document ${at}`, mediaType: 'text/markdown', size: 9000, modifiedAt: at, chunks: perDocument }, // prettier-ignore
      })
    }
    await store.replaceDocuments(collectionId, documents, signal)
  }
  await store.optimize(collectionId, signal)
  const all = { level: 'read', copy: true } as const
  return new ReplicaFeed({
    companionId: 'bench',
    modelId: 'random',
    dimensions,
    records: {
      collections: () => [{ id: collectionId, name: 'Bench', documents: changes.length, chunks }],
      lastChange: () => changes.length,
      changesSince: (_id, since, limit) => changes.slice(since, since + limit),
    },
    chunks: store,
    access: { accessOf: () => all, mayCopy: () => true },
    epoch: () => 'bench-epoch',
  })
}

/** The page of the bench beside the feed, as a companion serves it. */
async function serve(feed: ReplicaFeed) {
  const root = join(import.meta.dirname, '..', '..')
  const server = await createServer({
    configFile: false,
    root,
    logLevel: 'error',
    appType: 'custom',
    cacheDir: join(root, 'node_modules', '.vite-bench-replica'),
    plugins: [testModels()],
    server: { ...isolatedServer, port: 0, host: '127.0.0.1' },
    worker: { format: 'es' },
    optimizeDeps: { noDiscovery: true, include: ['@wllama/wllama/esm/index.js', 'valibot', 'idb'] },
  })
  server.middlewares.use('/api/replica', (request, response) => {
    const url = new URL(request.url ?? '/', 'http://bench')
    if (url.pathname === '/') return void response.end(JSON.stringify(feed.list('self')))
    const query = Object.fromEntries(url.searchParams)
    const part = query.change ? { part: { change: Number(query.change), chunks: Number(query.chunks) } } : {} // prettier-ignore
    const cursor = { since: Number(query.since), ...part }
    const asked = { collectionId, cursor, epoch: query.epoch, limit: Number(query.limit), device: 'self' } // prettier-ignore
    feed.page(asked, AbortSignal.timeout(60_000)).then(
      (page) => response.writeHead(200, { 'Content-Type': replicaPageType }).end(page),
      (error: unknown) => response.writeHead(500).end(String(error)),
    )
  })
  server.middlewares.use('/bench', (_request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/html', ...isolatedServer.headers })
    response.end('<!doctype html><script type="module" src="/tests/bench/replica-page.ts"></script>') // prettier-ignore
  })
  return server.listen()
}

function call<Name extends keyof ReplicaPage>(
  page: Page,
  name: Name,
  ...given: Parameters<ReplicaPage[Name]>
): Promise<Awaited<ReturnType<ReplicaPage[Name]>>> {
  return page.evaluate(`replicaPage.${name}(...${JSON.stringify(given)})`)
}

function chunkOf(
  documentId: string,
  ordinal: number,
  inChinese: boolean,
  random: () => number,
): StoredChunk {
  // As long as real chunks are: some 150 words, or 300 characters.
  const text = inChinese
    ? Array.from({ length: 12 }, () => han(random, 25)).join('，')
    : Array.from({ length: 150 }, () => pick(random)).join(' ')
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

/** A few words are common and most are rare, as in real text. */
function pick(random: () => number): string {
  const word = english[Math.floor(random() ** 2 * english.length)]!
  return random() < 0.6 ? word : `${word}${Math.floor(random() ** 2 * 4000)}`
}

function han(random: () => number, length: number): string {
  return Array.from({ length }, () => chinese[Math.floor(random() * chinese.length)]).join('')
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

function round(value: number): number {
  return Math.round(value * 100) / 100
}
