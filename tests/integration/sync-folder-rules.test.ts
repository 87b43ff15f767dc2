import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { connectDevices } from '#tests/fakes/bep-pair.ts'
import { converge, quiet, replica, treeOf } from './sync-folder-harness.ts'

const fiveMs = () => 5

async function appears(root: string, name: string, text: string): Promise<void> {
  while (treeOf(root)[name] !== text) await new Promise((resolve) => setTimeout(resolve, 20))
}

test('what is ignored is neither sent nor got, and is not deleted for others', async () => {
  await using a = await replica('a')
  await using b = await replica('b')
  mkdirSync(join(a.root, 'build/keep'), { recursive: true })
  writeFileSync(join(a.root, 'build/out.o'), 'x')
  writeFileSync(join(a.root, 'build/keep/this.txt'), 'wanted')
  writeFileSync(join(a.root, 'secret.key'), 'x')
  writeFileSync(join(a.root, 'note.md'), 'x')
  await a.engine.setIgnores(['// mine', '!/build/keep', '/build', '(?i)*.KEY'])
  connectDevices(a.device, b.device)
  await converge(a, b)
  expect(Object.keys(treeOf(b.root)).toSorted()).toEqual([
    'build',
    'build/keep',
    'build/keep/this.txt',
    'note.md',
  ])
  // From now on it is ignored here: the other one keeps what it has.
  await a.engine.setIgnores(['/note.md'])
  await converge(a, b)
  expect(treeOf(b.root)).toHaveProperty('note.md')
  expect(treeOf(b.root)).toHaveProperty('secret.key')
  rmSync(join(a.root, 'note.md'))
  await converge(a, b)
  expect(treeOf(b.root)).toHaveProperty('note.md')
  // Wanted again: it comes back from there.
  await a.engine.setIgnores([])
  await converge(a, b)
  expect(treeOf(a.root)).toEqual(treeOf(b.root))
  expect(treeOf(a.root)).toHaveProperty('note.md')
})

test('a deleted directory goes with what may be deleted in it, and stays for what may not', async () => {
  await using a = await replica('a')
  await using b = await replica('b')
  for (const name of ['one', 'two', 'three']) {
    mkdirSync(join(a.root, name))
    writeFileSync(join(a.root, name, 'f'), name)
  }
  connectDevices(a.device, b.device)
  await b.engine.setIgnores(['(?d)*.cache', '*.local'])
  await converge(a, b)
  writeFileSync(join(b.root, 'one/x.cache'), '')
  writeFileSync(join(b.root, 'two/x.local'), 'only here')
  writeFileSync(join(b.root, 'three/new.txt'), 'new at b')
  for (const name of ['one', 'two', 'three']) rmSync(join(a.root, name), { recursive: true })
  await converge(a, b)
  expect(treeOf(b.root)).toEqual({
    two: null,
    'two/x.local': 'only here',
    three: null,
    'three/new.txt': 'new at b',
  })
  expect(treeOf(a.root)).toEqual({ three: null, 'three/new.txt': 'new at b' })
  expect(b.engine.state().problems).toMatchObject([{ name: 'two', code: 'sync_directory_kept' }])
})

test('send-only takes nothing until it is told to be right; then it is', async () => {
  await using a = await replica('a', { type: 'sendonly' })
  await using b = await replica('b')
  writeFileSync(join(a.root, 'note.md'), 'from a')
  connectDevices(a.device, b.device)
  await converge(a, b)
  writeFileSync(join(b.root, 'note.md'), 'changed at b')
  writeFileSync(join(b.root, 'extra.md'), 'b only')
  await converge(a, b)
  expect(treeOf(a.root)).toEqual({ 'note.md': 'from a' })
  expect(treeOf(b.root)).toHaveProperty('extra.md')
  await a.engine.override()
  await converge(a, b)
  expect(treeOf(a.root)).toEqual({ 'note.md': 'from a' })
  expect(treeOf(b.root)).toEqual({ 'note.md': 'from a' })
})

test('receive-only keeps its changes to itself until they are taken back', async () => {
  await using a = await replica('a')
  await using b = await replica('b', { type: 'receiveonly' })
  for (const name of ['one', 'two', 'three']) writeFileSync(join(a.root, name), `${name} of a`)
  connectDevices(a.device, b.device)
  await converge(a, b)
  writeFileSync(join(b.root, 'one'), 'edited at b')
  rmSync(join(b.root, 'two'))
  mkdirSync(join(b.root, 'own'))
  writeFileSync(join(b.root, 'own/new'), 'b only')
  await converge(a, b)
  expect(treeOf(a.root)).toEqual({ one: 'one of a', two: 'two of a', three: 'three of a' })
  expect(treeOf(b.root)['one']).toBe('edited at b')
  expect(b.engine.state().changedHere).toBeGreaterThan(0)
  await b.engine.revert()
  await converge(a, b)
  expect(treeOf(b.root)).toEqual(treeOf(a.root))
  expect(b.engine.state()).toMatchObject({ changedHere: 0, needFiles: 0 })
})

test('paused, a folder neither changes nor answers; afterwards it catches up', async () => {
  await using a = await replica('a')
  await using b = await replica('b')
  connectDevices(a.device, b.device)
  await converge(a, b)
  b.engine.pause()
  writeFileSync(join(a.root, 'from-a'), 'a')
  writeFileSync(join(b.root, 'from-b'), 'b')
  await a.engine.rescan()
  await quiet(a, b)
  expect(b.engine.state().condition).toBe('paused')
  expect(treeOf(b.root)).toEqual({ 'from-b': 'b' })
  expect(treeOf(a.root)).toEqual({ 'from-a': 'a' })
  b.engine.resume()
  await converge(a, b)
  expect(treeOf(a.root)).toEqual({ 'from-a': 'a', 'from-b': 'b' })
  expect(treeOf(b.root)).toEqual(treeOf(a.root))
})

