import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SiloError } from '#shared/errors/silo-error.ts'
import { blockError } from '#companion/sync/bep-peer.ts'
import type {
  BepPeer,
  BlockError,
  BlockRequest,
  FileInfo,
  FolderInCluster,
} from '#companion/sync/bep-peer.ts'
import type {
  FolderEngine,
  FolderInit,
  FolderState,
  FolderType,
} from '#companion/sync/folder-engine.ts'
import { BlockAnswers } from './block-answers.ts'
import { Disk } from './disk.ts'
import type { LocalFile } from './file-records.ts'
import { problemCode, Problems, type FolderContext } from './folder-context.ts'
import { ensureRoot, isCaseSensitive } from './folder-root.ts'
import { IgnorePatterns, readIgnores } from './ignores.ts'
import { IndexStore } from './index-store.ts'
import { ignoreFileName, parentsOf, shortIdOf, temporaryName } from './names.ts'
import { Needs } from './needs.ts'
import { FolderPeers } from './folder-peers.ts'
import { Puller } from './puller.ts'
import { ScanQueue } from './scan-queue.ts'
import { Scanner, type ScanReport } from './scanner.ts'
import { smallBytes } from './small-files.ts'
import { Sources } from './sources.ts'
import { overrideAll, revertAll } from './one-way.ts'
import { Watcher } from './watcher.ts'

/** What failed as a whole is tried again after this, ms. */
const retryMs = 20_000
const changeMs = 150
/** After a scan that found more new directories than this, its second look waits for what goes on, ms. */
const manyFolders = 16
const secondLookMs = 1500

/** Opens one folder; `start` makes it work. The tables of the index are made where they are not there. */
export function openFolder(init: FolderInit): FolderEngine {
  return new Folder(init)
}

/** One synchronised folder: scans, announces, pulls and answers. */
class Folder implements FolderEngine {
  readonly id: string
  readonly type: FolderType
  readonly root: string
  readonly #init: FolderInit
  readonly #context: FolderContext
  readonly #release: () => Promise<void>
  readonly #needs: Needs
  readonly #sources = new Sources()
  readonly #puller: Puller
  readonly #peers: FolderPeers
  readonly #scans: ScanQueue
  readonly #answers: BlockAnswers
  readonly #changeListeners = new Set<() => void>()
  readonly #pullListeners = new Set<(names: readonly string[]) => void>()
  #watcher: Watcher | undefined
  #started = false
  #paused = false
  #closed = false
  #error: string | undefined
  #scannedAt: number | undefined
  #retry: NodeJS.Timeout | undefined
  #rescan: NodeJS.Timeout | undefined
  #changeTimer: NodeJS.Timeout | undefined
  /** Stops and starts come one after another. */
  #turn: Promise<void> = Promise.resolve()

