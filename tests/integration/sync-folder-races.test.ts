import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, expect, test, vi } from 'vitest'
import { Disk } from '#companion/sync/folder/disk.ts'
import type { DiskTask } from '#companion/sync/folder/disk-tasks.ts'
import type { FileInfo } from '#companion/sync/bep-peer.ts'
import { connectDevices } from '#tests/fakes/bep-pair.ts'
import { converge, quiet, replica, treeOf, type Replica } from './sync-folder-harness.ts'

afterEach(() => vi.restoreAllMocks())

/**
 * The next task of the disk threads of which `matches` is true: it is done, and what it found is held back until
 * `go`, as on a computer with little time. `done`: it has been done.
 */
function holdBack(matches: (task: DiskTask) => boolean, when: 'before' | 'after' = 'after') {
  const done = Promise.withResolvers<void>()
  const go = Promise.withResolvers<void>()
  let held = false
  const run = Disk.prototype.run as (this: Disk, ...args: unknown[]) => Promise<unknown>
  vi.spyOn(Disk.prototype, 'run').mockImplementation(async function (this: Disk, task, moved) {
    const mine = !held && matches(task as DiskTask)
    if (!mine) return (await run.call(this, task, moved)) as never
    held = true
    if (when === 'before') {
      done.resolve()
      await go.promise
      return (await run.call(this, task, moved)) as never
    }
    const result = await run.call(this, task, moved)
    done.resolve()
    await go.promise
    return result as never
  })
  return { done: done.promise, go: go.resolve }
}

/** Directories recorded as deleted before something in them was. */
function tooEarly({ databasePath }: Replica): unknown[] {
  const database = new DatabaseSync(databasePath, { readOnly: true })
  const rows = database
    .prepare(
      `SELECT p.name AS folder, c.name AS child FROM sync_files p
       JOIN sync_files c ON c.device = 0 AND c.name > p.name || '/' AND c.name < p.name || '0'
       WHERE p.device = 0 AND p.flags & 1 AND (c.flags & 1 = 0 OR c.sequence > p.sequence) LIMIT 3`,
    )
    .all()
  database.close()
  return rows
}

function recorded({ databasePath }: Replica): unknown[] {
  const database = new DatabaseSync(databasePath, { readOnly: true })
  const rows = database
    .prepare('SELECT name FROM sync_files WHERE device = 0 AND flags & 1 = 0 ORDER BY name')
    .all()
  database.close()
  return rows.map(({ name }) => name)
}

function fill(root: string, folder: string, count: number): void {
  mkdirSync(join(root, folder), { recursive: true })
  for (let i = 0; i < count; i++) writeFileSync(join(root, folder, `${i}.txt`), `${folder} ${i}`)
}

test('a directory of more files than a page is deleted on both sides and leaves nothing', async () => {
  await using a = await replica('a')
  await using b = await replica('b')
  fill(a.root, 'many', 1300)
  fill(a.root, 'many/below', 400)
  writeFileSync(join(a.root, 'kept'), 'kept')
  connectDevices(a.device, b.device)
  await converge(a, b)
  expect(Object.keys(treeOf(b.root))).toHaveLength(1703)
  rmSync(join(a.root, 'many'), { recursive: true })
  await a.engine.rescan()
  // What is recorded at any moment is all that outlives a kill: no directory may go before what is in it.
  expect(tooEarly(a)).toEqual([])
  await converge(a, b)
  expect(treeOf(a.root)).toEqual({ kept: 'kept' })
  expect(treeOf(b.root)).toEqual({ kept: 'kept' })
  expect(tooEarly(b)).toEqual([])
  for (const { engine } of [a, b])
    expect(engine.state()).toMatchObject({ needFiles: 0, problems: [], files: 1 })
})

