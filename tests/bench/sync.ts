import { execFile, execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { appendFileSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs' // prettier-ignore
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { newId } from '#shared/domain/ids.ts'
import { createNetwork, type Machine } from '#tests/e2e/network.ts'
import { makeHome, removeHome, startCompanionProcess, type RunningCompanion } from '#tests/e2e/companion.ts' // prettier-ignore
import { createFreshDisk } from './fresh-disk.ts'
import { Syncthing, syncthingMissing } from '#tests/syncthing.ts'

const goals = { largeRatio: 1, smallRatio: 5, editMs: 1000 }
const MiB = 1024 * 1024
const filesAFolder = 100
const limitMs = 300_000

/** Two devices that keep a folder alike. Files go from `here` to `there`. */
interface Pair {
  readonly here: string
  readonly there: string
  /** Looks at once, where the program would wait before it looks by itself. */
  look(): Promise<unknown>
  stop(): Promise<void>
}

/**
 * The same files through two companions and through two real Syncthings, each pair in the same two network namespaces,
 * one after the other in turns. A file counts as there when its last byte is, under its name. `--quick` takes a smaller
 * file and fewer of them.
 */
export async function run({ quick }: { quick: boolean }) {
  const missing = syncthingMissing()
  if (missing) throw new Error(missing)
  const sizes = { large: (quick ? 192 : 1024) * MiB, files: quick ? 1200 : 6000, rounds: quick ? 1 : 3, edits: quick ? 4 : 12 } // prettier-ignore
  const network = createNetwork()
  using disk = createFreshDisk(12)
  const folder = disk.path
  const pairs: Record<string, Pair> = {}
  try {
    const [silo, stock] = await Promise.all([
      startSilo(join(folder, 'silo'), network.desk, network.phone),
      startStock(join(folder, 'stock'), network.isolated, network.desk, network.phone),
    ])
    Object.assign(pairs, { silo, stock })
    const content = randomBytes(64 * MiB)
    const large: Record<string, number[]> = { silo: [], stock: [] }
    const small: Record<string, number[]> = { silo: [], stock: [] }
    for (let round = 0; round < sizes.rounds; round++)
      for (const name of round % 2 ? ['stock', 'silo'] : ['silo', 'stock']) {
        const ms = await largeFile(pairs[name]!, folder, content, sizes.large, `large ${round}.bin`)
        large[name]!.push(sizes.large / MiB / (ms / 1000))
        console.log(`${name}: one file of ${sizes.large / MiB} MiB in ${Math.round(ms)} ms`)
        const smallMs = await smallFiles(pairs[name]!, folder, sizes.files, `small ${round}`)
        small[name]!.push(sizes.files / (smallMs / 1000))
        console.log(`${name}: ${sizes.files} small files in ${Math.round(smallMs)} ms`)
      }
    const edits = { silo: await editTimes(silo, sizes.edits), stock: await editTimes(stock, Math.min(sizes.edits, 4)) } // prettier-ignore
    const largeRatio = ratio(large)
    const smallRatio = ratio(small)
    const editMs = Math.round(Math.max(...edits.silo))
    return {
      bench: 'sync',
      value: smallRatio,
      goal: goals.smallRatio,
      ok:
        largeRatio >= goals.largeRatio && smallRatio >= goals.smallRatio && editMs <= goals.editMs,
      unit: 'times the rate of Syncthing with small files',
      isolated: network.isolated,
      freshDisk: disk.isFresh,
      sizes: { largeMiB: sizes.large / MiB, smallFiles: sizes.files },
      largeRatio,
      largeGoal: goals.largeRatio,
      largeMiBPerSecond: { silo: round1(median(large.silo!)), stock: round1(median(large.stock!)) },
      smallRatio,
      smallFilesPerSecond: { silo: round1(median(small.silo!)), stock: round1(median(small.stock!)) }, // prettier-ignore
      editMs,
      editGoalMs: goals.editMs,
      editMedianMs: {
        silo: Math.round(median(edits.silo)),
        stock: Math.round(median(edits.stock)),
      },
    }
  } finally {
    await Promise.all(Object.values(pairs).map((pair) => pair.stop()))
    network.close()
  }
}

async function largeFile(
  pair: Pair,
  folder: string,
  content: Buffer,
  size: number,
  name: string,
): Promise<number> {
  // prettier-ignore
  const made = join(folder, 'made')
  writeFileSync(made, '')
  // Every part is another: a block that was seen before would not have to travel.
  for (let at = 0; at < size; at += content.length) {
    content.writeDoubleBE(Math.random() * size + at, 0)
    for (let block = 0; block < content.length; block += 64 * 1024) content.writeUInt32BE((Math.random() * 2 ** 32) >>> 0, block + 8) // prettier-ignore
    appendFileSync(made, content.subarray(0, Math.min(content.length, size - at)))
  }
  settle()
  const begin = performance.now()
  renameSync(made, join(pair.here, name))
  await pair.look()
  await until(() => sizeOf(join(pair.there, name)) === size)
  const ms = performance.now() - begin
  rmSync(join(pair.here, name))
  await pair.look()
  await until(() => sizeOf(join(pair.there, name)) === undefined)
  return ms
}

async function smallFiles(
  pair: Pair,
  folder: string,
  count: number,
  name: string,
): Promise<number> {
  // prettier-ignore
  const made = join(folder, 'made-files')
  for (let at = 0; at < count; at++) {
    const part = join(made, `${Math.floor(at / filesAFolder)}`)
    if (at % filesAFolder === 0) mkdirSync(part, { recursive: true })
    writeFileSync(join(part, `note ${at}.md`), randomBytes(512 + ((at * 37) % 7168)))
  }
  settle()
  const begin = performance.now()
  renameSync(made, join(pair.here, name))
  await pair.look()
  const folders = Math.ceil(count / filesAFolder)
  await until(() => {
    let there = 0
    for (let at = folders - 1; at >= 0; at--) {
      const part = namesIn(join(pair.there, name, `${at}`))
      there += part.filter((file) => file.startsWith('note ')).length
      if (part.length < Math.min(filesAFolder, count - at * filesAFolder)) return false
    }
    return there === count
  })
  // They stay: a file system looks long for room where much was just deleted, and longer the faster files come.
  return performance.now() - begin
}

/** What was made for a measurement reaches the disk before it begins, and does not slow it. */
function settle(): void {
  execFileSync('sync')
}

/** From the end of a write here until it is read there, without a hint to look. */
async function editTimes({ here, there }: Pair, count: number): Promise<number[]> {
  const times: number[] = []
  writeFileSync(join(here, 'note.md'), '# A note\n')
  await until(() => textOf(join(there, 'note.md')) === '# A note\n')
  for (let at = 0; at < count; at++) {
    await sleep(1500)
    const text = `# A note\nline ${at}\n`
    writeFileSync(join(here, 'note.md'), text)
    const begin = performance.now()
    await until(() => textOf(join(there, 'note.md')) === text, 5)
    times.push(performance.now() - begin)
  }
  return times
}

async function until(is: () => boolean, everyMs = 25): Promise<void> {
  const end = performance.now() + limitMs
  while (!is()) {
    if (performance.now() > end) throw new Error('the files did not arrive')
    await sleep(everyMs)
  }
}

const sizeOf = (path: string): number | undefined => statSync(path, { throwIfNoEntry: false })?.size

function namesIn(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

async function startSilo(folder: string, desk: Machine, phone: Machine): Promise<Pair> {
  const folders = { here: join(folder, 'here'), there: join(folder, 'there') }
  for (const path of Object.values(folders)) mkdirSync(path, { recursive: true })
  const homes = [makeHome([]), makeHome([])] as const
  const machines = [desk, phone] as const
  const companions = await Promise.all(
    homes.map(
      (home, at) =>
      startCompanionProcess(home, { SILO_LINK_PORT: '0', SILO_LAN: '0' }, 'companion/main.ts', machines[at]!.prefix), // prettier-ignore
    ),
  )
  const [one, two] = companions.map((companion, at) => api(companion, machines[at]!)) as [Api, Api]
  const { link } = await one<{ link: string }>('POST', '/api/pairings', { id: newId(), role: 'owner' }) // prettier-ignore
  const id = newId()
  await two('POST', '/api/joins', { id, role: 'owner', target: { by: 'link', link } })
  interface Sync {
    sync: {
      devices: { id: string; state: string }[]
      folders: { peers: { attached: boolean }[] }[]
    }
  }
  const connected = async (call: Api): Promise<string> => {
    for (const end = performance.now() + 40_000; performance.now() < end; await sleep(150)) {
      const device = (await call<Sync>('GET', '/api/sync')).sync.devices.find(({ state }) => state === 'connected') // prettier-ignore
      if (device) return device.id
    }
    throw new Error('the companions did not find each other')
  }
  const devices = await Promise.all([connected(one), connected(two)])
  for (const [call, path, device] of [[one, folders.here, devices[0]], [two, folders.there, devices[1]]] as const) // prettier-ignore
    await call('POST', '/api/sync/folders', { id: 'bench', label: 'bench', kind: 'files', path, type: 'sendreceive', devices: [device] }) // prettier-ignore
  for (const call of [one, two])
    for (const end = performance.now() + 20_000; ; await sleep(100)) {
      if ((await call<Sync>('GET', '/api/sync')).sync.folders[0]?.peers.some(({ attached }) => attached)) break // prettier-ignore
      if (performance.now() > end) throw new Error('the companions did not agree on the folder')
    }
  return {
    ...folders,
    look: () => Promise.resolve(),
    async stop() {
      await Promise.all(companions.map((companion) => companion.stop()))
      for (const home of homes) removeHome(home)
    },
  }
}

async function startStock(
  folder: string,
  isolated: boolean,
  desk: Machine,
  phone: Machine,
): Promise<Pair> {
  // prettier-ignore
  const folders = { here: join(folder, 'here'), there: join(folder, 'there') }
  const hosts = isolated ? ['192.168.77.1', '192.168.77.2'] : ['127.0.0.1', '127.0.0.1']
  const [one, two] = [desk, phone].map((machine, at) =>
    Syncthing.create({
      home: join(folder, `home ${at}`),
      devices: [],
      folders: [],
      host: hosts[at]!,
      port: 22_300 + at,
      ...(machine.prefix.length > 0 ? { prefix: machine.prefix } : {}),
    }),
  ) as [Syncthing, Syncthing]
  await Promise.all([
    one.start({ devices: [{ id: two.id, address: `tcp://${hosts[1]}:22301` }], folders: [{ id: 'bench', path: folders.here, devices: [two.id] }] }), // prettier-ignore
    two.start({ devices: [{ id: one.id, address: `tcp://${hosts[0]}:22300` }], folders: [{ id: 'bench', path: folders.there, devices: [one.id] }] }), // prettier-ignore
  ])
  for (const end = performance.now() + 40_000; !(await one.connected(two.id)); await sleep(200))
    if (performance.now() > end) throw new Error('the Syncthings did not find each other')
  return {
    ...folders,
    look: () => one.scan('bench'),
    stop: async () => void (await Promise.all([one.stop(), two.stop()])),
  }
}

type Api = <T>(method: string, path: string, body?: unknown) => Promise<T>
const execute = promisify(execFile)

/** The API of a companion that is on another machine: asked from there. */
function api(companion: RunningCompanion, machine: Machine): Api {
  const token = new URL(companion.urlWithToken).searchParams.get('token') ?? ''
  return async (method, path, body) => {
    const data = body === undefined ? [] : ['-H', 'content-type: application/json', '-d', JSON.stringify(body)] // prettier-ignore
    const [command = '', ...rest] = [...machine.prefix, 'curl', '-s', '-X', method, '-H', `authorization: Bearer ${token}`, ...data, `${companion.url}${path}`] // prettier-ignore
    const { stdout } = await execute(command, rest, { timeout: 30_000, maxBuffer: 16 * MiB })
    const answer = JSON.parse(stdout) as { error?: { code: string } }
    if (answer.error) throw new Error(`${method} ${path}: ${answer.error.code}`)
    return answer as never
  }
}

/** Each round against its neighbour, and the middle of these. */
function ratio(rates: Record<string, number[]>): number {
  return Math.round(median(rates.silo!.map((rate, at) => rate / rates.stock![at]!)) * 100) / 100
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? 0
}

function round1(value: number): number {
  return Math.round(value * 10) / 10
}
