import { WllamaEngine } from '#web/engines/wllama/engine.ts'
import { chooseCopy, vaultCopy } from '#web/replica/vault/copies.ts'
import { VaultSync } from '#web/client/vault-copies/vault-sync.ts'
import { VaultWorker } from '#web/replica/vault/vault-worker.ts'
import type { ReplicaPage } from './replica-port.ts'

/** What the replica benchmark does in the page: the app's own copies, sync and worker, without the app. */
const id = 'bench-replica'
let worker = new VaultWorker()

async function send(path: string): Promise<Response> {
  const response = await fetch(path)
  if (!response.ok) throw new Error(`${path}: ${response.status}`)
  return response
}

async function sync(): Promise<{ ms: number; chunks: number; bytes: number }> {
  await chooseCopy({ id, name: 'Bench', change: 1, chunks: 1, bytes: 1 }, 'bench', Date.now())
  const sync = new VaultSync({
    send,
    worker,
    locks: navigator.locks,
    companionId: () => 'bench',
    pause: () => undefined,
    onStep: () => {},
  })
  const started = performance.now()
  await sync.run()
  const ms = performance.now() - started
  const copy = await vaultCopy(id)
  if (copy?.syncedAt === undefined) throw new Error(`not whole: ${JSON.stringify(copy)}`)
  return { ms, chunks: copy.chunks, bytes: copy.bytes }
}

/** Milliseconds of each search; the first of a worker that has nothing in memory yet is `cold`. */
async function queries(
  asked: readonly { text: string; vector: number[] }[],
): Promise<{ cold: number; warm: number[] }> {
  // prettier-ignore
  worker[Symbol.dispose]()
  worker = new VaultWorker()
  const times: number[] = []
  for (const { text, vector } of asked) {
    const started = performance.now()
    const query = { text, vector: Float32Array.from(vector), modelId: 'random', collectionIds: [id], limit: 8 } // prettier-ignore
    const { hits } = await worker.call('search', query)
    times.push(performance.now() - started)
    if (hits.length === 0 || hits[0]!.text === '') throw new Error('nothing was found')
  }
  return { cold: times[0]!, warm: times.slice(1) }
}

/** Milliseconds to embed each question with the real model, after it was loaded. */
async function embed(
  url: string,
  texts: readonly string[],
): Promise<{ loadMs: number; ms: number[] }> {
  // prettier-ignore
  const file = await (await fetch(url)).blob()
  const engine = new WllamaEngine({ open: async () => file })
  const started = performance.now()
  const model = { id: 'e5', path: 'e5', sha256: '0'.repeat(64), task: 'embed' } as const
  const { signal } = new AbortController()
  const loaded = await engine.load(model, { contextTokens: 512, parallel: 1 }, { signal })
  const loadMs = performance.now() - started
  const ms: number[] = []
  for (const text of ['warm up', ...texts]) {
    const from = performance.now()
    await loaded.embed([`query: ${text}`], signal)
    ms.push(performance.now() - from)
  }
  await engine[Symbol.asyncDispose]()
  return { loadMs, ms: ms.slice(1) }
}

const replicaPage: ReplicaPage = { sync, queries, embed }
Object.assign(globalThis, { replicaPage })
