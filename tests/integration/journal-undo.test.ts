import { mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs' // prettier-ignore
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { Blobs } from '#companion/journal/blobs.ts'
import { JournalRecords } from '#companion/journal/journal-records.ts'
import { Journal } from '#companion/journal/journal.ts'
import { silentLog } from '#companion/observe/log.ts'
import { openDatabase } from '#companion/records/database.ts'
import type { FileChange } from '#shared/domain/file-change.ts'
import { newId } from '#shared/domain/ids.ts'
import { PolicyWorld } from '#tests/tools/policy.ts'

// What a person may have done between a change and taking it back.

const { signal } = new AbortController()
let base: string
let files: string
let world: PolicyWorld
let database: ReturnType<typeof openDatabase>
let blobs: Blobs
let journal: Journal
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'silo-undo-'))
  files = join(base, 'files')
  mkdirSync(files)
  world = new PolicyWorld()
  database = openDatabase(join(base, 'silo.db'))
  blobs = new Blobs(join(base, 'blobs'))
  journal = new Journal({ records: new JournalRecords(database), blobs, trash: join(base, 'trash'), guard: (path) => world.guard(path), log: silentLog }) // prettier-ignore
})
afterEach(() => {
  database.close()
  world.close()
  rmSync(base, { recursive: true, force: true })
})

const at = (name: string): string => join(files, name)
function put(name: string, text: string): string {
  mkdirSync(join(at(name), '..'), { recursive: true })
  writeFileSync(at(name), text)
  return at(name)
}
const stamp = (path: string) => {
  const { size, mtimeMs } = statSync(path)
  return { size, modifiedAt: Math.trunc(mtimeMs) }
}
const move = (from: string, to: string): FileChange => ({ id: newId(), type: 'move', from: at(from), to: at(to), stamp: stamp(at(from)) }) // prettier-ignore
const trash = (name: string): FileChange => ({ id: newId(), type: 'trash', path: at(name), stamp: stamp(at(name)) }) // prettier-ignore
async function make(...changes: FileChange[]): Promise<string> {
  const id = newId()
  await journal.make({ id, taskId: 'task-of-test', plan: { title: 'test', changes } }, signal)
  return id
}
async function undo(id: string) {
  const { results } = await journal.undo(id, undefined, signal)
  return results.map(({ state, error }) => error?.code ?? state)
}
const tree = (): Record<string, string> =>
  Object.fromEntries(
    readdirSync(files, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => [relative(files, path), readFileSync(path, 'utf8')]),
  )

it('gives a file back beside one that has its name since', async () => {
  put('a.txt', 'old')
  put('b.txt', 'gone')
  const id = await make(move('a.txt', 'x/a.txt'), trash('b.txt'))
  put('a.txt', 'of the person')
  put('b.txt', 'of the person, too')
  expect(await undo(id)).toEqual(['undone', 'undone'])
  expect(tree()).toEqual({ 'a.txt': 'of the person', 'a (2).txt': 'old', 'b.txt': 'of the person, too', 'b (2).txt': 'gone' }) // prettier-ignore
})

it('gives many files of one name a place each, and each its own back', async () => {
  for (let n = 0; n < 20; n++) put(`${n}/invoice.pdf`, `invoice ${n}`)
  const before = tree()
  const id = await make(...Array.from({ length: 20 }, (_, n) => move(`${n}/invoice.pdf`, 'out/Invoice.pdf'))) // prettier-ignore
  expect(new Set(Object.values(tree())).size).toBe(20)
  expect(Object.keys(tree()).every((name) => name.startsWith('out/'))).toBe(true)
  expect(await undo(id)).toEqual(Array(20).fill('undone'))
  expect(tree()).toEqual(before)
})

it('leaves a folder that the person has put something into', async () => {
  put('a.txt', 'a')
  const id = await make({ id: newId(), type: 'make-folder', path: at('new') }, move('a.txt', 'new/a.txt')) // prettier-ignore
  put('new/own.txt', 'of the person')
  expect(await undo(id)).toEqual(['undone', 'undone'])
  expect(tree()).toEqual({ 'a.txt': 'a', 'new/own.txt': 'of the person' })
})

it('makes the folder again that a file came from', async () => {
  put('deep/er/a.txt', 'a')
  const id = await make(move('deep/er/a.txt', 'a.txt'))
  rmSync(at('deep'), { recursive: true })
  expect(await undo(id)).toEqual(['undone'])
  expect(tree()).toEqual({ 'deep/er/a.txt': 'a' })
})

it('does not take back what the person renamed, edited or threw away, and says which', async () => {
  const content = await blobs.keep(Buffer.from('after'))
  put('note.md', 'before')
  for (const name of ['a', 'b']) put(name, name)
  const id = await make(
    move('a', 'x/a'),
    move('b', 'x/b'),
    { id: newId(), type: 'replace', path: at('note.md'), stamp: stamp(at('note.md')), content: content.sha256, size: content.size }, // prettier-ignore
  )
  renameSync(at('x/a'), at('x/mine'))
  writeFileSync(at('note.md'), 'after, and the words of the person')
  expect(await undo(id)).toEqual(['undo_impossible', 'undone', 'undo_impossible'])
  expect(tree()).toEqual({ 'x/mine': 'a', b: 'b', 'note.md': 'after, and the words of the person' }) // prettier-ignore
  // As soon as it is where it was, it can be.
  renameSync(at('x/mine'), at('x/a'))
  expect((await undo(id))[0]).toBe('undone')
})

it('does not put anything where a folder has become a link to what is refused', async () => {
  put('sub/a.txt', 'a')
  const id = await make(move('sub/a.txt', 'b.txt'))
  rmSync(at('sub'), { recursive: true })
  symlinkSync(world.home, at('sub'))
  expect((await undo(id))[0]).toMatch(/path_(changed|refused)/)
  expect(readFileSync(at('b.txt'), 'utf8')).toBe('a')
  expect(readdirSync(world.home)).not.toContain('a.txt')
})
