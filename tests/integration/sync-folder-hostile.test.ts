import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { FileInfo } from '#companion/sync/bep-peer.ts'
import { connectDevices, testDevice } from '#tests/fakes/bep-pair.ts'
import { converge, folderId, quiet, replica, treeOf } from './sync-folder-harness.ts'

const content = Buffer.from('from a stranger')

/** What a peer may say of a file, true in all but what is given. */
function announced(name: string, given: Partial<FileInfo> = {}): FileInfo {
  const hash = createHash('sha256').update(content).digest()
  return {
    name,
    type: 0,
    size: content.length,
    permissions: 0o644,
    noPermissions: false,
    modifiedS: 1_700_000_000,
    modifiedNs: 0,
    modifiedBy: 7n,
    deleted: false,
    invalid: false,
    version: [{ id: 7n, value: 1n }],
    sequence: 1,
    blockSize: 131_072,
    blocks: [{ offset: 0, size: content.length, hash }],
    ...given,
  }
}

/** A device that announces whatever it is told, and answers every request with the content. */
async function attack(files: readonly FileInfo[], data = content) {
  const victim = await replica('victim')
  const stranger = testDevice('stranger')
  const numbered = files.map((file, i) => ({ ...file, sequence: i + 1 }))
  stranger.folders.set(folderId, {
    describe: () => ({
      id: folderId,
      label: '',
      readOnly: false,
      ignorePermissions: false,
      ignoreDelete: false,
      paused: false,
      devices: [{ id: stranger.bepId, name: '', maxSequence: files.length, indexId: 5n }],
    }),
    attach: (peer: { sendIndex: (id: string, all: FileInfo[], full: boolean) => unknown }) =>
      peer.sendIndex(folderId, numbered, true),
    detach: () => {},
    index: () => Promise.resolve(),
    request: () => Promise.resolve({ data }),
  } as never)
  const connection = connectDevices(victim.device, stranger)
  return { victim, stranger, connection }
}

test('names that lead out of the folder or cannot be files are refused, the others still come', async () => {
  const bad = [
    '../outside',
    'a/../../outside',
    '/etc/silo-test',
    'a//b',
    'a/./b',
    './a',
    'a/',
    '',
    'nul\0byte',
    'x'.repeat(32_000),
    `${'y'.repeat(256)}/z`,
    'dir/'.repeat(2000) + 'deep',
    '.stfolder/x',
    '.stignore',
    '.STIGNORE',
    '.syncthing.x.tmp',
    'lone\ud800surrogate',
    'cafe\u0301',
  ]
  const { victim } = await attack([...bad.map((name) => announced(name)), announced('good.txt')])
  await using _ = victim
  await quiet(victim)
  expect(treeOf(victim.root)).toEqual({ 'good.txt': content.toString() })
  expect(existsSync(join(victim.root, '../outside'))).toBe(false)
  const state = victim.engine.state()
  expect(state).toMatchObject({ condition: 'idle', needFiles: 0, files: 1 })
  expect(new Set(state.problems.map(({ code }) => code))).toEqual(new Set(['sync_name_refused']))
  for (const { name } of state.problems) expect(name.length).toBeLessThan(250)
})

test('entries that contradict themselves are refused', async () => {
  const hash = randomBytes(32)
  const block = { offset: 0, size: content.length, hash }
  const { victim } = await attack([
    announced('no-version', { version: [] }),
    announced('gap', {
      size: 300_000,
      blocks: [
        { ...block, size: 131_072 },
        { ...block, offset: 200_000, size: 100_000 },
      ],
    }),
    announced('short-hash', { blocks: [{ ...block, hash: hash.subarray(0, 20) }] }),
    announced('odd-block-size', { blockSize: 131_073 }),
    announced('huge-block-size', { blockSize: 2 ** 30 }),
    announced('negative', { size: -1, blocks: [] }),
    announced('endless', { size: Number.MAX_SAFE_INTEGER, blocks: [] }),
    announced('bad-time', { modifiedNs: 2e9 }),
    announced('bad-link', { type: 4, symlinkTarget: 'a\0b' }),
    announced('no-link', { type: 4 }),
    announced('good.txt'),
  ])
  await using _ = victim
  await quiet(victim)
  expect(treeOf(victim.root)).toEqual({ 'good.txt': content.toString() })
  expect(victim.engine.state().problemCount).toBe(10)
})

test('nothing is written through a link, sent or put there', async () => {
  const outside = mkdtempSync(join(tmpdir(), 'silo-outside-'))
  const { victim } = await attack([
    announced('way', { type: 4, symlinkTarget: outside, blocks: [], size: 0 }),
    announced('way/stolen.txt'),
    announced('way/dir', { type: 1, blocks: [], size: 0 }),
    announced('own/planted.txt'),
  ])
  await using _ = victim
  symlinkSync(outside, join(victim.root, 'own'))
  await victim.engine.rescan()
  await quiet(victim)
  expect(treeOf(outside)).toEqual({})
  expect(victim.engine.state().problems.map(({ code }) => code)).toContain('sync_path_unsafe')
  rmSync(outside, { recursive: true })
})

