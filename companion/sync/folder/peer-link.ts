import type { BepPeer, DeviceInFolder, FolderInCluster } from '#companion/sync/bep-peer.ts'
import { sameBytes } from './block-list.ts'
import { announce } from './file-records.ts'
import type { FolderContext } from './folder-context.ts'

const batch = 500
/** Changes that come together go out together, ms. */
const gatherMs = 10
/** Whether it may read is asked again after this, ms: nobody tells when it may. */
const longestWaitMs = 30_000

/** Sends one peer what is here: everything at first, or what came since it last heard; then every change. */
export class PeerLink {
  readonly peer: BepPeer
  readonly device: number
  /** How far the peer's own index goes, as it said when it connected. */
  readonly theirSequence: number
  /** A part of its index was not taken. */
  refused = false
  readonly #context: FolderContext
  readonly #mayRead: () => boolean
  #sent: number
  #full: boolean
  #paused = false
  #stopped = false
  #wake: (() => void) | undefined
  #pending = false

  constructor(init: {
    context: FolderContext
    peer: BepPeer
    device: number
    theirs: FolderInCluster
    self: Uint8Array
    mayRead: () => boolean
  }) {
    this.#context = init.context
    this.peer = init.peer
    this.device = init.device
    this.#mayRead = init.mayRead
    const { index } = init.context
    const known = entryOf(init.theirs, init.self)
    const delta =
      known !== undefined &&
      known.indexId === index.indexId &&
      known.maxSequence > 0 &&
      known.maxSequence <= index.sequence
    this.#sent = delta ? known.maxSequence : 0
    this.#full = !delta
    this.theirSequence = entryOf(init.theirs, init.peer.bepId)?.maxSequence ?? 0
    void this.#run()
  }

  changed(): void {
    this.#pending = true
    this.#wake?.()
  }

  setPaused(paused: boolean): void {
    this.#paused = paused
    this.changed()
  }

  stop(): void {
    this.#stopped = true
    this.#wake?.()
  }

  async #run(): Promise<void> {
    const { index, id, ignorePermissions, log } = this.#context
    try {
      while (!this.#stopped) {
        this.#pending = false
        const files =
          this.#paused || !this.#mayRead() ? undefined : index.localSince(this.#sent, batch)
        if (files && (files.length > 0 || this.#full)) {
          // Without a version it is nobody's: a reader's leftovers.
          const shown = files.filter(({ version }) => version.length > 0)
          const infos = shown.map((file) => announce(file, ignorePermissions))
          if (infos.length > 0 || this.#full) await this.peer.sendIndex(id, infos, this.#full)
          this.#full = false
          this.#sent = files.at(-1)?.sequence ?? this.#sent
          if (files.length === batch) continue
        }
        if (!this.#pending) await this.#waited()
        if (!this.#stopped) await new Promise((resolve) => setTimeout(resolve, gatherMs))
      }
    } catch (error) {
      log.debug('the index could not be sent', { folder: id, error })
      // Mostly the connection is gone anyway. Where it is not, the peer would never hear of anything again.
      if (!this.#stopped) await this.peer.close('the index could not be sent').catch(() => {})
    }
  }

  async #waited(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#wake = resolve
    const timer = setTimeout(resolve, longestWaitMs)
    timer.unref()
    if (!this.#stopped) await promise
    clearTimeout(timer)
    this.#wake = undefined
  }
}

/** What a cluster config says of one device. */
export function entryOf(folder: FolderInCluster, device: Uint8Array): DeviceInFolder | undefined {
  return folder.devices.find(({ id }) => sameBytes(id, device))
}
