import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** Why there is no Syncthing to test with; undefined where there is one. */
export function syncthingMissing(): string | undefined {
  const { status } = spawnSync('syncthing', ['--version'], { encoding: 'utf8' })
  return status === 0 ? undefined : 'the program syncthing is not installed (apt install syncthing)'
}

export interface SyncthingFolder {
  readonly id: string
  readonly path: string
  readonly type?: 'sendreceive' | 'sendonly' | 'receiveonly'
  /** Ids; this device is among them by itself. */
  readonly devices: readonly string[]
  readonly paused?: boolean
}

export interface SyncthingInit {
  /** Its configuration and index. */
  readonly home: string
  readonly devices: readonly {
    readonly id: string
    readonly address: string
    compression?: string
  }[]
  readonly folders: readonly SyncthingFolder[]
  /** Where it listens; 127.0.0.1 unless told. */
  readonly host?: string
  readonly port?: number
  /** Goes before the command, e.g. `ip netns exec NAME`. */
  readonly prefix?: readonly string[]
}

const startMs = 40_000

/** A real Syncthing with ports of its own that tells nobody of itself, steered by its REST API. */
export class Syncthing {
  readonly home: string
  readonly id: string
  readonly #init: SyncthingInit
  readonly #key = randomBytes(16).toString('hex')
  #child: ChildProcess | undefined
  #port = 0
  #guiPort = 0

  private constructor(init: SyncthingInit, id: string) {
    this.#init = init
    this.home = init.home
    this.id = id
  }

  /** Makes its keys, so that its id is known before it starts. */
  static create(init: SyncthingInit): Syncthing {
    mkdirSync(init.home, { recursive: true })
    const made = spawnSync('syncthing', ['generate', `--home=${init.home}`], { encoding: 'utf8', env: environment(init.home) }) // prettier-ignore
    const id = /[A-Z2-7]{7}(-[A-Z2-7]{7}){7}/.exec(`${made.stdout}${made.stderr}`)?.[0]
    if (made.status !== 0 || !id) throw new Error(`syncthing generate: ${made.stderr}`)
    return new Syncthing(init, id)
  }

  get address(): string {
    return `tcp://${this.#init.host ?? '127.0.0.1'}:${this.#port}`
  }

  /** Configures and starts it; `changes` replace parts of what it was created with. */
  async start(changes: Partial<Pick<SyncthingInit, 'devices' | 'folders'>> = {}): Promise<void> {
    Object.assign(this.#init, changes)
    this.#port ||= this.#init.port ?? (await freePort())
    this.#guiPort ||= await freePort()
    for (const { path } of this.#init.folders)
      mkdirSync(join(path, '.stfolder'), { recursive: true })
    writeFileSync(join(this.home, 'config.xml'), this.#config())
    const log = openSync(join(this.home, 'log.txt'), 'a')
    const [command, ...args] = [
      ...(this.#init.prefix ?? []),
      'syncthing',
      'serve',
      `--home=${this.home}`,
      '--no-browser',
      '--no-restart',
      '--no-upgrade',
    ]
    this.#child = spawn(command!, args, {
      stdio: ['ignore', log, log],
      env: environment(this.home),
    })
    const end = performance.now() + startMs
    for (;;) {
      if (await this.get('/rest/system/ping').then(() => true, () => false)) return // prettier-ignore
      if (performance.now() > end) throw new Error('syncthing does not answer')
      await sleep(100)
    }
  }

  async stop(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (!child || child.exitCode !== null) return
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    child.kill('SIGTERM')
    const killing = setTimeout(() => child.kill('SIGKILL'), 8000)
    await ended
    clearTimeout(killing)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
    rmSync(this.home, { recursive: true, force: true })
  }

  get<T>(path: string): Promise<T> {
    return this.#rest('GET', path)
  }

  post(path: string): Promise<unknown> {
    return this.#rest('POST', path)
  }

  /** `sequence`, `needFiles`, `state`, … */
  folder(id: string): Promise<{
    state: string
    needTotalItems: number
    globalFiles: number
    localFiles: number
    errors: number
  }> {
    // prettier-ignore
    return this.get(`/rest/db/status?folder=${encodeURIComponent(id)}`)
  }

  scan(id: string): Promise<unknown> {
    return this.post(`/rest/db/scan?folder=${encodeURIComponent(id)}`)
  }

  async connected(deviceId: string): Promise<boolean> {
    const { connections } = await this.get<{ connections: Record<string, { connected: boolean }> }>('/rest/system/connections') // prettier-ignore
    return connections[deviceId]?.connected ?? false
  }

  async #rest<T>(method: string, path: string): Promise<T> {
    const { prefix } = this.#init
    const url = `http://127.0.0.1:${this.#guiPort}${path}`
    if (prefix) {
      const found = spawnSync(prefix[0]!, [...prefix.slice(1), 'curl', '-sf', '-X', method, '-H', `X-API-Key: ${this.#key}`, url], { encoding: 'utf8' }) // prettier-ignore
      if (found.status !== 0) throw new Error(`${path}: no answer`)
      return (found.stdout ? JSON.parse(found.stdout) : undefined) as T
    }
    const response = await fetch(url, { method, headers: { 'X-API-Key': this.#key }, signal: AbortSignal.timeout(10_000) }) // prettier-ignore
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
    const text = await response.text()
    return (text ? JSON.parse(text) : undefined) as T
  }

  #config(): string {
    const { devices, folders, host = '127.0.0.1' } = this.#init
    return `<configuration version="36">
      ${folders
        .map(
          ({ id, path, type = 'sendreceive', devices: shared, paused = false }) =>
            `<folder id="${id}" label="${id}" path="${path}" type="${type}" rescanIntervalS="3600" fsWatcherEnabled="true" fsWatcherDelayS="1" ignorePerms="false" autoNormalize="true">
              <device id="${this.id}"></device>${shared.map((other) => `<device id="${other}"></device>`).join('')}
              <minDiskFree unit="%">0</minDiskFree><paused>${paused}</paused></folder>`,
        )
        .join('\n')}
      ${device(this.id, 'dynamic', 'stock')}
      ${devices.map(({ id, address, compression }) => device(id, address, 'silo', compression)).join('\n')}
      <gui enabled="true" tls="false"><address>127.0.0.1:${this.#guiPort}</address><apikey>${this.#key}</apikey></gui>
      <options><listenAddress>tcp://${host}:${this.#port}</listenAddress>
        <globalAnnounceEnabled>false</globalAnnounceEnabled><localAnnounceEnabled>false</localAnnounceEnabled>
        <relaysEnabled>false</relaysEnabled><natEnabled>false</natEnabled><urAccepted>-1</urAccepted>
        <autoUpgradeIntervalH>0</autoUpgradeIntervalH><crashReportingEnabled>false</crashReportingEnabled>
        <startBrowser>false</startBrowser><reconnectionIntervalS>2</reconnectionIntervalS></options>
    </configuration>`
  }
}

function device(id: string, address: string, name: string, compression = 'metadata'): string {
  return `<device id="${id}" name="${name}" compression="${compression}" introducer="false"><address>${address}</address></device>`
}

function environment(home: string): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH, HOME: home, STNODEFAULTFOLDER: '1', STNOUPGRADE: '1' }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address ? address.port : 0
}