test('a directory that is deleted by sync while a scan has just listed it stays deleted', async () => {
  await using a = await replica('a')
  await using b = await replica('b')
  fill(a.root, 'd', 2)
  connectDevices(a.device, b.device)
  await converge(a, b)
  const listing = holdBack((task) => task.kind === 'list' && task.root === b.root)
  const scanned = b.engine.rescan()
  await listing.done
  rmSync(join(a.root, 'd'), { recursive: true })
  await a.engine.rescan()
  await vi.waitFor(() => expect(existsSync(join(b.root, 'd'))).toBe(false), 10_000)
  await vi.waitFor(() => expect(b.engine.state().needFiles).toBe(0), 10_000)
  listing.go()
  await scanned
  await quiet(a, b)
  expect(treeOf(a.root)).toEqual({})
  expect(treeOf(b.root)).toEqual({})
})

test('a device that comes later gives what the first to announce it did not', async () => {
  await using a = await replica('a')
  await using b = await replica('b')
  await using c = await replica('c')
  writeFileSync(join(a.root, 'note.md'), 'from a')
  connectDevices(a.device, c.device)
  await converge(a, c)
  // A gives B nothing that is right, and goes.
  const road = connectDevices(a.device, b.device, { tamper: (_, { size }) => Buffer.alloc(size) })
  await vi.waitFor(() => expect(b.engine.state().problems).toHaveLength(1), 10_000)
  await road.disconnect()
  // C's announcement takes its time; B looks for nobody meanwhile.
  connectDevices(c.device, b.device, { delay: () => 100 })
  await vi.waitFor(() => expect(treeOf(b.root)).toEqual({ 'note.md': 'from a' }), 10_000)
  await quiet(b)
  expect(b.engine.state()).toMatchObject({ needFiles: 0, problems: [] })
})

test('what is being got into a directory does not bring it back when it is deleted meanwhile', async () => {
  await using a = await replica('a')
  await using b = await replica('b')
  mkdirSync(join(a.root, 'd/e'), { recursive: true })
  writeFileSync(join(a.root, 'kept'), '')
  connectDevices(a.device, b.device)
  await converge(a, b)
  writeFileSync(join(a.root, 'd/e/large.bin'), Buffer.alloc(3_000_000, 7))
  const opening = holdBack((task) => task.kind === 'open-temporary', 'before')
  await a.engine.rescan()
  await opening.done
  rmSync(join(a.root, 'd'), { recursive: true })
  await a.engine.rescan()
  await new Promise((resolve) => setTimeout(resolve, 300))
  opening.go()
  await quiet(a, b)
  expect(treeOf(a.root)).toEqual({ kept: '' })
  expect(treeOf(b.root)).toEqual({ kept: '' })
  await converge(a, b)
  expect(treeOf(b.root)).toEqual({ kept: '' })
})

test('a directory announced as deleted before what is in it goes all the same', async () => {
  await using a = await replica('a')
  await using b = await replica('b')
  fill(a.root, 'd', 30)
  // As another program may do it: the directory first, the rest a little later.
  let rest: readonly FileInfo[] = []
  const { ends } = connectDevices(a.device, b.device, {
    tamperIndex: (from, files) => {
      if (from !== a.device.bepId || rest.length > 0 || files[0]?.deleted !== true) return files
      rest = files.filter(({ name }) => name !== 'd')
      return files.filter(({ name }) => name === 'd')
    },
  })
  await converge(a, b)
  rmSync(join(a.root, 'd'), { recursive: true })
  await a.engine.rescan()
  await vi.waitFor(() => expect(b.engine.state().needFiles).toBe(1), 10_000)
  await new Promise((resolve) => setTimeout(resolve, 400))
  await ends[0].sendIndex('shared', rest, false)
  await quiet(a, b)
  expect(rest).toHaveLength(30)
  expect(treeOf(a.root)).toEqual({})
  expect(treeOf(b.root)).toEqual({})
})

