import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { connectDevices, testDevice } from '#tests/fakes/bep-pair.ts'
import { converge, replica, treeOf } from './sync-folder-harness.ts'

const rounds = process.env['SILO_LONG_TESTS'] === '1' ? 50 : 12
const child = new URL('./sync-folder-child.ts', import.meta.url).pathname

/** New files, large and small, edits, renames and deletions. */
function change(root: string, round: number): void {
  const folder = join(root, `r${round}`)
  mkdirSync(folder)
  for (let i = 0; i < 120; i++)
    writeFileSync(join(folder, `${i}.txt`), `${round}/${i} `.repeat(200))
  writeFileSync(join(folder, 'large.bin'), randomBytes(6_000_000))
  const before = `r${round - 1}`
  if (!readdirSync(root).includes(before)) return
  for (let i = 0; i < 20; i++) writeFileSync(join(root, before, `${i}.txt`), `edited in ${round}`)
  for (let i = 20; i < 40; i++) rmSync(join(root, before, `${i}.txt`))
  renameSync(join(root, before), join(root, `moved-${round}`))
  rmSync(join(root, `moved-${round - 2}`), { recursive: true, force: true })
}

/** Where two devices have their folders, and what the child is told of them. */
function twoFolders() {
  const place = mkdtempSync(join(tmpdir(), 'silo-folder-kill-'))
  const devices = { a: testDevice('a'), b: testDevice('b') }
  const paths = (name: 'a' | 'b') => ({
    root: join(place, name),
    databasePath: join(place, `${name}.db`),
  })
  const args = (['a', 'b'] as const).flatMap((name) => {
    const { root, databasePath } = paths(name)
    mkdirSync(root, { recursive: true })
    return [root, databasePath, Buffer.from(devices[name].bepId).toString('hex')]
  })
  return { place, devices, paths, args }
}

/**
 * Runs the child until it is killed: a moment after it has said something so many times. Returns the names B said it
 * has.
 */
async function runAndKill(
  args: readonly string[],
  after: number,
  moreMs: number,
): Promise<Set<string>> {
  const process_ = spawn(process.execPath, [child, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
  const pulled = new Set<string>()
  let text = ''
  const reached = Promise.withResolvers<void>()
  let said = 0
  process_.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part
    const lines = text.split('\n')
    text = lines.pop()!
    for (const line of lines) {
      const heard = JSON.parse(line) as 'started' | { name: string; names: string[] }
      if (heard !== 'started' && heard.name === 'b')
        for (const name of heard.names) pulled.add(name)
      if (++said > after) reached.resolve()
    }
  })
  const ended = new Promise<void>((resolve) => process_.once('close', () => resolve()))
  await Promise.race([reached.promise, ended, sleep(10_000)])
  await sleep(moreMs)
  process_.kill('SIGKILL')
  await ended
  return pulled
}

test('killed at any point of scanning and pulling, it is whole, loses nothing and goes on', async () => {
  const { place, devices, paths, args } = twoFolders()
  let acknowledged = 0
  let converged = 0
  for (let round = 1; round <= rounds; round++) {
    change(paths('a').root, round)
    const pulled = await runAndKill(args, Math.floor(Math.random() * 5), Math.random() * 150)
    acknowledged += pulled.size
    const database = new DatabaseSync(paths('b').databasePath)
    expect(database.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' })
    database.close()
    const [treeA, treeB] = [treeOf(paths('a').root, true), treeOf(paths('b').root, true)]
    // What B said it has, it has (or rightly no longer has), and nothing B shows is half a file.
    for (const name of pulled) expect(treeB[name], name).toBe(treeA[name])
    for (const [name, content] of Object.entries(treeB))
      if (!name.endsWith('.tmp') && treeA[name] !== undefined && content !== treeA[name])
        expect(name).toMatch(new RegExp(`^r${round - 1}/\\d+\\.txt$|^moved-`))
    // Two kills in a row every third time: what was half done is killed again.
    if (round % 3 === 0) continue
    await using a = await replica('a', { ...paths('a'), device: devices.a })
    await using b = await replica('b', { ...paths('b'), device: devices.b })
    connectDevices(a.device, b.device)
    await converge(a, b)
    expect(treeOf(b.root, true)).toEqual(treeOf(a.root, true))
    expect(
      Object.keys(treeOf(b.root, true)).filter((name) => /\.tmp$|conflict/.test(name)),
    ).toEqual([])
    expect(b.engine.state()).toMatchObject({ needFiles: 0, problems: [] })
    converged++
  }
  expect(acknowledged).toBeGreaterThan(0)
  expect(converged).toBeGreaterThan(rounds / 2)
  rmSync(place, { recursive: true })
}, 600_000)

test('a large directory that is deleted stays deleted, whenever it is killed meanwhile', async () => {
  const { place, devices, paths, args } = twoFolders()
  const together = async () => {
    await using a = await replica('a', { ...paths('a'), device: devices.a })
    await using b = await replica('b', { ...paths('b'), device: devices.b })
    connectDevices(a.device, b.device)
    await converge(a, b)
    expect(treeOf(b.root, true)).toEqual(treeOf(a.root, true))
    return Object.keys(treeOf(a.root))
  }
  mkdirSync(join(paths('a').root, 'many/below'), { recursive: true })
  for (let i = 0; i < 1300; i++)
    writeFileSync(join(paths('a').root, `many/${i % 4 ? '' : 'below/'}${i}.txt`), `${i}`)
  expect(await together()).toHaveLength(1302)
  rmSync(join(paths('a').root, 'many'), { recursive: true })
  // From its first scan to its last deletion.
  for (const after of [0, 0, 1, 2])
    await runAndKill(args, after, after === 0 ? Math.random() * 400 : Math.random() * 50)
  expect(await together()).toEqual([])
  rmSync(place, { recursive: true })
}, 120_000)
