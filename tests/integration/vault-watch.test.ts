import { chmod, mkdir, mkdtemp, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { silentLog } from '#companion/observe/log.ts'
import { FolderWatch, type FolderWatchInit } from '#companion/vault/watch.ts'
import type { Embedder } from '#companion/vault/embedder.ts'
import { bagOfWords } from '#tests/fakes/engine.ts'
import { openVault, runOf, type OpenVault } from '#tests/vault.ts'

const collectionId = 'collection-01'
const signal = AbortSignal.timeout(300_000)
const wait = { timeout: 20_000, interval: 50 }
let home = ''
let folder = ''
let open: OpenVault
let watch: FolderWatch
let embedded = 0
/** What each run was told to read. */
let runs: (readonly string[] | undefined)[] = []
const embedder: Embedder = {
  modelId: 'words',
  dimensions: 64,
  async embed(texts, kind) {
    if (kind === 'passage') embedded += texts.length
    return texts.map((text) => bagOfWords(text, 64))
  },
}

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'silo-watch-'))
  folder = join(home, 'documents')
  await mkdir(join(folder, 'sub'), { recursive: true })
  await write('a.txt', 'The first text.')
  await write('sub/b.txt', 'The second text.')
  open = openVault(home, embedder)
  open.vault.createCollection({ id: collectionId, name: 'Test', roots: [folder] })
  embedded = 0
  runs = []
  watch = watchOf()
  watch.follow()
  await expect.poll(names, wait).toEqual(['a.txt', 'sub/b.txt'])
  await expect.poll(() => watch.state(collectionId), wait).toMatchObject([{ state: 'events' }])
})
afterEach(async () => {
  await watch[Symbol.asyncDispose]()
  await expect.poll(() => open.vault.isReading(collectionId), wait).toBe(false)
  await open.close()
  await rm(home, { recursive: true, force: true })
})

function watchOf(more: Partial<FolderWatchInit> = {}): FolderWatch {
  return new FolderWatch({
    collections: () => open.vault.names(),
    isReading: (id) => open.vault.isReading(id),
    changedPaths: (id, options) => open.vault.changedPaths(id, options),
    start(id, only) {
      runs.push(only)
      const execute = open.vault.ingest({ collectionId: id, paths: [], only, retry: false })
      void execute(runOf(signal).context).catch(() => {})
    },
    onState: () => {},
    log: silentLog,
    quietMs: 100,
    lookMs: 100,
    pollMs: 200,
    ...more,
  })
}
const at = (name: string): string => join(folder, name)
const write = (name: string, text: string): Promise<void> => writeFile(at(name), text)
const documents = () => open.vault.documents(collectionId, { query: '', offset: 0, limit: 100 }).documents // prettier-ignore
const names = (): string[] => documents().map(({ path }) => path.slice(folder.length + 1)).sort() // prettier-ignore
const start = (path: string) => open.vault.ingest({ collectionId, paths: [path] })
const idle = async (): Promise<void> => {
  // Longer than the quiet time and a look: whatever was to come has come.
  await new Promise((resolve) => setTimeout(resolve, 600))
  await expect.poll(() => open.vault.isReading(collectionId), wait).toBe(false)
}

it('reads what is new and changed, and drops what is gone, without being told', async () => {
  await write('c.txt', 'The third text.')
  await write('a.txt', 'The first text, and more.')
  await unlink(at('sub/b.txt'))
  await expect.poll(names, wait).toEqual(['a.txt', 'c.txt'])
  await expect.poll(async () => (await open.vault.changedPaths(collectionId, { signal })).length, wait).toBe(0) // prettier-ignore
  expect(runs.slice(1).every((only) => only !== undefined)).toBe(true)
})

it('follows a folder that is renamed, with the ids of what is in it', async () => {
  await idle()
  const before = documents().find(({ path }) => path.endsWith('b.txt'))!
  embedded = 0
  await rename(at('sub'), at('other'))
  await expect.poll(names, wait).toEqual(['a.txt', 'other/b.txt'])
  expect(documents().find(({ path }) => path.endsWith('b.txt'))!.id).toBe(before.id)
  expect(embedded).toBe(0)
})

