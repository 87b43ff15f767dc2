import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs' // prettier-ignore
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Blobs } from '#companion/journal/blobs.ts'
import { JournalRecords } from '#companion/journal/journal-records.ts'
import { Journal } from '#companion/journal/journal.ts'
import { silentLog } from '#companion/observe/log.ts'
import { openDatabase } from '#companion/records/database.ts'
import type { FileChange } from '#shared/domain/file-change.ts'
import { newId } from '#shared/domain/ids.ts'
import { codeOf } from '#tests/tools/policy.ts'

const { signal } = new AbortController()
const megabyte = 1 << 20
const volume = mkdtempSync(join(tmpdir(), 'silo-full-'))
const mounted = mount()

/** A volume of four megabytes, where this user may make one. */
function mount(): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'none', volume], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

const put = (path: string, bytes: number, letter = 'x'): string => {
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, letter.repeat(bytes))
  return path
}
const stamp = (path: string) => {
  const { size, mtimeMs } = statSync(path)
  return { size, modifiedAt: Math.trunc(mtimeMs) }
}
const move = (from: string, to: string): FileChange => ({ id: newId(), type: 'move', from, to, stamp: stamp(from) }) // prettier-ignore
/** Files below with their sizes; the trash of the volume left out. */
const tree = (folder: string): Record<string, number> =>
  Object.fromEntries(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => [relative(folder, path), statSync(path).size]),
  )

describe.skipIf(!mounted)('a volume that is full', () => {
  let base: string
  let journal: Journal
  let blobs: Blobs
  let database: ReturnType<typeof openDatabase>
  beforeEach(() => {
    base = mkdtempSync(join(tmpdir(), 'silo-journal-'))
    open(base)
  })
  afterEach(() => {
    database.close()
    rmSync(base, { recursive: true, force: true })
    for (const name of readdirSync(volume)) rmSync(join(volume, name), { recursive: true })
  })
  afterAll(() => {
    execFileSync('umount', [volume])
    rmSync(volume, { recursive: true })
  })

  function open(home: string): void {
    database = openDatabase(join(base, 'silo.db'))
    blobs = new Blobs(join(home, 'blobs'))
    journal = new Journal({ records: new JournalRecords(database), blobs, trash: join(home, 'trash'), guard: async () => {}, log: silentLog }) // prettier-ignore
  }
  const make = async (...changes: FileChange[]) => {
    const id = newId()
    const results = await journal.make({ id, taskId: 'task-of-test', plan: { title: 'test', changes } }, signal) // prettier-ignore
    return { id, ends: results.map(({ state, error }) => error?.code ?? state) }
  }
  it('takes the files that fit, and leaves the others whole where they were', async () => {
    const sizes = [1, 2, 3, 0.5]
    const files = sizes.map((size, n) => put(join(base, 'in', `${n}.bin`), size * megabyte))
    const { id, ends } = await make(...files.map((path, n) => move(path, join(volume, 'out', `${n}.bin`)))) // prettier-ignore
    expect(ends).toEqual(['done', 'done', 'volume_full', 'done'])
    expect(tree(volume)).toEqual({ 'out/0.bin': megabyte, 'out/1.bin': 2 * megabyte, 'out/3.bin': megabyte / 2 }) // prettier-ignore
    expect(tree(join(base, 'in'))).toEqual({ '2.bin': 3 * megabyte })
    expect((await journal.undo(id, undefined, signal)).state).toBe('undone')
    expect(tree(volume)).toEqual({})
    expect(Object.keys(tree(join(base, 'in')))).toHaveLength(4)
  })

  it('gets no half of a new file, and keeps the old one that was to be replaced', async () => {
    const content = await blobs.keep(Buffer.alloc(2 * megabyte, 'n'))
    const old = put(join(volume, 'old.txt'), megabyte, 'o')
    put(join(volume, 'fill'), 2.5 * megabyte)
    const { ends } = await make(
      { id: newId(), type: 'create', path: join(volume, 'new.txt'), content: content.sha256, size: content.size }, // prettier-ignore
      { id: newId(), type: 'replace', path: old, stamp: stamp(old), content: content.sha256, size: content.size }, // prettier-ignore
    )
    expect(ends).toEqual(['volume_full', 'volume_full'])
    expect(tree(volume)).toEqual({ 'old.txt': megabyte, fill: 2.5 * megabyte })
    expect(readFileSync(old, 'utf8').startsWith('ooo')).toBe(true)
  })

  it('cannot have its files back until there is room; then it has', async () => {
    const from = put(join(volume, 'a.bin'), 2 * megabyte, 'a')
    const to = join(base, 'out', 'a.bin')
    const { id, ends } = await make(move(from, to))
    expect(ends).toEqual(['done'])
    put(join(volume, 'fill'), 3 * megabyte)
    const stuck = await journal.undo(id, undefined, signal)
    expect(stuck.results.map(({ state, error }) => [state, error?.code])).toEqual([['done', 'volume_full']]) // prettier-ignore
    expect(tree(join(base, 'out'))).toEqual({ 'a.bin': 2 * megabyte })
    expect(tree(volume)).toEqual({ fill: 3 * megabyte })
    rmSync(join(volume, 'fill'))
    expect((await journal.undo(id, undefined, signal)).state).toBe('undone')
    expect(tree(volume)).toEqual({ 'a.bin': 2 * megabyte })
    expect(tree(join(base, 'out'))).toEqual({})
  })

  it('still takes files into its trash, which is a name and no copy', async () => {
    const old = put(join(volume, 'old.bin'), 1.5 * megabyte)
    put(join(volume, 'fill'), 2 * megabyte)
    const { id, ends } = await make({ id: newId(), type: 'trash', path: old, stamp: stamp(old) })
    expect(ends).toEqual(['done'])
    expect(existsSync(old)).toBe(false)
    await journal.undo(id, undefined, signal)
    expect(statSync(old).size).toBe(1.5 * megabyte)
  })

  it('as the data folder: what is planned is not kept by halves, and nothing is changed', async () => {
    database.close()
    open(join(volume, 'silo'))
    const file = put(join(base, 'a.txt'), 10)
    expect(await codeOf(blobs.keep(Buffer.alloc(6 * megabyte)))).toBe('volume_full')
    expect(tree(volume)).toEqual({})
    put(join(volume, 'fill'), 4 * megabyte - 65_536)
    const { ends } = await make({ id: newId(), type: 'trash', path: put(join(base, 'b.bin'), megabyte), stamp: stamp(join(base, 'b.bin')) }, move(file, join(base, 'c.txt'))) // prettier-ignore
    // Its trash is on the volume of the file, so that it needs no room.
    expect(ends).toEqual(['done', 'done'])
    expect(readFileSync(join(base, 'c.txt'), 'utf8')).toHaveLength(10)
  })
})

it('is tested where volumes can be made', () => {
  if (process.getuid?.() === 0 && process.platform === 'linux' && !process.env.CI) expect(mounted).toBe(true) // prettier-ignore
})
