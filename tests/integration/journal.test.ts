import { spawnSync } from 'node:child_process'
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs' // prettier-ignore
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Blobs } from '#companion/journal/blobs.ts'
import { JournalRecords } from '#companion/journal/journal-records.ts'
import { Journal } from '#companion/journal/journal.ts'
import { silentLog } from '#companion/observe/log.ts'
import { openDatabase } from '#companion/records/database.ts'
import type { ChangePlan, FileChange } from '#shared/domain/file-change.ts'
import { newId } from '#shared/domain/ids.ts'
import { SiloError } from '#shared/errors/silo-error.ts'

const { signal } = new AbortController()
const child = fileURLToPath(new URL('journal-child.ts', import.meta.url))
let home: string
let files: string

beforeEach(() => {
  const base = mkdtempSync(join(tmpdir(), 'silo-journal-'))
  home = join(base, 'home')
  files = join(base, 'files')
  mkdirSync(home)
  mkdirSync(files)
})
afterEach(() => rmSync(join(home, '..'), { recursive: true, force: true }))

function open(
  overrides: {
    hourlyChanges?: number
    trash?: string
    guard?: (path: string) => Promise<void>
  } = {},
) {
  const database = openDatabase(join(home, 'silo.db'))
  const blobs = new Blobs(join(home, 'blobs'))
  const journal = new Journal({ records: new JournalRecords(database), blobs, trash: join(home, 'trash'), guard: async () => {}, log: silentLog, ...overrides }) // prettier-ignore
  return { journal, blobs, database }
}

const at = (...parts: string[]): string => join(files, ...parts)
function put(name: string, text: string): string {
  mkdirSync(join(at(name), '..'), { recursive: true })
  writeFileSync(at(name), text)
  return at(name)
}
function stamp(path: string) {
  const { size, mtimeMs } = statSync(path)
  return { size, modifiedAt: mtimeMs }
}
const move = (from: string, to: string): FileChange => ({
  id: newId(),
  type: 'move',
  from,
  to,
  stamp: stamp(from),
})
const trash = (path: string): FileChange => ({
  id: newId(),
  type: 'trash',
  path,
  stamp: stamp(path),
})
const planOf = (...changes: FileChange[]): ChangePlan => ({ title: 'test', changes })

/** Every file below with its content. */
function tree(folder = files): Record<string, string> {
  const found: Record<string, string> = {}
  if (!existsSync(folder)) return found
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isFile()) found[relative(folder, path)] = readFileSync(path, 'utf8')
  }
  return found
}

async function mixedPlan(blobs: Blobs): Promise<ChangePlan> {
  const a = put('in/a.pdf', 'invoice a')
  const b = put('in/b.pdf', 'invoice b')
  const old = put('in/old.txt', 'old')
  const note = put('in/note.md', 'before')
  const fresh = await blobs.keep(Buffer.from('a table'))
  const next = await blobs.keep(Buffer.from('after'))
  return planOf(
    { id: newId(), type: 'make-folder', path: at('out/2026') },
    move(a, at('out/2026/x.pdf')),
    move(b, at('out/2026/x.pdf')),
    trash(old),
    {
      id: newId(),
      type: 'create',
      path: at('out/table.csv'),
      content: fresh.sha256,
      size: fresh.size,
    },
    {
      id: newId(),
      type: 'replace',
      path: note,
      stamp: stamp(note),
      content: next.sha256,
      size: next.size,
    },
  )
}

