import { randomBytes } from 'node:crypto'
import { closeSync, existsSync, ftruncateSync, mkdirSync, openSync, writeSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs' // prettier-ignore
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { syncthingMissing } from '#tests/syncthing.ts'
import { treeOf } from '#tests/tree.ts'
import { Closers, pairWithStock, type Pair } from './sync-harness.ts'

const waitMs = 25_000
const missing = syncthingMissing()
const long = process.env.SILO_LONG_TESTS === '1'

let closers: Closers
beforeEach(() => {
  closers = new Closers()
})
afterEach(() => closers.close(), 120_000)

function write(root: string, name: string, content: string | Buffer): void {
  mkdirSync(dirname(join(root, name)), { recursive: true })
  writeFileSync(join(root, name), content)
}

/** Both folders hold the same, and at least what `contains` asks for. */
async function alike(
  { here, there }: Pair,
  names: readonly string[],
  timeout = waitMs,
): Promise<void> {
  await expect
    .poll(
      async () => {
        const [mine, theirs] = await Promise.all([treeOf(here), treeOf(there)])
        return { same: JSON.stringify(mine) === JSON.stringify(theirs), lacking: names.filter((name) => !(name in mine)), mine, theirs } // prettier-ignore
      },
      { timeout, interval: 300 },
    )
    .toMatchObject({ same: true, lacking: [] })
}

const folderState = (pair: Pair) => pair.silo.service.state().folders[0]!

describe('with the real Syncthing', { timeout: 240_000 }, () => {
  test('there is one', () => expect(missing).toBeUndefined())

  test('create, edit, rename, delete and links go both ways, with names of any kind', async () => {
    const pair = await pairWithStock(closers, {
      prepare(here, there) {
        write(here, 'notes/from silo.md', '# Hello\n')
        write(here, 'empty', '')
        write(there, '中文/合同.txt', '第一版\n')
        write(there, 'Ünïcödé/naïve café.md', 'text\n')
        write(there, 'emoji 🗂️ (1).md', 'x')
      },
    })
    const { here, there } = pair
    await alike(pair, ['notes/from silo.md', 'empty', '中文/合同.txt', 'Ünïcödé/naïve café.md', 'emoji 🗂️ (1).md']) // prettier-ignore
    await expect
      .poll(() => folderState(pair), { timeout: waitMs })
      .toMatchObject({
        condition: 'idle',
        needFiles: 0,
        percent: 100,
        files: 5,
      })

    write(here, 'edited here.md', 'one\n')
    write(there, 'edited there.md', 'one\n')
    await alike(pair, ['edited here.md', 'edited there.md'])
    write(here, 'edited here.md', 'two, and longer\n')
    write(there, 'edited there.md', 'two\n')
    renameSync(join(here, 'notes/from silo.md'), join(here, 'notes/renamed.md'))
    renameSync(join(there, '中文'), join(there, '文件'))
    symlinkSync('notes/renamed.md', join(here, 'link'))
    mkdirSync(join(there, 'empty folder'))
    await alike(pair, ['notes/renamed.md', '文件/合同.txt', 'link', 'empty folder/'])
    expect(readFileSync(join(there, 'edited here.md'), 'utf8')).toBe('two, and longer\n')
    expect(readFileSync(join(here, 'edited there.md'), 'utf8')).toBe('two\n')
    expect(existsSync(join(there, 'notes/from silo.md'))).toBe(false)

    rmSync(join(here, '文件'), { recursive: true })
    rmSync(join(there, 'edited here.md'))
    await expect.poll(() => existsSync(join(there, '文件')) || existsSync(join(here, 'edited here.md')), { timeout: waitMs }).toBe(false) // prettier-ignore
    await alike(pair, ['edited there.md'])
  })

  test('a directory of many files that is deleted there is gone on both sides for good', async () => {
    const pair = await pairWithStock(closers, {
      prepare(here) {
        write(here, 'kept.md', 'x')
        for (let at = 0; at < 1600; at++)
          write(here, `many/${at % 3 ? '' : 'below/'}${at}.txt`, `${at}`)
      },
    })
    await alike(pair, ['many/1.txt', 'many/below/1599.txt'])
    rmSync(join(pair.there, 'many'), { recursive: true })
    await pair.stock.scan('shared')
    await expect.poll(() => existsSync(join(pair.here, 'many')), { timeout: waitMs }).toBe(false)
    // It is not brought back by either.
    await new Promise((resolve) => setTimeout(resolve, 3000))
    await alike(pair, ['kept.md'])
    expect(existsSync(join(pair.here, 'many')) || existsSync(join(pair.there, 'many'))).toBe(false)
  })

  test('a change in a large file moves what changed, and what both have stays', async () => {
    const large = randomBytes(24 << 20)
    const pair = await pairWithStock(closers, {
      prepare: (here) => write(here, 'large.bin', large),
    })
    await alike(pair, ['large.bin'])
    const before = pair.silo.service.state().devices[0]!
    large.write('in the middle', 11 << 20)
    write(pair.there, 'large.bin', large)
    await expect.poll(() => readFileSync(join(pair.here, 'large.bin')).equals(large), { timeout: waitMs }).toBe(true) // prettier-ignore
    const after = pair.silo.service.state().devices[0]!
    expect(after.received - before.received).toBeLessThan(4 << 20)
  })

  test('both change one file while apart: one wins, the other is kept beside it', async () => {
    const pair = await pairWithStock(closers, {
      prepare: (here) => write(here, 'plan.md', 'base\n'),
    })
    await alike(pair, ['plan.md'])
    await pair.silo.stop()
    await pair.stock.stop()
    write(pair.here, 'plan.md', 'as silo has it\n')
    write(pair.there, 'plan.md', 'as stock has it\n')
    utimesSync(join(pair.here, 'plan.md'), new Date(), new Date(Date.now() - 60_000))
    await pair.silo.start()
    await pair.stock.start({ devices: [{ id: pair.silo.id, address: pair.silo.address }] })
    const copies = (): string[] => readdirSync(pair.here).filter((name) => /^plan\.sync-conflict-\d{8}-\d{6}-[A-Z2-7]{7}\.md$/.test(name)) // prettier-ignore
    await expect.poll(() => copies().length, { timeout: waitMs }).toBe(1)
    await alike(pair, ['plan.md', ...copies()])
    const texts = [readFileSync(join(pair.here, 'plan.md'), 'utf8'), readFileSync(join(pair.here, copies()[0]!), 'utf8')] // prettier-ignore
    expect(texts).toEqual(['as stock has it\n', 'as silo has it\n'])
  })

  test('a device that was off for a week: both sides have changed meanwhile', async () => {
    const pair = await pairWithStock(closers, {
      prepare(here) {
        for (let at = 0; at < 60; at++)
          write(here, `week/${at % 6}/file ${at}.md`, `version one of ${at}\n`)
      },
    })
    await alike(pair, ['week/5/file 59.md'])
    await pair.silo.stop()
    const week = Date.now() / 1000 - 7 * 24 * 3600
    for (let at = 0; at < 60; at += 3) {
      write(pair.there, `week/${at % 6}/file ${at}.md`, `changed there ${at}\n`)
      utimesSync(join(pair.there, `week/${at % 6}/file ${at}.md`), week, week)
      rmSync(join(pair.here, `week/${(at + 1) % 6}/file ${at + 1}.md`))
      renameSync(join(pair.here, `week/${(at + 2) % 6}/file ${at + 2}.md`), join(pair.here, `week/moved ${at + 2}.md`)) // prettier-ignore
    }
    write(pair.there, 'new there.md', 'x')
    write(pair.here, 'new here.md', 'y')
    await pair.stock.scan('shared')
    await pair.stock.stop()
    await pair.stock.start()
    await pair.silo.start()
    await pair.stock.stop()
    await pair.stock.start({ devices: [{ id: pair.silo.id, address: pair.silo.address }] })
    await alike(pair, ['new there.md', 'new here.md', 'week/moved 2.md', 'week/0/file 0.md'])
    expect(readFileSync(join(pair.here, 'week/0/file 0.md'), 'utf8')).toBe('changed there 0\n')
    expect(existsSync(join(pair.there, 'week/1/file 1.md'))).toBe(false)
    const names = Object.keys(await treeOf(pair.here))
    expect(names.filter((name) => name.includes('sync-conflict'))).toEqual([])
    expect(names.filter((name) => name.endsWith('.md'))).toHaveLength(42)
  })

  test('pause and resume: nothing moves while paused, everything after', async () => {
    const pair = await pairWithStock(closers, { prepare: (here) => write(here, 'first.md', '1') })
    await alike(pair, ['first.md'])
    await pair.silo.service.patchFolder('shared', { paused: true })
    expect(folderState(pair)).toMatchObject({ paused: true, condition: 'paused' })
    write(pair.there, 'while paused.md', '2')
    write(pair.here, 'here while paused.md', '3')
    await pair.stock.scan('shared')
    await new Promise((resolve) => setTimeout(resolve, 1500))
    expect(existsSync(join(pair.here, 'while paused.md'))).toBe(false)
    expect(existsSync(join(pair.there, 'here while paused.md'))).toBe(false)
    await pair.silo.service.patchFolder('shared', { paused: false })
    await alike(pair, ['while paused.md', 'here while paused.md'])

    await pair.silo.service.patchDevice(pair.stock.id, { paused: true })
    await expect.poll(() => pair.silo.service.state().devices[0]!.state).toBe('paused')
    write(pair.there, 'device paused.md', '4')
    await pair.silo.service.patchDevice(pair.stock.id, { paused: false })
    await alike(pair, ['device paused.md'])
  })

  test('ignored names stay where they are, in both', async () => {
    const pair = await pairWithStock(closers, {
      prepare(here, there) {
        write(here, '.stignore', '*.tmp\n/build\n!keep.log\n*.log\n')
        write(here, 'a.tmp', '1')
        write(here, 'build/out.js', '2')
        write(here, 'keep.log', '3')
        write(there, 'theirs.tmp', '4')
        write(there, 'other.log', '5')
        write(there, 'sub/build/kept.js', '6')
      },
    })
    await expect.poll(() => existsSync(join(pair.there, 'keep.log')) && existsSync(join(pair.here, 'sub/build/kept.js')), { timeout: waitMs }).toBe(true) // prettier-ignore
    write(pair.there, 'after.md', 'x')
    await expect.poll(() => existsSync(join(pair.here, 'after.md')), { timeout: waitMs }).toBe(true)
    for (const name of ['a.tmp', 'build'])
      expect(existsSync(join(pair.there, name)), name).toBe(false)
    for (const name of ['theirs.tmp', 'other.log']) expect(existsSync(join(pair.here, name)), name).toBe(false) // prettier-ignore
  })

  test('send-only and receive-only keep to their direction', async () => {
    const pair = await pairWithStock(closers, { type: 'receiveonly', prepare: (_, there) => write(there, 'theirs.md', '1') }) // prettier-ignore
    await alike(pair, ['theirs.md'])
    write(pair.here, 'only here.md', '2')
    await expect.poll(() => folderState(pair).changedHere, { timeout: waitMs }).toBe(1)
    expect(existsSync(join(pair.there, 'only here.md'))).toBe(false)
    await pair.silo.service.act('shared', 'revert')
    await expect.poll(() => existsSync(join(pair.here, 'only here.md')), { timeout: waitMs }).toBe(false) // prettier-ignore
    await pair.silo.service.patchFolder('shared', { type: 'sendonly' })
    write(pair.there, 'not taken.md', '3')
    write(pair.here, 'given.md', '4')
    await expect
      .poll(() => existsSync(join(pair.there, 'given.md')), { timeout: waitMs })
      .toBe(true)
    expect(existsSync(join(pair.here, 'not taken.md'))).toBe(false)
  })

  test('the notes of the companion are a folder like any other', async () => {
    const pair = await pairWithStock(closers, { kind: 'notes', prepare: (_, there) => write(there, 'from the tablet.md', '# Idea\n') }) // prettier-ignore
    write(pair.here, 'from silo.md', '# Mine\n')
    await alike(pair, ['from the tablet.md', 'from silo.md'])
    expect(folderState(pair)).toMatchObject({ kind: 'notes', label: 'Shared' })
  })

  test('a folder offered, a device that is not known, and taking both out again', async () => {
    const pair = await pairWithStock(closers, { prepare: (here) => write(here, 'kept.md', '1') })
    await alike(pair, ['kept.md'])
    const { service } = pair.silo
    await service.removeFolder('shared')
    await expect.poll(() => service.state().offers.map(({ folderId }) => folderId), { timeout: waitMs }).toEqual(['shared']) // prettier-ignore
    expect(existsSync(join(pair.here, 'kept.md'))).toBe(true)
    await service.removeDevice(pair.stock.id)
    await expect.poll(() => service.state().strangers.map(({ deviceId }) => deviceId), { timeout: waitMs }).toEqual([pair.stock.id]) // prettier-ignore
    expect(service.state()).toMatchObject({ devices: [], folders: [], offers: [] })
  })

  test.runIf(long)('10,000 small files, both ways', { timeout: 900_000 }, async () => {
    const pair = await pairWithStock(closers, {
      prepare(here, there) {
        for (let at = 0; at < 10_000; at++)
          write(at % 2 ? here : there, `many/${at % 100}/file ${at}.txt`, `content of file number ${at}\n`.repeat(1 + (at % 40))) // prettier-ignore
      },
    })
    await expect.poll(() => folderState(pair), { timeout: 600_000, interval: 1000 }).toMatchObject({ files: 10_000, needFiles: 0 }) // prettier-ignore
    await expect.poll(async () => (await pair.stock.folder('shared')).needTotalItems, { timeout: 600_000, interval: 1000 }).toBe(0) // prettier-ignore
    await alike(pair, ['many/0/file 0.txt', 'many/99/file 9999.txt'], 120_000)
  })

  test.runIf(long)('a file of 4 GB, both ways', { timeout: 1_800_000 }, async () => {
    const pair = await pairWithStock(closers, {
      prepare(here, there) {
        for (const [root, name] of [
          [here, 'from silo.bin'],
          [there, 'from stock.bin'],
        ] as const) {
          write(root, name, '')
          sparse(join(root, name), 4 * 1024 ** 3)
        }
      },
    })
    await expect.poll(() => folderState(pair), { timeout: 1_200_000, interval: 2000 }).toMatchObject({ files: 2, needFiles: 0 }) // prettier-ignore
    await alike(pair, ['from silo.bin', 'from stock.bin'], 600_000)
  })
})

/** A file that is mostly holes, with something in places. */
function sparse(path: string, size: number): void {
  const handle = openSync(path, 'r+')
  ftruncateSync(handle, size)
  for (let at = 0; at < size; at += 257 * 1024 * 1024)
    writeSync(handle, randomBytes(4096), 0, 4096, at)
  closeSync(handle)
}
