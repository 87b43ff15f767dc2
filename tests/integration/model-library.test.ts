import { createHash, randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync, truncateSync, copyFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FileRecords } from '#companion/models/file-records.ts'
import { createFileSource } from '#companion/models/file-source.ts'
import { createHubSource } from '#companion/models/hub-source.ts'
import { ModelLibrary } from '#companion/models/library.ts'
import { silentLog } from '#companion/observe/log.ts'
import { openDatabase } from '#companion/records/database.ts'
import type { RunContext } from '#companion/runs/run.ts'
import type { CatalogueEntry } from '#shared/domain/model.ts'
import { startModelServer, type ModelServer } from '#tests/contracts/model-server.ts'
import { testModel } from '#tests/models.ts'

type Emitted = Parameters<RunContext['emit']>[0]

const content = randomBytes(2_000_000)
const hub = { type: 'huggingface', repo: 'a/b', file: 'model.gguf', revision: 'main' } as const
const entry: CatalogueEntry = {
  id: 'test-model',
  name: 'Test model',
  task: 'chat',
  languages: ['en'],
  licence: 'MIT',
  sha256: createHash('sha256').update(content).digest('hex'),
  size: content.length,
  parameters: 1,
  quantization: 'Q4_0',
  contextLength: 1024,
  kvBytesPerToken: 1,
  starter: false,
  sources: [hub],
}
const signal = new AbortController().signal

describe('model library', () => {
  let folder: string
  let server: ModelServer
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'silo-library-'))
    server = await startModelServer(content)
  })
  afterEach(async () => {
    await server.close()
    rmSync(folder, { recursive: true, force: true })
  })

  function libraryOf(...catalogue: CatalogueEntry[]): ModelLibrary {
    return new ModelLibrary({
      directory: join(folder, 'models'),
      catalogue,
      sources: [
        createHubSource('huggingface', { endpoint: server.url, stallMs: 1000 }),
        createFileSource(),
      ],
      records: new FileRecords(openDatabase(':memory:')),
      hardware: () => undefined,
      contextTokens: () => 1024,
      isLoaded: () => false,
      log: silentLog,
      onChange: () => {},
    })
  }

  it('downloads, verifies and resolves a model, and removes it', async () => {
    const library = libraryOf(entry)
    await expect(library.resolve(entry.id, 'chat', signal)).rejects.toMatchObject({
      code: 'model_not_installed',
    })
    const events: Emitted[] = []
    await library.download(entry.id)(runOf(events))
    expect(stagesOf(events)).toEqual(expect.arrayContaining(['downloading', 'verifying']))
    expect(library.list()[0]).toMatchObject({ installed: true, partial: 0 })
    expect(await library.resolve(undefined, 'chat', signal)).toMatchObject({ id: entry.id })
    await expect(library.resolve(entry.id, 'embed', signal)).rejects.toMatchObject({
      code: 'model_wrong_task',
    })
    await library.remove(entry.id)
    expect(library.list()[0]).toMatchObject({ installed: false })
  })

  it('goes on to the next source when one fails, and says which failed', async () => {
    const path = join(folder, 'copy.gguf')
    writeFileSync(path, content)
    const library = libraryOf({
      ...entry,
      sources: [
        { ...hub, file: 'nothing.bin' },
        { type: 'file', path },
      ],
    })
    const events: Emitted[] = []
    await library.download(entry.id)(runOf(events))
    expect(events.filter((event) => event.type === 'item-failed')).toHaveLength(1)
    expect(library.list()[0]?.installed).toBe(true)
  })

  it('throws away what has another sum', async () => {
    server.content = randomBytes(content.length)
    const library = libraryOf(entry)
    const events: Emitted[] = []
    await expect(library.download(entry.id)(runOf(events))).rejects.toMatchObject({
      code: 'download_failed',
    })
    const failed = events.find((event) => event.type === 'item-failed')
    expect(failed?.error.code).toBe('checksum_mismatch')
    expect(library.list()[0]).toMatchObject({ installed: false, partial: 0 })
  })

  it('keeps what it has when a download breaks, shows it, and continues', async () => {
    const library = libraryOf(entry)
    server.trouble = { cutAfter: 800_000 }
    await expect(library.download(entry.id)(runOf([]))).rejects.toMatchObject({
      code: 'download_failed',
    })
    expect(library.list()[0]?.partial).toBeGreaterThan(0)
    server.trouble = undefined
    await library.download(entry.id)(runOf([]))
    expect(server.starts.at(-1)).toBeGreaterThan(0)
    expect(library.list()[0]?.installed).toBe(true)
  })

  it('says disk_full before it starts', async () => {
    const library = libraryOf({ ...entry, size: 1e18 })
    await expect(library.download(entry.id)(runOf([]))).rejects.toMatchObject({
      code: 'disk_full',
    })
    expect(server.starts).toEqual([])
  })

  it('notices a file that was changed on the disk', async () => {
    const library = libraryOf(entry)
    await library.download(entry.id)(runOf([]))
    const path = join(folder, 'models', `${entry.id}.gguf`)
    expect(existsSync(path)).toBe(true)
    writeFileSync(path, randomBytes(content.length))
    await expect(library.resolve(entry.id, 'chat', signal)).rejects.toMatchObject({
      code: 'model_corrupt',
    })
  })

  it('imports a real model in place, and refuses a cut one', async () => {
    const library = libraryOf(entry)
    const path = join(folder, 'mine.gguf')
    copyFileSync(testModel('multilingual-e5-small'), path)
    const state = await library.import({ path }, signal)
    expect(state).toMatchObject({ installed: true, imported: true })
    expect(state.entry).toMatchObject({ task: 'embed', contextLength: 512, dimensions: 384 })
    expect((await library.resolve(state.entry.id, 'embed', signal)).path).toBe(path)
    await library.remove(state.entry.id)
    expect(existsSync(path)).toBe(true)
    truncateSync(path, 1_000_000)
    await expect(library.import({ path }, signal)).rejects.toMatchObject({ code: 'model_corrupt' })
    await expect(library.import({ path: 'mine.gguf' }, signal)).rejects.toMatchObject({
      code: 'path_not_absolute',
    })
  })

  it('knows what it does not know', async () => {
    const library = libraryOf(entry)
    await expect(library.resolve('nothing', 'chat', signal)).rejects.toMatchObject({
      code: 'model_unknown',
    })
    expect(() => library.download('nothing')).toThrow('nothing')
  })
})

function runOf(events: Emitted[]): RunContext {
  return { id: 'run-00000001', signal, emit: (body) => void events.push(body) }
}

function stagesOf(events: readonly Emitted[]): string[] {
  return events.flatMap((event) => (event.type === 'progress' ? [event.stage] : []))
}
