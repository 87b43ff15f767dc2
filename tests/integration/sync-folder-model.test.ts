import {
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  rmdirSync,
  statSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { connectDevices, type TestConnection } from '#tests/fakes/bep-pair.ts'
import { converge, replica, treeOf, type Replica } from './sync-folder-harness.ts'

const long = process.env['SILO_LONG_TESTS'] === '1'
const folders = ['', 'd0', 'd1', 'd0/s', 'd1/s']
const names = ['f0', 'f1', 'f2', 's', 'd0']

/**
 * What people did. Every content begins with a token of its own. A token may be missing in the end only if someone
 * overwrote or deleted it where it lay on the disk of that person's device.
 */
class People {
  readonly written = new Set<string>()
  readonly discarded = new Set<string>()
  readonly #random: () => number
  /** Where goes what is taken away: in one step, so that it is known what that was. */
  readonly #bin: string
  #count = 0
  #binned = 0

  constructor(random: () => number, bin: string) {
    this.#random = random
    this.#bin = bin
  }

  pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.#random() * from.length)]!
  }

  /** Where something came by sync in that moment the person gives up. */
  act(root: string): void {
    try {
      this.#act(root)
    } catch (error) {
      if (!/^(ENOENT|ENOTEMPTY|EEXIST|EISDIR|ENOTDIR)$/.test((error as { code: string }).code))
        throw error
    }
  }

  #act(root: string): void {
    const name = join(this.pick(folders), this.pick(names))
    const path = join(root, name)
    const kind = this.#random()
    if (kind < 0.45) this.#write(root, path)
    else if (kind < 0.6) this.#remove(path)
    else if (kind < 0.75) this.#move(root, path)
    else if (kind < 0.85) this.#touch(path)
    else if (kind < 0.93) this.#makeFolder(root, path)
    else this.#swap(path)
  }

  #write(root: string, path: string): void {
    if (!this.#makeFolder(root, dirname(path))) return
    if (existsSync(path) && statSync(path).isDirectory()) return
    const token = `<${++this.#count}>`
    const size = this.#random() < 0.15 ? 600_000 : Math.floor(this.#random() * 50)
    const filler = this.#random() < 0.5 ? 'x' : String(this.#count)
    const content = token + filler.repeat(size).slice(0, size)
    if (this.#random() < 0.5 && existsSync(path)) this.#edit(path, token, content)
    else {
      this.#discard(path)
      writeFileSync(path, content, { flag: 'wx' })
      this.written.add(token)
    }
  }

  /** In place, as some programs do. What sync has replaced since it was opened is written to nowhere. */
  #edit(path: string, token: string, content: string): void {
    const fd = openSync(path, 'r+')
    try {
      this.discarded.add(tokenOf(readFileSync(fd, 'latin1')))
      ftruncateSync(fd)
      writeSync(fd, content, 0)
      if (statSync(path).ino === fstatSync(fd).ino) this.written.add(token)
    } finally {
      closeSync(fd)
    }
  }

  /** One by one: what comes by sync meanwhile is not what the person saw. */
  #remove(path: string): void {
    if (!existsSync(path)) return
    if (statSync(path).isDirectory()) {
      for (const child of readdirSync(path)) this.#remove(join(path, child))
      rmdirSync(path)
    } else this.#discard(path)
  }

  #move(root: string, path: string): void {
    const to = join(root, this.pick(folders), this.pick(names))
    if (!existsSync(path) || to === path || to.startsWith(`${path}/`) || path.startsWith(`${to}/`))
      return
    if (!this.#makeFolder(root, dirname(to))) return
    this.#remove(to)
    if (statSync(path).isDirectory()) return renameSync(path, to)
    const away = this.#takeAway(path)
    try {
      linkSync(away, to)
    } catch (error) {
      this.#forget(away)
      throw error
    }
  }

  #touch(path: string): void {
    if (!existsSync(path)) return
    const at = Date.now() / 1000 - Math.floor(this.#random() * 1000)
    utimesSync(path, at, at)
  }

  /** A file where a directory was, or the other way. */
  #swap(path: string): void {
    if (!existsSync(path)) return
    const wasFile = statSync(path).isFile()
    this.#remove(path)
    if (wasFile) mkdirSync(path)
    else {
      const token = `<${++this.#count}>`
      writeFileSync(path, token, { flag: 'wx' })
      this.written.add(token)
    }
  }

  /** False where a file is in the way. */
  #makeFolder(root: string, path: string): boolean {
    for (let at = path; at.length > root.length; at = dirname(at))
      if (existsSync(at) && !statSync(at).isDirectory()) return false
    mkdirSync(path, { recursive: true })
    return true
  }

  #discard(path: string): void {
    if (existsSync(path)) this.#forget(this.#takeAway(path))
  }

  #takeAway(path: string): string {
    const away = join(this.#bin, String(++this.#binned))
    renameSync(path, away)
    return away
  }

  #forget(away: string): void {
    if (statSync(away).isDirectory())
      for (const child of readdirSync(away)) this.#forget(join(away, child))
    else this.discarded.add(tokenOf(readFileSync(away, 'latin1')))
  }
}

