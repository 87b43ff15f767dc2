import { spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import {
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  readlink,
  realpath,
  rm,
  writeFile,
} from 'node:fs/promises'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Log } from '#companion/observe/log.ts'
import type { Sandbox, SandboxEvent, SandboxJob } from '#shared/contracts/sandbox.ts'

export const silent: Log = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silent,
}

/** Making one takes seconds: the tests share them. */
export const snapshots = join(tmpdir(), `silo-test-snapshots-${process.getuid?.() ?? 0}`)

type End = Extract<SandboxEvent, { type: 'end' }>
export interface Ran extends End {
  readonly output: string
}

/** Runs a job to its end; the caller deletes `folder`. */
export async function runJob(
  sandbox: Sandbox,
  job: SandboxJob,
  signal?: AbortSignal,
): Promise<Ran> {
  let output = ''
  for await (const event of sandbox.run(job, signal ?? new AbortController().signal)) {
    if (event.type === 'end') return { ...event, output }
    if (event.type === 'output') output += event.text
  }
  throw new Error('a job without an end')
}

/**
 * What an attack is after: a secret file and variable, a server that counts who calls, a place that nobody may write
 * to, a process that somebody could kill. `escapes` says what was touched since the last time it was asked.
 */
export class World {
  readonly root: string
  /** For the jails' own files. */
  readonly home: string
  readonly secretPath: string
  readonly outsidePath: string
  /** A person's folder, with files of known content. */
  readonly folder: string
  readonly port: number
  readonly #token: string
  readonly #server: Server
  readonly #victim: ChildProcess
  #calls = 0

  private constructor(root: string, token: string, server: Server, victim: ChildProcess) {
    this.root = root
    this.home = join(root, 'silo')
    this.secretPath = join(root, 'secret', 'key.txt')
    this.outsidePath = join(root, 'outside.txt')
    this.folder = join(root, 'documents')
    this.port = (server.address() as AddressInfo).port
    this.#token = token
    this.#server = server
    this.#victim = victim
    server.on('connection', (socket) => {
      this.#calls++
      socket.on('error', () => {}).end()
    })
  }

  static async open(): Promise<World> {
    const root = await realpath(await mkdtemp(join(tmpdir(), 'silo-world-')))
    const token = `canary-${randomBytes(8).toString('hex')}`
    process.env.SILO_CANARY = token
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const victim = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], {
      stdio: 'ignore',
    })
    const world = new World(root, token, server, victim)
    await mkdir(join(root, 'secret'))
    await writeFile(world.secretPath, token)
    await world.furnish()
    return world
  }

  /** The person's folder as it was. */
  async furnish(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true })
    await mkdir(join(this.folder, 'bills'), { recursive: true })
    await writeFile(join(this.folder, 'a.txt'), 'alpha\n')
    await writeFile(join(this.folder, 'bills', 'b.txt'), 'beta\n')
  }

  /** `{secret}`, `{outside}`, `{port}`, `{pid}`, `{folder}` in the text of an attack. */
  fill(text: string): string {
    const values: Record<string, string> = {
      secret: this.secretPath,
      outside: this.outsidePath,
      port: String(this.port),
      pid: String(this.#victim.pid),
      folder: this.folder,
    }
    return text.replace(
      /\{(secret|outside|port|pid|folder)\}/g,
      (_, name: string) => values[name] ?? '',
    )
  }

  async escapes(ran: Pick<Ran, 'output' | 'folder' | 'files'>): Promise<string[]> {
    const found: string[] = []
    if (ran.output.includes(this.#token)) found.push('a secret was read')
    for (const { name } of ran.files)
      if ((await readFile(join(ran.folder, name), 'utf8')).includes(this.#token)) found.push(`a secret lies in ${name}`) // prettier-ignore
    if (await hasLink(ran.folder)) found.push('a link was left')
    if (this.#calls > 0) found.push('the network was reached')
    if (existsSync(this.outsidePath)) found.push('a file was written outside')
    if (this.#victim.exitCode !== null || this.#victim.signalCode !== null) found.push('a process was killed') // prettier-ignore
    const kept = await Promise.all([
      readFile(join(this.folder, 'a.txt'), 'utf8').catch(() => ''),
      readFile(join(this.folder, 'bills', 'b.txt'), 'utf8').catch(() => ''),
      readdir(this.folder),
    ])
    if (kept[0] !== 'alpha\n' || kept[1] !== 'beta\n' || kept[2].length !== 2) found.push('a folder was changed') // prettier-ignore
    this.#calls = 0
    await rm(this.outsidePath, { force: true })
    return found
  }

  async [Symbol.asyncDispose](): Promise<void> {
    delete process.env.SILO_CANARY
    this.#server.close()
    this.#victim.kill('SIGKILL')
    await rm(this.root, { recursive: true, force: true })
  }
}

async function hasLink(folder: string): Promise<boolean> {
  const names = await readdir(folder, { recursive: true })
  for (const name of names) {
    const target = await readlink(join(folder, name)).catch(() => undefined)
    if (target !== undefined) return true
  }
  return false
}
