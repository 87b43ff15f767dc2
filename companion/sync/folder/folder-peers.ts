import type { BepPeer, FileInfo, FolderInCluster } from '#companion/sync/bep-peer.ts'
import type { FolderInit, FolderPeerState } from '#companion/sync/folder-engine.ts'
import { sameBytes } from './block-list.ts'
import { acceptFile, type IndexedFile } from './file-records.ts'
import type { FolderContext } from './folder-context.ts'
import { isSafeName } from './names.ts'
import type { Needs } from './needs.ts'
import { entryOf, PeerLink } from './peer-link.ts'
import type { Sources } from './sources.ts'

const defaultMaxFiles = 1_000_000
const batch = 500
/** Permissions are asked again after this, ms. */
const permitMs = 500
const lacksMs = 2000
/** The same while much is on its way: counting looks at every file. */
const lacksBusyMs = 10_000
/** An index that has been silent for this long is taken for complete, ms. */
const silentMs = 3000
const announcingMs = 500

/** The connected devices of one folder and what each of them announced. */
export class FolderPeers {
  readonly #init: FolderInit
  readonly #context: FolderContext
  readonly #needs: Needs
  readonly #sources: Sources
  readonly #news: () => void
  readonly #links = new Map<BepPeer, PeerLink>()
  readonly #permitted = new Map<number, { until: number; allowed: boolean }>()
  readonly #lacks = new Map<number, { at: number; isOld: boolean; files: number; bytes: number }>()
  #recount: NodeJS.Timeout | undefined
  #devices: Map<number, Uint8Array> | undefined
  #storing = 0
  #lastIndexAt = 0

  constructor(
    init: FolderInit,
    context: FolderContext,
    needs: Needs,
    sources: Sources,
    news: () => void,
  ) {
    this.#init = init
    this.#context = context
    this.#needs = needs
    this.#sources = sources
    this.#news = news
  }

  get idle(): boolean {
    return this.#storing === 0
  }

  /** Something has just been announced; what belongs to it may follow. */
  get announcing(): boolean {
    return this.#storing > 0 || Date.now() - this.#lastIndexAt < announcingMs
  }