function tokenOf(content: string): string {
  return /^<\d+>/.exec(content)?.[0] ?? content
}

/** Contents as token and length. */
function shortTreeOf(root: string): Record<string, string | null> {
  return Object.fromEntries(
    Object.entries(treeOf(root, true)).map(([name, content]) => [name, shortContent(content)]),
  )
}

function shortContent(content: string | null): string | null {
  return content === null ? null : `${tokenOf(content)} ${content.length}`
}

/** For a person who looks for the cause: what each index says of names that are not agreed on. */
function describeStuck({ databasePath, device, root }: Replica): void {
  const database = new DatabaseSync(databasePath, { readOnly: true })
  const rows = database
    .prepare(
      `SELECT name, device, type, flags, size, hex(version) AS version, stat FROM sync_files WHERE name IN
       (SELECT r.name FROM sync_files r LEFT JOIN sync_files l ON l.name = r.name AND l.device = 0
        WHERE r.device <> 0 AND l.version IS NOT r.version) ORDER BY name, device`,
    )
    .all()
  const lines = [device.name, ...rows.map((row) => JSON.stringify(row))]
  process.stderr.write(`${lines.join('\n')}\n${JSON.stringify(shortTreeOf(root), undefined, 1)}\n`)
  database.close()
}

/** mulberry32 */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

async function play(seed: number, count: number, steps: number): Promise<void> {
  const random = randomOf(seed)
  const bin = mkdtempSync(join(tmpdir(), 'silo-people-'))
  await using stack = new AsyncDisposableStack()
  stack.defer(() => rmSync(bin, { recursive: true }))
  const people = new People(random, bin)
  const replicas: Replica[] = []
  for (let i = 0; i < count; i++) replicas.push(stack.use(await replica(`r${i}`)))
  const connections = new Map<string, TestConnection>()
  const pairs = replicas.flatMap((_, i) =>
    replicas.slice(i + 1).map((__, j) => [i, i + 1 + j] as const),
  )
  // With three, the first and the last never meet.
  const roads = pairs.filter(([i, j]) => count < 3 || j - i === 1)
  const toggle = async ([i, j]: readonly [number, number], connected: boolean) => {
    const key = `${i}-${j}`
    await connections.get(key)?.disconnect()
    connections.delete(key)
    const delay = () => (random() < 0.3 ? random() * 25 : 0)
    if (connected)
      connections.set(
        key,
        connectDevices(replicas[i]!.device, replicas[j]!.device, { delay, packed: random() < 0.5 }),
      )
  }
  for (let step = 0; step < steps; step++) {
    const one = people.pick(replicas)
    people.act(one.root)
    if (random() < 0.6) void one.engine.rescan()
    if (random() < 0.2) await toggle(people.pick(roads), random() < 0.6)
    if (random() < 0.5) await new Promise((resolve) => setTimeout(resolve, random() * 60))
    if (random() < 0.03) await one.restart()
  }
  for (const road of roads) await toggle(road, true)
  await converge(...replicas)
  await converge(...replicas)
  // What a device did not give is asked of it again after a while, on a slow machine a long one.
  const isWaiting = () => replicas.some(({ engine }) => engine.state().needFiles > 0)
  for (let times = 0; times < 30 && isWaiting(); times++) {
    await new Promise((resolve) => setTimeout(resolve, 1000))
    await converge(...replicas)
  }
  if (process.env['SILO_TEST_LOG']) for (const one of replicas) describeStuck(one)
  for (const { engine } of replicas)
    expect(engine.state(), `seed ${seed}`).toMatchObject({ needFiles: 0, problems: [] })
  const tree = shortTreeOf(replicas[0]!.root)
  for (const other of replicas.slice(1))
    expect(shortTreeOf(other.root), `seed ${seed}`).toEqual(tree)
  const kept = new Set(Object.values(tree).map((content) => tokenOf(content ?? '')))
  const lost = [...people.written].filter(
    (token) => !kept.has(token) && !people.discarded.has(token),
  )
  expect(lost, `seed ${seed}`).toEqual([])
  expect(Object.keys(tree).filter((name) => name.endsWith('.tmp'))).toEqual([])
}

const seed = Number(process.env['SILO_TEST_SEED'] ?? 0)
const seeds = seed ? [seed] : Array.from({ length: long ? 60 : 3 }, (_, i) => 1000 + i)

test.for(seeds)(
  'whatever two people do, both end alike and nothing is lost (%i)',
  { timeout: 180_000 },
  (seed) => play(seed, 2, 40),
)

test.for(seeds)('the same with three in a row (%i)', { timeout: 180_000 }, (seed) =>
  play(seed + 500, 3, 45),
)
