import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { connectDevices } from '#tests/fakes/bep-pair.ts'
import { converge, quiet, replica, treeOf } from './sync-folder-harness.ts'

test('files, directories and links come over with their times and permissions', async () => {
  await using a = await replica('a')
  await using b = await replica('b')
  mkdirSync(join(a.root, 'deep/er'), { recursive: true })
  writeFileSync(join(a.root, 'deep/er/note.md'), 'hello')
  writeFileSync(join(a.root, 'empty'), '')
  writeFileSync(join(a.root, '中文 name.txt'), '内容')
  chmodSync(join(a.root, 'deep/er/note.md'), 0o751)
  symlinkSync('../elsewhere', join(a.root, 'deep/link'))
  const large = randomBytes(3_000_000)
  writeFileSync(join(a.root, 'large.bin'), large)
  connectDevices(a.device, b.device)
  await converge(a, b)
  expect(treeOf(b.root)).toEqual(treeOf(a.root))
  expect(Object.keys(treeOf(b.root))).toHaveLength(7)
  const [ours, theirs] = [a, b].map(({ root }) => statSync(join(root, 'deep/er/note.md')))
  expect(theirs!.mode & 0o777).toBe(0o751)
  expect(Math.abs(theirs!.mtimeMs - ours!.mtimeMs)).toBeLessThan(1)
  expect(b.engine.state()).toMatchObject({
    condition: 'idle',
    needFiles: 0,
    problemCount: 0,
    files: 4,
  })
})

test('edits, renames and deletions follow, both ways', async () => {
  await using a = await replica('a')
  await using b = await replica('b')
  mkdirSync(join(a.root, 'dir/sub'), { recursive: true })
  for (let i = 0; i < 20; i++) writeFileSync(join(a.root, `dir/sub/${i}.txt`), `text ${i}`)
  writeFileSync(join(a.root, 'large.bin'), randomBytes(2_000_000))
  const { ends } = connectDevices(a.device, b.device)
  await converge(a, b)
  const before = ends[1].requests + ends[1].packedRequests
  renameSync(join(a.root, 'dir'), join(a.root, 'moved'))
  renameSync(join(a.root, 'large.bin'), join(a.root, 'moved/other.bin'))
  await converge(a, b)
  expect(treeOf(b.root)).toEqual(treeOf(a.root))
  expect(treeOf(b.root)).not.toHaveProperty('dir')
  // Nothing was asked of the other side: what was deleted there was moved here.
  expect(ends[1].requests + ends[1].packedRequests).toBe(before)
  writeFileSync(join(b.root, 'moved/sub/3.txt'), 'edited at b')
  rmSync(join(b.root, 'moved/sub/4.txt'))
  await converge(a, b)
  expect(treeOf(a.root)).toEqual(treeOf(b.root))
  expect(treeOf(a.root)['moved/sub/3.txt']).toBe('edited at b')
  expect(treeOf(a.root)).not.toHaveProperty('moved/sub/4.txt')
})

test('two edits at once: the later wins, the other is kept beside it, everywhere alike', async () => {
  await using a = await replica('a')
  await using b = await replica('b')
  writeFileSync(join(a.root, 'note.md'), 'first')
  const connection = connectDevices(a.device, b.device)
  await converge(a, b)
  await connection.disconnect()
  writeFileSync(join(a.root, 'note.md'), 'from a')
  await a.engine.rescan()
  await new Promise((resolve) => setTimeout(resolve, 20))
  writeFileSync(join(b.root, 'note.md'), 'from b')
  await b.engine.rescan()
  connectDevices(a.device, b.device)
  await converge(a, b)
  const tree = treeOf(a.root)
  expect(treeOf(b.root)).toEqual(tree)
  expect(tree['note.md']).toBe('from b')
  const [copy] = Object.keys(tree).filter((name) => name.includes('.sync-conflict-'))
  expect(copy).toMatch(/^note\.sync-conflict-\d{8}-\d{6}-[A-Z2-7]{7}\.md$/)
  expect(tree[copy!]).toBe('from a')
})

test('an edit wins over a deletion', async () => {
  await using a = await replica('a')
  await using b = await replica('b')
  writeFileSync(join(a.root, 'note.md'), 'first')
  const connection = connectDevices(a.device, b.device)
  await converge(a, b)
  await connection.disconnect()
  rmSync(join(a.root, 'note.md'))
  writeFileSync(join(b.root, 'note.md'), 'still wanted')
  await Promise.all([a.engine.rescan(), b.engine.rescan()])
  connectDevices(a.device, b.device)
  await converge(a, b)
  expect(treeOf(a.root)).toEqual({ 'note.md': 'still wanted' })
  expect(treeOf(b.root)).toEqual({ 'note.md': 'still wanted' })
})

test('a device that only ever meets the one in the middle gets everything', async () => {
  await using a = await replica('a')
  await using b = await replica('b')
  await using c = await replica('c')
  writeFileSync(join(a.root, 'from-a'), 'a')
  writeFileSync(join(c.root, 'from-c'), 'c')
  const first = connectDevices(a.device, b.device)
  await converge(a, b, c)
  await first.disconnect()
  const second = connectDevices(b.device, c.device)
  await converge(a, b, c)
  expect(treeOf(c.root)).toEqual({ 'from-a': 'a', 'from-c': 'c' })
  rmSync(join(c.root, 'from-a'))
  await converge(b, c)
  await second.disconnect()
  connectDevices(a.device, b.device)
  await quiet(a, b)
  for (const one of [a, b, c]) expect(treeOf(one.root)).toEqual({ 'from-c': 'c' })
})