test('a file takes the place of a directory though what was in that is announced as deleted later', async () => {
  await using a = await replica('a')
  await using b = await replica('b')
  fill(a.root, 'd', 3)
  connectDevices(a.device, b.device)
  await converge(a, b)
  rmSync(join(a.root, 'd'), { recursive: true })
  writeFileSync(join(a.root, 'd'), 'a file now')
  // What is gone is recorded last; until then the other has heard of the file only.
  const looking = holdBack((task) => task.kind === 'look' && task.root === a.root)
  const scanned = a.engine.rescan()
  await looking.done
  await vi.waitFor(() => expect(b.engine.state().needFiles).toBe(1), 10_000)
  await new Promise((resolve) => setTimeout(resolve, 300))
  looking.go()
  await scanned
  await quiet(a, b)
  expect(treeOf(a.root)).toEqual({ d: 'a file now' })
  expect(treeOf(b.root)).toEqual({ d: 'a file now' })
})

test('a problem that a scan had with a name is gone when the next has none', async () => {
  await using a = await replica('a')
  mkdirSync(join(a.root, 'd'))
  await a.engine.rescan()
  rmSync(join(a.root, 'd'), { recursive: true })
  writeFileSync(join(a.root, 'd'), 'a file for a moment')
  const hashing = holdBack((task) => task.kind === 'hash', 'before')
  const scanned = a.engine.rescan()
  await hashing.done
  rmSync(join(a.root, 'd'))
  mkdirSync(join(a.root, 'd'))
  hashing.go()
  await scanned
  await quiet(a)
  expect(a.engine.state().problems).toEqual([])
})

test('what fails when it is no longer wanted is no problem', async () => {
  await using a = await replica('a')
  await using b = await replica('b')
  fill(a.root, 'd', 1)
  connectDevices(a.device, b.device)
  await converge(a, b)
  await b.engine.setIgnores(['*.keep'])
  writeFileSync(join(b.root, 'd/mine.keep'), 'ignored, and stays')
  const looking = holdBack(
    (task) => task.kind === 'list' && task.root === b.root && task.limit === 1,
  )
  rmSync(join(a.root, 'd'), { recursive: true })
  await a.engine.rescan()
  await looking.done
  // Now there is a change here that wins over the deletion.
  chmodSync(join(b.root, 'd'), 0o700)
  await b.engine.rescan()
  expect(b.engine.state().needFiles).toBe(0)
  looking.go()
  await quiet(a, b)
  expect(b.engine.state()).toMatchObject({ needFiles: 0, problems: [] })
  expect(treeOf(a.root)).toEqual({ d: null })
})

test('a directory that was made only for what is in it is recorded too', async () => {
  await using a = await replica('a')
  await using b = await replica('b')
  fill(a.root, 'd/e', 2)
  connectDevices(a.device, b.device, {
    tamperIndex: (_, files) => files.filter(({ name }) => name.endsWith('.txt')),
  })
  await converge(a)
  await vi.waitFor(() => expect(b.engine.state().files).toBe(2), 10_000)
  await quiet(b)
  expect(recorded(b)).toEqual(['d', 'd/e', 'd/e/0.txt', 'd/e/1.txt'])
})

test('who may change something again later is not passed over for what came before', async () => {
  let allowed = true
  await using a = await replica('a')
  await using b = await replica('b', { permits: (_, operation) => operation === 'read' || allowed })
  fill(a.root, 'd', 1)
  const road = connectDevices(a.device, b.device, { tamper: (_, { size }) => Buffer.alloc(size) })
  await converge(a)
  await vi.waitFor(() => expect(b.engine.state().needFiles).toBe(1), 10_000)
  await road.disconnect()
  allowed = false
  await b.restart()
  expect(b.engine.state().needFiles).toBe(0)
  allowed = true
  connectDevices(a.device, b.device)
  await vi.waitFor(() => expect(treeOf(b.root)).toEqual(treeOf(a.root)), 10_000)
})