  describe(device: Uint8Array, paused: boolean): FolderInCluster {
    const { index, ignorePermissions, ignoreDelete, type } = this.#context
    const known = index.device(device)
    return {
      id: this.#init.id,
      label: this.#init.label,
      readOnly: type === 'sendonly',
      ignorePermissions,
      ignoreDelete,
      paused,
      devices: [
        { id: this.#init.bepId, name: '', maxSequence: index.sequence, indexId: index.indexId },
        { id: device, name: '', maxSequence: known?.sequence ?? 0, indexId: known?.indexId ?? 0n },
      ],
    }
  }

  attach(peer: BepPeer, theirs: FolderInCluster, paused: boolean): void {
    const { index } = this.#context
    this.detach(peer)
    const entry = entryOf(theirs, peer.bepId)
    const indexId = entry?.indexId ?? 0n
    let known = index.device(peer.bepId)
    // Another index is sent from the beginning. So is one that was put back to an earlier state: the other side sees
    // from our cluster config that we know more than it has.
    const stale = !known || known.indexId !== indexId || indexId === 0n
    if (stale) known = this.#reset(peer.bepId, indexId)
    const link = new PeerLink({
      context: this.#context,
      peer,
      device: known!.no,
      theirs,
      self: this.#init.bepId,
      mayRead: () => this.#permits(peer.bepId, 'read'),
    })
    link.setPaused(paused)
    this.#askAgain(known!.no)
    this.#lastIndexAt = Date.now()
    this.#links.set(peer, link)
    this.#sources.add(peer, known!.no)
  }

  detach(peer: BepPeer): void {
    this.#links.get(peer)?.stop()
    this.#links.delete(peer)
    this.#sources.remove(peer)
  }

  stop(): void {
    clearTimeout(this.#recount)
    for (const peer of this.#links.keys()) this.detach(peer)
  }

  setPaused(paused: boolean): void {
    for (const link of this.#links.values()) link.setPaused(paused)
  }

  localChanged(): void {
    for (const link of this.#links.values()) link.changed()
  }

  forget(bepId: Uint8Array): void {
    for (const [peer] of this.#links) if (sameBytes(peer.bepId, bepId)) this.detach(peer)
    const device = this.#context.index.device(bepId)
    if (!device) return
    const affected = this.#needing(device.no)
    this.#context.index.dropDevice(bepId)
    this.#devices = undefined
    this.#needs.update(affected)
  }

  async index(peer: BepPeer, files: readonly FileInfo[], full: boolean): Promise<void> {
    const link = this.#links.get(peer)
    if (!link) return
    // What comes after something that was refused would leave a gap; the next connection begins before it.
    link.refused ||= !this.#permits(peer.bepId, 'write')
    if (link.refused) return
    this.#storing++
    try {
      this.#lastIndexAt = Date.now()
      const { index } = this.#context
      const known = index.device(peer.bepId)
      if (!known) return
      if (full) this.#reset(peer.bepId, known.indexId)
      for (let at = 0; at < files.length; at += batch) {
        if (at > 0) await new Promise(setImmediate)
        if (!this.#store(link, files.slice(at, at + batch))) return
      }
    } finally {
      this.#storing--
      this.#news()
    }
  }

  /** False where the device announces more than this folder takes. */
  #store(link: PeerLink, files: readonly FileInfo[]): boolean {
    const { index, problems } = this.#context
    const accepted: IndexedFile[] = []
    let sequence = 0
    for (const file of files) {
      if (Number.isSafeInteger(file.sequence)) sequence = Math.max(sequence, file.sequence)
      const taken = this.#accept(file)
      if (taken) accepted.push(taken)
      else
        problems.set(file.name, isSafeName(file.name) ? 'sync_entry_refused' : 'sync_name_refused')
    }
    const known = index.device(link.peer.bepId)
    // The connection ended meanwhile: what comes of another one begins where this one was then.
    if (this.#links.get(link.peer) !== link) return false
    const limit = this.#init.options?.maxFiles ?? defaultMaxFiles
    if (!known) return false
    if (known.files + accepted.length > limit) {
      problems.set(link.peer.name || '?', 'sync_too_many_files')
      this.#context.log.warn('a device announces too many files', { folder: this.#init.id, limit })
      void link.peer.close('too many files')
      return false
    }
    const differing = new Set(index.putRemote(link.device, accepted, sequence))
    for (const { name } of accepted) {
      this.#sources.announced(link.device, name)
      // What is here in just that version is lacked no more than before.
      if (differing.has(name) || this.#needs.get(name)) this.#needs.update([name])
    }
    const lacks = this.#lacks.get(link.device)
    if (lacks) lacks.isOld = true
    return true
  }

  #accept(file: FileInfo): IndexedFile | undefined {
    const only = this.#init.options?.onlyWriter
    if (only !== undefined && file.version.some(({ id }) => id !== only)) return undefined
    return acceptFile(file)
  }

  mayRead(peer: BepPeer): boolean {
    return this.#links.has(peer) && this.#permits(peer.bepId, 'read')
  }

  mayWrite(device: number): boolean {
    const now = Date.now()
    const known = this.#permitted.get(device)
    if (known && known.until > now) return known.allowed
    this.#devices ??= new Map(this.#context.index.devices().map(({ no, bepId }) => [no, bepId]))
    const bepId = this.#devices.get(device)
    const allowed = bepId !== undefined && this.#permits(bepId, 'write')
    this.#permitted.set(device, { until: now + permitMs, allowed })
    // What was passed over until now is wanted from here on.
    if (known?.allowed === false && allowed) this.#granted()
    return allowed
  }

  /** With every connection: what was answered before may have changed meanwhile. */
  #askAgain(device: number): void {
    const known = this.#permitted.get(device)
    if (known) this.#permitted.set(device, { ...known, until: 0 })
    this.mayWrite(device)
  }

  #granted(): void {
    this.#needs
      .rebuild()
      .then(() => this.#news())
      .catch((error: unknown) => {
        this.#context.log.warn('what is needed could not be found out', { folder: this.#init.id, error }) // prettier-ignore
      })
  }

  /** What the connected devices had to say when they came has been said. */
  indexComplete(): boolean {
    if (Date.now() - this.#lastIndexAt > silentMs) return true
    return [...this.#links.values()].every((link) => {
      const known = this.#context.index.device(link.peer.bepId)
      return known !== undefined && known.sequence >= link.theirSequence
    })
  }

  states(): FolderPeerState[] {
    return this.#context.index.devices().map(({ no, bepId }) => {
      const peer = [...this.#links.keys()].find((one) => sameBytes(one.bepId, bepId))
      const lacks = this.#lacking(no)
      return {
        bepId,
        attached: peer !== undefined,
        needFiles: lacks.files,
        needBytes: lacks.bytes,
        badBlocks: (peer && this.#sources.get(peer)?.badBlocks) ?? 0,
      }
    })
  }

  #lacking(device: number): { files: number; bytes: number } {
    const now = Date.now()
    const known = this.#lacks.get(device)
    const { announcing } = this
    const freshMs = announcing ? lacksBusyMs : known?.isOld ? 0 : lacksMs
    if (known && now - known.at < freshMs) {
      // Whoever looks now sees an older number, and is told when there is a newer one.
      if (announcing) this.#recountLater()
      return known
    }
    const counted = { ...this.#context.index.lacks(device), at: now, isOld: false }
    this.#lacks.set(device, counted)
    return counted
  }

  #recountLater(): void {
    this.#recount ??= setTimeout(() => {
      this.#recount = undefined
      this.#context.stateChanged()
    }, announcingMs + 100)
    this.#recount.unref()
  }

  #reset(bepId: Uint8Array, indexId: bigint) {
    const { index } = this.#context
    const before = index.device(bepId)
    const affected = before ? this.#needing(before.no) : []
    const known = index.resetDevice(bepId, indexId)
    this.#devices = undefined
    this.#permitted.delete(known.no)
    this.#needs.update(affected)
    return known
  }

  #needing(device: number): string[] {
    return [...this.#needs.all()]
      .filter(({ devices }) => devices.includes(device))
      .map(({ name }) => name)
  }

  #permits(bepId: Uint8Array, operation: 'read' | 'write'): boolean {
    return this.#init.permits?.(bepId, operation) ?? true
  }
}
