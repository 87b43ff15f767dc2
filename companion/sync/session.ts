import { blockError, type BepHandler, type BepPeer, type BlockError, type BlockRequest, type FileInfo, type FolderInCluster } from './bep-peer.ts' // prettier-ignore
import type { MountedFolder, SyncParty } from './mounted-folder.ts'

export interface SessionInit {
  readonly peer: BepPeer
  readonly party: SyncParty
  /** All folders that take part now. */
  folders(): Iterable<MountedFolder>
  /** What the device shares, after each of its cluster configs. */
  onConfig(folders: readonly FolderInCluster[]): void
  onClosed(reason: string): void
}

/** Folders one device may share with this one. */
const maxFolders = 10_000

/**
 * One connected device: exchanges cluster configs, and hands what comes to the folders both share. Every message is
 * checked against what the device is permitted at that moment.
 */
export class SyncSession implements BepHandler {
  readonly peer: BepPeer
  readonly party: SyncParty
  readonly #init: SessionInit
  readonly #attached = new Map<string, MountedFolder>()
  #theirs: ReadonlyMap<string, FolderInCluster> | undefined
  /** Folders of which an index was refused: what comes later would leave a gap. */
  readonly #refused = new Set<string>()
  #work: Promise<void> = Promise.resolve()
  #waiting = false
  #ended = false

  constructor(init: SessionInit) {
    this.peer = init.peer
    this.party = init.party
    this.#init = init
  }

  start(): void {
    this.peer.start(this)
    this.refresh()
  }

  /** Tells the device what it shares with us now, and attaches or detaches folders accordingly. */
  refresh(): void {
    if (this.#waiting) return
    this.#waiting = true
    void this.#next(async () => {
      this.#waiting = false
      const mine = this.#shared()
      for (const [id, folder] of this.#attached)
        if (mine.get(id) !== folder) this.#detach(id, folder)
      // Its index has a gap here, and only a new connection closes it.
      for (const id of this.#refused)
        if (mine.get(id)?.permits(this.party, 'write'))
          return void this.peer.close('a permission has changed')
      const { bepId } = this.party
      await this.peer.sendClusterConfig([...mine.values()].map(({ engine }) => engine.describe(bepId))) // prettier-ignore
      this.#attach(mine)
    })
  }

  clusterConfig(folders: readonly FolderInCluster[]): Promise<void> {
    return this.#next(async () => {
      this.#theirs = new Map(folders.slice(0, maxFolders).map((folder) => [folder.id, folder]))
      // They count from what is said here: what was under way before is void.
      for (const [id, folder] of this.#attached) this.#detach(id, folder)
      this.#attach(this.#shared())
      this.#init.onConfig([...this.#theirs.values()])
    })
  }

  async index(folder: string, files: readonly FileInfo[], full: boolean): Promise<void> {
    const mounted = this.#attached.get(folder)
    if (!mounted || this.#refused.has(folder) || !mounted.permits(this.party, 'write')) {
      this.#refused.add(folder)
      return
    }
    await mounted.engine.index(this.peer, files, full)
  }

  async request(
    request: BlockRequest,
    signal: AbortSignal,
  ): Promise<{ data: Uint8Array } | { error: BlockError }> {
    const mounted = this.#attached.get(request.folder)
    if (!mounted?.permits(this.party, 'read')) {
      const { folder: id } = request
      for (const folder of this.#init.folders())
        if (folder.engine.id === id && !folder.permits(this.party, 'read'))
          folder.refused?.(this.party)
      return { error: blockError.noSuchFile }
    }
    return mounted.engine.request(this.peer, request, signal)
  }

  closed(reason: string): void {
    this.#ended = true
    for (const [id, folder] of this.#attached) this.#detach(id, folder)
    this.#init.onClosed(reason)
  }

  /** A folder is taken out: nothing of it is asked or answered from here on. */
  drop(folder: MountedFolder): void {
    const { id } = folder.engine
    if (this.#attached.get(id) === folder) this.#detach(id, folder)
    this.refresh()
  }

  #shared(): Map<string, MountedFolder> {
    const mine = new Map<string, MountedFolder>()
    for (const folder of this.#init.folders())
      if (folder.permits(this.party, 'read') || folder.permits(this.party, 'write'))
        mine.set(folder.engine.id, folder)
    return mine
  }

  #attach(mine: ReadonlyMap<string, MountedFolder>): void {
    if (this.#ended || !this.#theirs) return
    for (const [id, folder] of mine) {
      const theirs = this.#theirs.get(id)
      if (!theirs || theirs.paused || this.#attached.has(id)) continue
      this.#attached.set(id, folder)
      folder.engine.attach(this.peer, theirs)
    }
  }

  #detach(id: string, folder: MountedFolder): void {
    this.#attached.delete(id)
    folder.engine.detach(this.peer)
  }

  /** One thing after the other; what fails ends the connection. */
  #next(body: () => Promise<void>): Promise<void> {
    const done = this.#work.then(async () => {
      if (!this.#ended) await body()
    })
    this.#work = done.catch(() => {
      if (!this.#ended) void this.peer.close('the folders could not be agreed on')
    })
    return this.#work
  }
}