test('without permission to read there is nothing to see, without permission to write nothing is taken', async () => {
  let allowed: 'none' | 'read' | 'both' = 'none'
  await using a = await replica('a', {
    permits: (_device, operation) =>
      allowed === 'both' || (allowed === 'read' && operation === 'read'),
  })
  await using b = await replica('b')
  writeFileSync(join(a.root, 'from-a'), 'a')
  writeFileSync(join(b.root, 'from-b'), 'b')
  let connection = connectDevices(a.device, b.device)
  await converge(a, b)
  expect(treeOf(b.root)).toEqual({ 'from-b': 'b' })
  expect(treeOf(a.root)).toEqual({ 'from-a': 'a' })
  for (const [level, tree] of [
    ['read', { 'from-a': 'a' }],
    ['both', { 'from-a': 'a', 'from-b': 'b' }],
  ] as const) {
    await connection.disconnect()
    allowed = level
    connection = connectDevices(a.device, b.device)
    await converge(a, b)
    expect(treeOf(a.root)).toEqual(tree)
    expect(treeOf(b.root)).toEqual({ 'from-a': 'a', 'from-b': 'b' })
  }
  // Taken away while connected: no further block.
  allowed = 'none'
  writeFileSync(join(a.root, 'later'), 'secret')
  await converge(a, b)
  expect(existsSync(join(b.root, 'later'))).toBe(false)
})

test('only changed blocks of a large file travel', async () => {
  await using a = await replica('a')
  await using b = await replica('b')
  const path = join(a.root, 'large.bin')
  writeFileSync(path, randomBytes(8_000_000))
  const { ends } = connectDevices(a.device, b.device)
  await converge(a, b)
  const before = ends[1].requests
  const file = await open(path, 'r+')
  await file.write(Buffer.from('changed'), 0, 7, 1_000_000)
  await file.close()
  await converge(a, b)
  expect(treeOf(b.root)).toEqual(treeOf(a.root))
  expect(ends[1].requests - before).toBe(1)
})

test('blocks come from several devices at once, and from the other when one goes', async () => {
  await using a = await replica('a')
  await using b = await replica('b')
  await using c = await replica('c')
  writeFileSync(join(a.root, 'large.bin'), randomBytes(30_000_000))
  const first = connectDevices(a.device, b.device)
  await converge(a, b)
  await first.disconnect()
  const toA = connectDevices(a.device, c.device, { delay: fiveMs })
  const toB = connectDevices(b.device, c.device, { delay: fiveMs })
  while (toA.ends[1].requests < 20) await new Promise((resolve) => setTimeout(resolve, 1))
  expect(toB.ends[1].requests).toBeGreaterThan(5)
  await toA.disconnect()
  await quiet(b, c)
  expect(treeOf(c.root)).toEqual(treeOf(a.root))
})

test('two devices that begin with the same files agree without sending any', async () => {
  await using a = await replica('a')
  await using b = await replica('b')
  for (const { root } of [a, b]) {
    mkdirSync(join(root, 'dir'))
    for (let i = 0; i < 20; i++) {
      writeFileSync(join(root, `dir/${i}`), `same ${i}`)
      utimesSync(join(root, `dir/${i}`), 1_700_000_000, 1_700_000_000)
    }
    symlinkSync('dir', join(root, 'link'))
  }
  await Promise.all([a.engine.rescan(), b.engine.rescan()])
  const { ends } = connectDevices(a.device, b.device)
  await converge(a, b)
  expect(treeOf(a.root)).toEqual(treeOf(b.root))
  expect(Object.keys(treeOf(a.root))).toHaveLength(22)
  for (const end of ends) expect(end.requests + end.packedRequests).toBe(0)
  for (const { engine } of [a, b])
    expect(engine.state()).toMatchObject({ needFiles: 0, problems: [] })
})

test('a second connection continues where the first ended', async () => {
  await using a = await replica('a')
  await using b = await replica('b')
  for (let i = 0; i < 30; i++) writeFileSync(join(a.root, `${i}`), `${i}`)
  const first = connectDevices(a.device, b.device)
  await converge(a, b)
  await first.disconnect()
  writeFileSync(join(a.root, 'new'), 'new')
  await a.engine.rescan()
  await b.restart()
  const sent: { names: string[]; full: boolean }[] = []
  connectDevices(a.device, b.device, {
    tamperIndex: (from, files) => {
      if (Buffer.compare(from, a.device.bepId) === 0)
        sent.push({ names: files.map(({ name }) => name), full: false })
      return files
    },
  })
  await converge(a, b)
  expect(sent.flatMap(({ names }) => names)).toEqual(['new'])
  expect(treeOf(b.root)).toEqual(treeOf(a.root))
})

test('an edit is seen without being asked for', async () => {
  await using a = await replica('a', { options: { watch: true } })
  await using b = await replica('b', { options: { watch: true } })
  connectDevices(a.device, b.device)
  await quiet(a, b)
  writeFileSync(join(a.root, 'note.md'), 'one')
  await appears(b.root, 'note.md', 'one')
  mkdirSync(join(b.root, 'new/deep'), { recursive: true })
  writeFileSync(join(b.root, 'new/deep/note.md'), 'two')
  await appears(a.root, 'new/deep/note.md', 'two')
  writeFileSync(join(a.root, 'new/deep/note.md'), 'three')
  await appears(b.root, 'new/deep/note.md', 'three')
})
