import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Embedder } from '#companion/vault/embedder.ts'
import { OwnDocuments } from '#companion/vault/own-documents.ts'
import { bagOfWords } from '#tests/fakes/engine.ts'
import { openVault, runOf, type OpenVault } from '#tests/vault.ts'

const collectionId = 'collection-01'
const child = join(import.meta.dirname, 'vault-kill.child.ts')
const points = process.env.SILO_LONG_TESTS === '1' ? 50 : 12
const embedder: Embedder = {
  modelId: 'words',
  dimensions: 32,
  embed: (texts) => Promise.resolve(texts.map((text) => bagOfWords(text, 32))),
}
const signal = AbortSignal.timeout(1_200_000)
let home = ''
let folder = ''
let open: OpenVault | undefined

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'silo-kill-'))
  folder = join(home, 'documents')
  mkdirSync(folder)
})
afterEach(async () => {
  await open?.close()
  open = undefined
  rmSync(home, { recursive: true, force: true })
})

/** Lets the child work until some moment of its work, and kills it there. @returns what it called done */
async function killedAfter(ms: number, seed: number): Promise<{ path: string; sha256: string }[]> {
  const running = spawn(process.execPath, [child, home, collectionId, String(seed)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let failure = ''
  running.stderr.on('data', (part: Buffer) => (failure += String(part)))
  const done: { path: string; sha256: string }[] = []
  const ended = new Promise<NodeJS.Signals | null>((resolve) => running.on('close', (_code, by) => resolve(by))) // prettier-ignore
  for await (const line of createInterface({ input: running.stdout })) {
    // The last line may be cut off where the process was.
    if (!line.endsWith('}')) continue
    const said = JSON.parse(line) as { ready?: string; path: string; sha256: string }
    if (said.ready === undefined) done.push(said)
    else setTimeout(() => running.kill('SIGKILL'), ms)
  }
  expect(await ended, failure).toBe('SIGKILL')
  return done
}

function onDisk(): Map<string, string> {
  return new Map(
    readdirSync(folder).map((name) => {
      const path = join(folder, name)
      return [path, createHash('sha256').update(readFileSync(path)).digest('hex')]
    }),
  )
}

async function findings(): Promise<unknown[]> {
  const { report } = await open!.vault.check({ repair: false }, runOf(signal).context)
  expect(report.busy).toEqual([])
  return report.findings
}

it(
  `is whole after kill -9 at ${points} random moments, with nothing lost and nothing twice`,
  { timeout: 1_200_000 },
  async () => {
    // prettier-ignore
    open = openVault(home, embedder)
    open.vault.createCollection({ id: collectionId, name: 'Test', roots: [folder] })
    await open.close()
    let acknowledged = 0
    for (let point = 1; point <= points; point++) {
      const done = await killedAfter(Math.random() * 1500, point)
      open = openVault(home, embedder)
      await open.vault.recover(signal)
      expect(await findings(), `point ${point}`).toEqual([])
      const files = new OwnDocuments(open.records).files(collectionId)
      const disk = onDisk()
      for (const { path, sha256 } of done) {
        if (disk.get(path) !== sha256) continue
        expect(files.get(path)?.sha256, `point ${point}`).toBe(sha256)
        acknowledged += 1
      }
      await open.close()
      open = undefined
    }
    expect(acknowledged).toBeGreaterThan(points)
    // The next run goes on, and comes to what is on the disk: each content once, at all its paths.
    open = openVault(home, embedder)
    await open.vault.ingest({ collectionId, paths: [] })(runOf(signal).context)
    expect(await findings()).toEqual([])
    const disk = onDisk()
    const { documents, total } = open.vault.documents(collectionId, { query: '', offset: 0, limit: 10_000 }) // prettier-ignore
    expect(total).toBe(new Set(disk.values()).size)
    const paths = documents.flatMap(({ path, copies = [] }) => [path, ...copies])
    expect(paths.sort()).toEqual([...disk.keys()].sort())
    const chunks = await open.store.chunksOf(collectionId, documents.map(({ id }) => id), signal) // prettier-ignore
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(chunks.length)
    expect(chunks).toHaveLength(await open.store.countChunks(collectionId, signal))
  },
)