describe('the journal', () => {
  test('makes a plan, takes it back, and makes it again; two files never share a name', async () => {
    const { journal, blobs } = open()
    const plan = await mixedPlan(blobs)
    const before = tree()
    const results = await journal.make({ id: newId(), taskId: 'task-of-test', plan }, signal)
    expect(results.map(({ state }) => state)).toEqual(Array(6).fill('done'))
    const made = { 'in/note.md': 'after', 'out/2026/x.pdf': 'invoice a', 'out/2026/x (2).pdf': 'invoice b', 'out/table.csv': 'a table' } // prettier-ignore
    expect(tree()).toEqual(made)
    expect(results[2]?.path).toBe(at('out/2026/x (2).pdf'))
    expect(journal.standing('task-of-test')).toBe(6)

    const { id } = journal.list({ limit: 1 })[0]!
    expect((await journal.undo(id, undefined, signal)).state).toBe('undone')
    expect(tree()).toEqual(before)
    expect(existsSync(at('out/2026'))).toBe(false)
    expect((await journal.redo(id, undefined, signal)).state).toBe('made')
    expect(tree()).toEqual(made)
    await journal.undo(id, undefined, signal)
    expect(tree()).toEqual(before)
  })

  test('takes back one row of many', async () => {
    const { journal } = open()
    const plan = planOf(move(put('a', '1'), at('x/a')), move(put('b', '2'), at('x/b')))
    const id = newId()
    await journal.make({ id, taskId: 'task-of-test', plan }, signal)
    const batch = await journal.undo(id, [plan.changes[1]!.id], signal)
    expect(batch.state).toBe('made')
    expect(tree()).toEqual({ 'x/a': '1', b: '2' })
  })

  test('never touches a file that is not what was planned with', async () => {
    const { journal } = open()
    const plan = planOf(move(put('a', 'one'), at('x/a')), trash(put('b', 'two')))
    writeFileSync(at('a'), 'something else')
    rmSync(at('b'))
    const results = await journal.make({ id: newId(), taskId: 'task-of-test', plan }, signal)
    expect(results.map(({ error }) => error?.code)).toEqual(['path_changed', 'path_changed'])
    expect(tree()).toEqual({ a: 'something else' })
  })

  test('never takes back what was changed since, and says so; the rest comes back', async () => {
    const { journal } = open()
    const plan = planOf(move(put('a', 'one'), at('x/a')), move(put('b', 'two'), at('x/b')))
    const id = newId()
    await journal.make({ id, taskId: 'task-of-test', plan }, signal)
    writeFileSync(at('x/a'), 'edited by the person')
    utimesSync(at('x/a'), 1, 1)
    const batch = await journal.undo(id, undefined, signal)
    expect(batch.results.map(({ state, error }) => [state, error?.code])).toEqual([['done', 'undo_impossible'], ['undone', undefined]]) // prettier-ignore
    expect(tree()).toEqual({ 'x/a': 'edited by the person', b: 'two' })
  })

  test('moves between volumes whole or not at all', async (context) => {
    const elsewhere = '/dev/shm'
    if (!existsSync(elsewhere) || lstatSync(elsewhere).dev === lstatSync(files).dev)
      return context.skip()
    const other = mkdtempSync(join(elsewhere, 'silo-journal-'))
    try {
      const { journal } = open()
      const plan = planOf(move(put('a', 'one'), join(other, 'a')), trash(put('b', 'two')))
      const id = newId()
      const results = await journal.make({ id, taskId: 'task-of-test', plan }, signal)
      expect(results.map(({ state }) => state)).toEqual(['done', 'done'])
      expect(tree(other)).toEqual({ a: 'one' })
      await journal.undo(id, undefined, signal)
      expect(tree()).toEqual({ a: 'one', b: 'two' })
      expect(tree(other)).toEqual({})
    } finally {
      rmSync(other, { recursive: true })
    }
  })

  test('what cannot be read goes no further than its row; a limit is said before anything is done', async () => {
    const { journal } = open({ hourlyChanges: 2, guard: async (path) => { if (path.includes('secret')) throw new SiloError('path_refused', { params: { path, detail: 'secrets' } }) } }) // prettier-ignore
    const plan = planOf(move(put('a', '1'), at('secret/a')), move(put('b', '2'), at('x/b')))
    const results = await journal.make({ id: newId(), taskId: 'task-of-test', plan }, signal)
    expect(results.map(({ state }) => state)).toEqual(['failed', 'done'])
    const more = planOf(trash(at('a')), trash(at('x/b')))
    await expect(journal.make({ id: newId(), taskId: 'task-of-test', plan: more }, signal)).rejects.toThrow(SiloError) // prettier-ignore
    expect(tree()).toEqual({ a: '1', 'x/b': '2' })
  })

  test('the same batch twice is made once', async () => {
    const { journal } = open()
    const id = newId()
    const plan = planOf(move(put('a', '1'), at('x/a')))
    await journal.make({ id, taskId: 'task-of-test', plan }, signal)
    const again = await journal.make({ id, taskId: 'task-of-test', plan }, signal)
    expect(again.map(({ state }) => state)).toEqual(['done'])
    expect(tree()).toEqual({ 'x/a': '1' })
  })
})