  constructor(init: FolderInit) {
    const { id, type, root, options = {} } = init
    this.id = id
    this.type = type
    this.root = root
    this.#init = init
    const { disk, release } = Disk.share()
    this.#release = release
    let caseSensitive = options.caseSensitive
    this.#context = {
      id,
      root,
      type,
      shortId: shortIdOf(init.bepId),
      dataset: options.order === 'dataset',
      ignorePermissions: options.ignorePermissions ?? process.platform === 'win32',
      ignoreDelete: options.ignoreDelete ?? false,
      graceMs: (options.graceS ?? 600) * 1000,
      get caseSensitive() {
        return (caseSensitive ??= isCaseSensitive(root))
      },
      index: new IndexStore(init.database, id),
      disk,
      log: init.log,
      problems: new Problems(() => this.#changed()),
      busy: new Set(),
      ignores: new IgnorePatterns({ lines: [], foldCase: false }),
      mayWrite: (device) => this.#peers.mayWrite(device),
      rescanSoon: (names, delayMs) => this.#scans.later(names, delayMs),
      localChanged: (names, announced) => this.#localChanged(names, announced),
      recorded: (files) => this.#recorded(files),
      fail: (code) => this.#fail(code),
      stateChanged: () => this.#changed(),
    }
    this.#needs = new Needs(this.#context)
    this.#puller = new Puller(this.#context, this.#needs, this.#sources)
    this.#peers = new FolderPeers(init, this.#context, this.#needs, this.#sources, () =>
      this.#puller.kick(),
    )
    this.#puller.indexComplete = () => this.#peers.indexComplete()
    this.#puller.announcing = () => this.#peers.announcing
    this.#answers = new BlockAnswers(this.#context)
    this.#scans = new ScanQueue({
      scanner: new Scanner(this.#context),
      prepare: () => this.#prepare(),
      done: (report, full) => this.#scanned(report, full),
      failed: (error) => this.#scanFailed(error),
      isBusy: () => this.#puller.working,
    })
  }

  async start(): Promise<void> {
    await this.#needs.rebuild()
    await this.#run()
  }

  describe(device: Uint8Array): FolderInCluster {
    return this.#peers.describe(device, this.#paused)
  }

  attach(peer: BepPeer, theirs: FolderInCluster): void {
    if (this.#closed) return
    this.#peers.attach(peer, theirs, this.#paused)
    this.#puller.retryNow()
    this.#changed()
  }

  detach(peer: BepPeer): void {
    this.#peers.detach(peer)
    this.#changed()
  }

  async index(peer: BepPeer, files: readonly FileInfo[], full: boolean): Promise<void> {
    if (!this.#closed) await this.#peers.index(peer, files, full)
    this.#changed()
  }

  async request(
    peer: BepPeer,
    request: BlockRequest,
    signal: AbortSignal,
  ): Promise<{ data: Uint8Array } | { error: BlockError }> {
    if (this.#closed || this.#paused) return { error: blockError.generic }
    if (!this.#peers.mayRead(peer)) return { error: blockError.noSuchFile }
    return this.#answers.answer(request, signal)
  }

  forget(device: Uint8Array): void {
    this.#peers.forget(device)
    this.#changed()
  }

  state(): FolderState {
    const { index, problems } = this.#context
    return {
      condition: this.#condition(),
      ...(this.#error === undefined ? {} : { error: this.#error }),
      ...index.totals,
      needFiles: this.#needs.size,
      needBytes: this.#needs.bytes,
      doneBytes: this.#puller.doneBytes,
      sequence: index.sequence,
      ...(this.#scannedAt === undefined ? {} : { scannedAt: this.#scannedAt }),
      peers: this.#peers.states(),
      problems: problems.newest(),
      problemCount: problems.size,
    }
  }

  async rescan(paths?: readonly string[]): Promise<void> {
    await this.#turn
    // A dataset is one thing: what a manifest names is looked at with it.
    await this.#scans.scan(this.#context.dataset ? undefined : paths)
  }

  pause(): void {
    if (this.#paused) return
    this.#paused = true
    this.#peers.setPaused(true)
    this.#halt('paused')
    this.#changed()
  }

  resume(): void {
    this.#error = undefined
    clearTimeout(this.#retry)
    if (this.#paused) this.#peers.setPaused(false)
    this.#paused = false
    void this.#run()
    this.#changed()
  }

  async override(): Promise<void> {
    if (this.type === 'sendonly') await overrideAll(this.#context)
  }

  async revert(): Promise<void> {
    if (this.type === 'receiveonly') await revertAll(this.#context)
    this.#puller.retryNow()
  }

  async ignores(): Promise<readonly string[]> {
    const text = await readFile(join(this.root, ignoreFileName), 'utf8').catch(() => '')
    return text === '' ? [] : text.replace(/\n$/, '').split('\n')
  }

  async setIgnores(lines: readonly string[]): Promise<void> {
    const path = join(this.root, ignoreFileName)
    await writeFile(`${path}.tmp`, `${lines.join('\n')}\n`)
    await rename(`${path}.tmp`, path)
    await this.rescan()
  }

  onChange(listener: () => void): () => void {
    this.#changeListeners.add(listener)
    return () => this.#changeListeners.delete(listener)
  }

  onPulled(listener: (names: readonly string[]) => void): () => void {
    this.#pullListeners.add(listener)
    return () => this.#pullListeners.delete(listener)
  }

  async settled(signal: AbortSignal): Promise<void> {
    for (let quiet = 0; quiet < 3;) {
      signal.throwIfAborted()
      await new Promise((resolve) => setTimeout(resolve, 15))
      const idle = this.#scans.idle && this.#puller.idle && this.#peers.idle
      quiet = idle || this.#paused || this.#error !== undefined ? quiet + 1 : 0
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    clearTimeout(this.#retry)
    clearTimeout(this.#rescan)
    clearTimeout(this.#changeTimer)
    this.#watcher?.[Symbol.dispose]()
    this.#peers.stop()
    this.#halt('closed')
    await this.#turn
    await this.#release()
  }

  /** Scans everything, then pulls. */
  #run(): Promise<void> {
    this.#turn = this.#turn.then(async () => {
      if (this.#closed || this.#paused) return
      this.#scans.open()
      await this.#scans.scan()
      this.#started = true
      if (this.#closed || this.#paused || this.#error !== undefined) return
      this.#puller.start()
      this.#planRescan()
      this.#changed()
    })
    return this.#turn
  }

  #halt(reason: string): void {
    const error = new Error(reason)
    clearTimeout(this.#rescan)
    // At once, before what is in the queue of turns: a scan there may be the one to end.
    const stopping = Promise.all([this.#scans.close(error), this.#puller.stop(error)])
    this.#turn = this.#turn.then(async () => {
      await stopping
      // A run that was waiting for its turn may have opened it again meanwhile.
      if (this.#closed || this.#paused || this.#error !== undefined)
        await Promise.all([this.#scans.close(error), this.#puller.stop(error)])
    })
  }

  async #prepare(): Promise<void> {
    ensureRoot(this.root, this.#context.index.sequence === 0)
    const patterns = await readIgnores(this.root)
    if (!patterns.sameAs(this.#context.ignores)) {
      this.#context.ignores = patterns
      await this.#needs.rebuild()
    }
    if (this.#init.options?.watch !== false)
      this.#watcher ??= new Watcher(this.root, this.#init.log, (names) => this.#seen(names))
  }

  async #scanned(report: ScanReport, full: boolean): Promise<void> {
    const added = this.#watcher?.add(report.folders) ?? []
    if (full) {
      this.#scannedAt = Date.now()
      await this.#removeLeftovers(report.temporaries)
    }
    // What came between a directory's listing and its watching.
    if (added.length > 0) {
      const all = new Set(added)
      const top = all.has('') ? [''] : added.filter((name) => !parentsOf(name).some((parent) => all.has(parent))) // prettier-ignore
      this.#scans.later(top, added.length > manyFolders ? secondLookMs : 0)
    }
    this.#puller.kick()
    this.#changed()
  }

  /** Temporary files that nothing will be put together in any more. */
  async #removeLeftovers(temporaries: readonly string[]): Promise<void> {
    if (temporaries.length === 0) return
    const wanted = new Set<string>()
    for (const { name, best } of this.#needs.all())
      if ((!best.deleted && best.size > smallBytes) || this.#puller.isActive(name))
        wanted.add(temporaryName(name))
    const names = temporaries.filter((name) => !wanted.has(name))
    const { disk, root } = this.#context
    await disk.run({ kind: 'remove-temporaries', root, names })
  }

  #seen(names: readonly string[] | undefined): void {
    if (this.#paused || this.#closed || !this.#started) return
    this.#scans.soon(this.#context.dataset ? undefined : names)
  }

  #scanFailed(error: unknown): void {
    if (error instanceof SiloError) this.#fail(error.code)
    else {
      const code = (error as { code?: string }).code ?? ''
      // SQLite says so in a number of its own.
      const full = (error as { errcode?: number }).errcode === 13
      const root = code === 'ENOENT' || code === 'ENOTDIR'
      this.#fail(full ? 'disk_full' : root ? 'sync_folder_missing' : problemCode(code))
    }
    this.#init.log.warn('a folder could not be scanned', { folder: this.id, error })
  }

  #fail(code: string): void {
    if (this.#closed || this.#error !== undefined) return
    this.#error = code
    this.#halt(code)
    this.#retry = setTimeout(() => {
      if (!this.#paused && !this.#closed) this.resume()
    }, retryMs)
    this.#retry.unref()
    this.#changed()
  }

  #planRescan(): void {
    const seconds = this.#watcher?.exhausted ? 60 : (this.#init.options?.rescanS ?? 3600)
    clearTimeout(this.#rescan)
    if (seconds === 0 || this.#closed) return
    this.#rescan = setTimeout(
      () => void this.#scans.scan().then(() => this.#planRescan()),
      seconds * 1000,
    )
    this.#rescan.unref()
  }

  #recorded(files: readonly LocalFile[]): void {
    if (files.length === 0) return
    this.#needs.have(files)
    const names = files.map(({ name }) => name)
    this.#afterChange(names)
    for (const listener of this.#pullListeners) listener(names)
  }

  #localChanged(names: readonly string[], announced: readonly string[] = names): void {
    if (names.length === 0) return
    this.#needs.update(announced)
    this.#afterChange(names)
  }

  #afterChange(names: readonly string[]): void {
    this.#peers.localChanged()
    this.#puller.changed(names)
    this.#changed()
  }

  #condition(): FolderState['condition'] {
    if (this.#paused) return 'paused'
    if (this.#error !== undefined) return 'error'
    if (!this.#started) return 'starting'
    if (this.#scans.scanning) return 'scanning'
    return this.#puller.working ? 'syncing' : 'idle'
  }

  #changed(): void {
    if (this.#closed || this.#changeTimer || this.#changeListeners.size === 0) return
    this.#changeTimer = setTimeout(() => {
      this.#changeTimer = undefined
      for (const listener of this.#changeListeners) listener()
    }, changeMs)
    this.#changeTimer.unref()
  }
}