test('a peer that sends something else is asked no more, and the right peer is', async () => {
  await using a = await replica('a')
  await using b = await replica('b')
  await using liar = await replica('liar')
  const large = randomBytes(5_000_000)
  writeFileSync(join(a.root, 'large.bin'), large)
  for (let i = 0; i < 50; i++) writeFileSync(join(a.root, `small-${i}`), `content ${i}`)
  const first = connectDevices(a.device, liar.device)
  await converge(a, liar)
  await first.disconnect()
  const isLiar = (from: Uint8Array) => Buffer.compare(from, liar.device.bepId) === 0
  connectDevices(liar.device, b.device, {
    tamper: (from, _request, data) => (isLiar(from) ? data.map((byte) => byte ^ 1) : data),
  })
  await quiet(b, liar)
  expect(Object.keys(treeOf(b.root)).filter((name) => !name.endsWith('.tmp'))).toEqual([])
  const seen = b.engine.state().peers.find(({ bepId }) => isLiar(bepId))
  expect(seen?.badBlocks).toBeGreaterThan(0)
  connectDevices(a.device, b.device)
  await quiet(a, b)
  expect(readFileSync(join(b.root, 'large.bin')).equals(large)).toBe(true)
  expect(treeOf(b.root)).toEqual(treeOf(a.root))
})

test('an index without end is cut off', async () => {
  const device = testDevice('victim')
  await using victim = await replica('victim', { device, options: { maxFiles: 100 } })
  await using many = await replica('many')
  for (let i = 0; i < 300; i++) writeFileSync(join(many.root, `f${i}`), '')
  await many.engine.rescan()
  const { ends } = connectDevices(victim.device, many.device)
  await ends[0].closed
  await quiet(victim)
  expect(victim.engine.state().files).toBeLessThanOrEqual(100)
  expect(victim.engine.state().problems.map(({ code }) => code)).toContain('sync_too_many_files')
})

test('where the file system knows no case, the second of two names is refused', async () => {
  await using a = await replica('a')
  await using b = await replica('b', { options: { caseSensitive: false } })
  mkdirSync(join(a.root, 'Docs'))
  writeFileSync(join(a.root, 'Docs/note.md'), 'one')
  const connection = connectDevices(a.device, b.device)
  await converge(a, b)
  await connection.disconnect()
  mkdirSync(join(a.root, 'docs'))
  writeFileSync(join(a.root, 'docs/other.md'), 'two')
  writeFileSync(join(a.root, 'Docs/NOTE.md'), 'three')
  await a.engine.rescan()
  connectDevices(a.device, b.device)
  await quiet(a, b)
  expect(treeOf(b.root)).toEqual({ Docs: null, 'Docs/note.md': 'one' })
  const collisions = b.engine.state().problems.filter(({ code }) => code === 'sync_name_collision')
  expect(collisions.map(({ name }) => name).toSorted()).toEqual([
    'Docs/NOTE.md',
    'docs',
    'docs/other.md',
  ])
})

test('a clock that goes back makes no edit older than what it changed', async () => {
  await using a = await replica('a')
  await using b = await replica('b')
  const path = join(a.root, 'note.md')
  writeFileSync(path, 'tomorrow')
  const tomorrow = Date.now() / 1000 + 86_400
  utimesSync(path, tomorrow, tomorrow)
  connectDevices(a.device, b.device)
  await converge(a, b)
  writeFileSync(path, 'now')
  await converge(a, b)
  writeFileSync(path, 'last year')
  utimesSync(path, 1_700_000_000, 1_700_000_000)
  await converge(a, b)
  expect(treeOf(b.root)).toEqual({ 'note.md': 'last year' })
})

test('a disk without room stops the folder with a reason, and it goes on when there is room', async () => {
  const mount = mkdtempSync(join(tmpdir(), 'silo-tmpfs-'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'none', mount])
  await using stack = new AsyncDisposableStack()
  stack.defer(() => {
    execFileSync('umount', ['-l', mount])
    rmSync(mount, { recursive: true, force: true })
  })
  const a = stack.use(await replica('a'))
  const b = stack.use(await replica('b', { root: join(mount, 'folder') }))
  writeFileSync(join(mount, 'ballast'), randomBytes(22_500_000))
  for (let i = 0; i < 40; i++) writeFileSync(join(a.root, `small-${i}`), randomBytes(60_000))
  writeFileSync(join(a.root, 'large.bin'), randomBytes(2_000_000))
  connectDevices(a.device, b.device)
  await converge(a, b)
  expect(b.engine.state()).toMatchObject({ condition: 'error', error: 'disk_full' })
  // What is there is whole.
  const whole = treeOf(a.root)
  for (const [name, text] of Object.entries(treeOf(b.root)))
    if (!name.endsWith('.tmp')) expect(text).toBe(whole[name])
  unlinkSync(join(mount, 'ballast'))
  b.engine.resume()
  await converge(a, b)
  expect(treeOf(b.root)).toEqual(whole)
  expect(b.engine.state()).toMatchObject({ condition: 'idle', needFiles: 0 })
}, 90_000)

test('a folder whose disk is gone deletes nothing elsewhere', async () => {
  await using a = await replica('a')
  await using b = await replica('b')
  writeFileSync(join(a.root, 'note.md'), 'kept')
  connectDevices(a.device, b.device)
  await converge(a, b)
  rmSync(a.root, { recursive: true })
  await converge(a, b)
  expect(a.engine.state()).toMatchObject({ condition: 'error', error: 'sync_folder_missing' })
  mkdirSync(a.root)
  a.engine.resume()
  await converge(a, b)
  expect(a.engine.state()).toMatchObject({ condition: 'error', error: 'sync_folder_missing' })
  expect(treeOf(b.root)).toEqual({ 'note.md': 'kept' })
})