function kill(job: object): number | undefined {
  const { stdout, signal: how, stderr } = spawnSync(process.execPath, [child, JSON.stringify(job)], { encoding: 'utf8' }) // prettier-ignore
  if (how !== 'SIGKILL' && !stdout.startsWith('lines')) throw new Error(stderr)
  return stdout.startsWith('lines') ? Number(stdout.slice(6)) : undefined
}

describe('killed at any line', { timeout: 120_000 }, () => {
  test.each(['before', 'after'] as const)(
    '%s it is written, nothing is lost or doubled',
    async (when) => {
      for (let dieAt = 1; dieAt < 40; dieAt++) {
        const { journal: first, blobs, database } = open()
        void first
        rmSync(files, { recursive: true })
        mkdirSync(files)
        const plan = await mixedPlan(blobs)
        const before = tree()
        database.close()
        const id = newId()
        const lines = kill({ home, id, way: 'make', plan, dieAt, when })
        const back = open()
        await back.journal.recover()
        // Every content is somewhere, once; nothing half-written is left.
        const contents = [...Object.values(tree()), ...Object.values(tree(join(home, 'trash')))]
        for (const text of ['invoice a', 'invoice b', 'old', 'before'])
          expect(
            contents.filter((each) => each === text),
            `${text} at ${dieAt}`,
          ).toHaveLength(1)
        expect(Object.keys(tree()).filter((name) => name.endsWith('.silo-part'))).toEqual([])
        const batch = back.journal.get(id)
        for (const [n, { state }] of batch.results.entries()) {
          const change = plan.changes[n]!
          if (change.type === 'move')
            expect(existsSync(change.from), `${n} at ${dieAt}`).toBe(state !== 'done')
          if (change.type === 'trash') expect(existsSync(change.path)).toBe(state !== 'done')
        }
        // The task goes on with it, and all of it can be taken back.
        await back.journal.make({ id, taskId: 'task-of-test', plan }, signal)
        expect(tree()).toMatchObject({ 'in/note.md': 'after', 'out/table.csv': 'a table' })
        await back.journal.undo(id, undefined, signal)
        expect(tree()).toEqual(before)
        back.database.close()
        rmSync(join(home, 'trash'), { recursive: true, force: true })
        if (lines !== undefined) return
      }
      expect.unreachable('the plan has fewer lines')
    },
  )

  test('while it is being taken back, too', async () => {
    for (let dieAt = 1; dieAt < 40; dieAt++) {
      rmSync(files, { recursive: true })
      mkdirSync(files)
      const { journal, blobs, database } = open()
      const plan = await mixedPlan(blobs)
      const before = tree()
      const id = newId()
      await journal.make({ id, taskId: 'task-of-test', plan }, signal)
      database.close()
      const lines = kill({
        home,
        id,
        way: 'undo',
        plan,
        dieAt,
        when: dieAt % 2 ? 'before' : 'after',
      })
      const back = open()
      await back.journal.recover()
      await back.journal.undo(id, undefined, signal)
      expect(tree(), `at ${dieAt}`).toEqual(before)
      back.database.close()
      rmSync(join(home, 'trash'), { recursive: true, force: true })
      if (lines !== undefined) return
    }
    expect.unreachable('the plan has fewer lines')
  })
})
