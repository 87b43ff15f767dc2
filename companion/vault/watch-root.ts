import { realpath, stat, statfs } from 'node:fs/promises'
import { basename, dirname, relative, sep } from 'node:path'
import { watch, type FSWatcher } from 'chokidar'
import type { WatchState } from '#shared/protocol/ingest.ts'
import { isPassedOver } from './scan.ts'

export interface RootWatchInit {
  readonly root: string
  /** How often a root is looked for, and one without events is looked through. Ms. */
  readonly lookMs: number
  readonly pollMs: number
  readonly isNetwork: (path: string) => Promise<boolean>
  /** Files and folders that something happened to; undefined: it may be anything. */
  readonly onChange: (paths: readonly string[] | undefined) => void
  readonly onState: () => void
}

/** File systems whose events of other computers do not arrive here: NFS, SMB, CIFS, SMB2, FUSE, 9P, AFS, Ceph. */
const networkTypes = new Set([0x6969, 0x517b, 0xff534d42, 0xfe534d42, 0x65735546, 0x01021997, 0x5346414f, 0x00c36400]) // prettier-ignore

/**
 * Tells of changes below one root: by the system's events, by looking where there are none, and by looking whether it
 * is there at all. A drive that is unplugged is missing, and everything is looked at again when it is back.
 */
export class RootWatch implements AsyncDisposable {
  readonly #init: RootWatchInit
  #state: WatchState['state'] = 'starting'
  #watcher: FSWatcher | undefined
  /** Which folder of which disk is watched. */
  #place = ''
  #timer: NodeJS.Timeout | undefined
  #polledAt = 0
  #eventsFail = false
  #closed = false

  constructor(init: RootWatchInit) {
    this.#init = init
    void this.#look()
  }

  get state(): WatchState {
    return { root: this.#init.root, state: this.#state }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    await this.#watcher?.close()
  }

  /** One look at a time: a network drive that hangs must not take all the threads there are for files. */
  async #look(): Promise<void> {
    try {
      await this.#lookOnce()
    } finally {
      if (!this.#closed) {
        this.#timer = setTimeout(() => void this.#look(), this.#init.lookMs)
        this.#timer.unref()
      }
    }
  }

  async #lookOnce(): Promise<void> {
    const { root, pollMs, onChange } = this.#init
    const place = await placeOf(root)
    if (this.#closed) return
    if (place === undefined) {
      await this.#end()
      return this.#be('missing')
    }
    if (place !== this.#place) {
      await this.#end()
      this.#place = place
      const top = await realpath(root).catch(() => root)
      if (!this.#eventsFail && !(await this.#init.isNetwork(top))) await this.#start(top)
      if (this.#closed) return
      this.#be(this.#watcher ? 'events' : 'polling')
      this.#polledAt = Date.now()
      onChange(undefined)
    } else if (!this.#watcher && Math.abs(Date.now() - this.#polledAt) >= pollMs) {
      this.#polledAt = Date.now()
      onChange(undefined)
    }
  }

  async #start(top: string): Promise<void> {
    const watcher = watch(top, {
      ignoreInitial: true,
      followSymlinks: false,
      ignorePermissionErrors: true,
      ignored: (path) => path !== top && relative(top, path).split(sep).some(isPassedOver),
    })
    this.#watcher = watcher
    watcher.on('all', (_event, path) => {
      this.#init.onChange([basename(path) === '.gitignore' ? dirname(path) : path])
    })
    await new Promise<void>((resolve) => {
      watcher.once('ready', resolve)
      watcher.on('error', () => {
        // Too many folders for the system, mostly: from now on they are looked through.
        this.#eventsFail = true
        this.#place = ''
        resolve()
      })
    })
    if (this.#eventsFail || this.#closed) await this.#end()
  }

  async #end(): Promise<void> {
    const watcher = this.#watcher
    this.#watcher = undefined
    this.#place = ''
    await watcher?.close()
  }

  #be(state: WatchState['state']): void {
    if (this.#state === state) return
    this.#state = state
    this.#init.onState()
  }
}

async function placeOf(path: string): Promise<string | undefined> {
  const stats = await stat(path, { bigint: true }).catch(() => undefined)
  return stats && `${stats.dev}:${stats.ino}`
}

/** Whether a path lies on a disk of another computer, as far as the system tells. */
export async function isNetworkDisk(path: string): Promise<boolean> {
  if (/^[\\/]{2}[^\\/]/.test(path)) return true
  if (process.platform !== 'linux') return false
  const type = await statfs(path).then(({ type }) => type, () => undefined) // prettier-ignore
  return type !== undefined && networkTypes.has(type >>> 0)
}