it('starts no run for what is not read', async () => {
  await write('.gitignore', 'built/\n')
  await mkdir(at('built'))
  await mkdir(at('node_modules'))
  await idle()
  const before = runs.length
  await write('built/x.txt', 'Made by a build.')
  await write('node_modules/x.txt', 'Fetched.')
  await write('.hidden.txt', 'Hidden.')
  await write('x.txt.tmp', 'Not done.')
  await idle()
  expect(runs.length).toBe(before)
  expect(names()).toEqual(['a.txt', 'sub/b.txt'])
})

it('removes nothing while a root is away, and catches up when it is back', async () => {
  await idle()
  embedded = 0
  await rename(folder, join(home, 'unplugged'))
  await expect.poll(() => watch.state(collectionId), wait).toMatchObject([{ state: 'missing' }])
  await idle()
  expect(documents()).toHaveLength(2)
  await writeFile(join(home, 'unplugged', 'c.txt'), 'Written elsewhere.')
  await rename(join(home, 'unplugged'), folder)
  await expect.poll(names, wait).toEqual(['a.txt', 'c.txt', 'sub/b.txt'])
  expect(embedded).toBe(1)
  await write('d.txt', 'After it came back.')
  await expect.poll(names, wait).toContain('d.txt')
})

it('finds at the start what happened while nobody watched', async () => {
  await watch[Symbol.asyncDispose]()
  await idle()
  await write('c.txt', 'Unseen.')
  await unlink(at('a.txt'))
  watch = watchOf()
  watch.follow()
  await expect.poll(names, wait).toEqual(['c.txt', 'sub/b.txt'])
})

it('looks where the system does not tell of changes, as on a network drive', async () => {
  await watch[Symbol.asyncDispose]()
  await idle()
  watch = watchOf({ isNetwork: () => Promise.resolve(true) })
  watch.follow()
  await expect.poll(() => watch.state(collectionId), wait).toMatchObject([{ state: 'polling' }])
  await write('c.txt', 'Written by another computer.')
  await unlink(at('a.txt'))
  await expect.poll(names, wait).toEqual(['c.txt', 'sub/b.txt'])
})

it('is off where it is switched off, and rests while the collection is paused', async () => {
  await idle()
  open.vault.setWatched(collectionId, false)
  watch.follow()
  expect(watch.state(collectionId)).toEqual([])
  await write('c.txt', 'Nobody looks.')
  await idle()
  expect(names()).not.toContain('c.txt')
  open.vault.setWatched(collectionId, true)
  watch.follow()
  await expect.poll(names, wait).toContain('c.txt')
  await idle()
  open.vault.pause(collectionId)
  watch.follow()
  await write('d.txt', 'Later.')
  await idle()
  expect(names()).not.toContain('d.txt')
  open.vault.resume(collectionId)
  watch.follow()
  await expect.poll(names, wait).toContain('d.txt')
})

it('says why it passes over keys, links and what it may not read, and never turns in a circle', async () => {
  await write('id_rsa', 'secret')
  await symlink('loop-b', at('loop-a'))
  await symlink('loop-a', at('loop-b'))
  await symlink(folder, at('sub/up'))
  await mkdir(at('closed'))
  await write('closed/x.txt', 'Behind a door.')
  const reasons = () => Object.fromEntries(open.vault.problems(collectionId).map(({ path, error }) => [path.slice(folder.length + 1), error.code])) // prettier-ignore
  await expect.poll(reasons, wait).toMatchObject({ id_rsa: 'file_secret', 'loop-a': 'file_link', 'sub/up': 'file_link' }) // prettier-ignore
  await expect.poll(names, wait).toContain('closed/x.txt')
  // Whoever runs the tests as root may read everything.
  if (process.getuid?.() === 0) return
  await chmod(at('closed'), 0)
  await open.vault.ingest({ collectionId, paths: [] })(runOf(signal).context)
  expect(reasons()).toMatchObject({ closed: 'path_denied' })
  expect(names()).toContain('closed/x.txt')
  await chmod(at('closed'), 0o700)
})

it('says what is wrong with a path', async () => {
  await symlink('circle', join(home, 'circle'))
  await idle()
  expect(() => start('/a\0b')).toThrow(expect.objectContaining({ code: 'path_not_absolute' }))
  await expect(start(`/${'x'.repeat(32_768)}`)(runOf(signal).context)).rejects.toMatchObject({ code: 'path_too_long' }) // prettier-ignore
  await expect(start(join(home, 'circle'))(runOf(signal).context)).rejects.toMatchObject({ code: 'path_loop' }) // prettier-ignore
})
