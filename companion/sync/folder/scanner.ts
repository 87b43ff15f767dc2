import { fileType } from '#companion/sync/bep-peer.ts'
import { contentHash } from './block-list.ts'
import { isManifest } from './dataset-order.ts'
import { DiskError } from './disk.ts'
import type { Entry, Hashed } from './disk-tasks.ts'
import { deletionOf, noBytes, sameContent, sameTime, type LocalFile } from './file-records.ts'
import { problemCode, type FolderContext } from './folder-context.ts'
import { hashesOf, HashQueue, type Suspect } from './hashing.ts'
import type { ShortRow } from './index-rows.ts'
import { nameOfTemporary, parentsOf } from './names.ts'
import { covers, newestOf, nextVersion, type Version } from './versions.ts'

const listLimit = 1000
/** How often a dataset is scanned anew at once until nothing vanishes under the scan. */
const heldBackScans = 8

export interface ScanReport {
  /** Names whose record changed. */
  readonly changed: number
  /** Something moved under the scan; these are to be looked at again. */
  readonly again: readonly string[]
  readonly folders: readonly string[]
  readonly temporaries: readonly string[]
}

/**
 * Finds what changed on disk and records it as new versions. Only names whose size, time, inode or permissions
 * differ from what is remembered are read. A scan may run while files are pulled: what is `busy`, or was recorded
 * anew since it was listed, is left and looked at again.
 */
export class Scanner {
  readonly #context: FolderContext
  /** Names a scan had a problem with: it is gone when the next that looks at them has none. */
  readonly #troubled = new Set<string>()

  constructor(context: FolderContext) {
    this.#context = context
  }

  /** `paths`: only these names and what is under them. @throws DiskError where the root cannot be listed; the signal's reason */
  async scan(paths: readonly string[] | undefined, signal: AbortSignal): Promise<ScanReport> {
    for (let attempt = 1; ; attempt++) {
      await using scan = new Scan(this.#context, signal)
      const report = await (paths === undefined ? scan.all() : scan.some(paths))
      this.#remember(scan.troubled, paths)
      // The writer of a dataset cleared up meanwhile: what it holds now is another consistent state.
      if (!scan.heldBack || attempt >= heldBackScans) return report
    }
  }

  #remember(troubled: ReadonlySet<string>, paths: readonly string[] = ['']): void {
    for (const name of this.#troubled) {
      const looked = paths.some((path) => `${name}/`.startsWith(path === '' ? '' : `${path}/`))
      if (!looked || troubled.has(name)) continue
      this.#troubled.delete(name)
      this.#context.problems.clear(name)
    }
    for (const name of troubled) this.#troubled.add(name)
  }
}

class Scan {
  readonly #context: FolderContext
  readonly #signal: AbortSignal
  readonly #begun: number
  readonly #seen = new Set<string>()
  readonly #failed: string[] = []
  readonly #again = new Set<string>()
  readonly #folders: string[] = []
  readonly #temporaries: string[] = []
  readonly #files: Suspect[] = []
  readonly #others: Suspect[] = []
  readonly #hashing: HashQueue
  #stats: { name: string; stat: string; sequence: number }[] = []
  /** Directories that keep something in them for now, so that they cannot be recorded as gone. */
  readonly #held = new Set<string>()
  #vanished = false
  readonly troubled = new Set<string>()
  /** Manifests were not recorded, because files they may name vanished. */
  heldBack = false
  #changed = 0

  constructor(context: FolderContext, signal: AbortSignal) {
    this.#context = context
    this.#signal = signal
    this.#begun = context.index.sequence
    this.#hashing = new HashQueue((batch, cancel) => this.#hashBatch(batch, cancel), signal)
  }

  /** Nothing is recorded any more after this. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#hashing[Symbol.asyncDispose]()
  }

  async all(): Promise<ScanReport> {
    await this.#list([''])
    if (this.#failed.includes('')) throw new DiskError('ENOENT', 'the root cannot be listed')
    return this.#finish([''])
  }

  async some(paths: readonly string[]): Promise<ScanReport> {
    const { disk, root, ignores } = this.#context
    const all = new Set(paths)
    const names = [...all].filter((name) => !parentsOf(name).some((parent) => all.has(parent)))
    const entries = await disk.run({ kind: 'look', root, names })
    // The root itself is nobody's entry, and no pattern ignores it.
    const folders: string[] = names.includes('') ? [''] : []
    const scopes: string[] = []
    entries.forEach((entry, i) => {
      const ignored = names[i] !== '' && ignores.ignores(names[i]!)
      // A file that was one before has nothing under it that could be missing.
      if (ignored || !entry || entry.type === fileType.directory || !this.#wasFile(entry.name))
        scopes.push(names[i]!)
      if (names[i] === '') return
      if (entry && !ignored) this.#take(entry)
      if (entry?.type === fileType.directory && (!ignored || ignores.hasExceptions))
        folders.push(entry.name)
    })
    await this.#list(folders)
    return this.#finish(scopes)
  }

  #wasFile(name: string): boolean {
    const known = this.#context.index.localState(name)
    return known !== undefined && !known.deleted && known.type !== fileType.directory
  }

  async #list(folders: readonly string[]): Promise<void> {
    const { disk, root, ignores, dataset } = this.#context
    let rest = folders
    while (rest.length > 0) {
      this.#signal.throwIfAborted()
      const page = await disk.run({
        kind: 'list',
        root,
        folders: rest,
        ignore: ignores.source,
        dataset,
        limit: listLimit,
      })
      rest = page.rest
      for (const entry of page.entries) this.#take(entry)
      // A dataset's files are looked at in an order of their own.
      if (!dataset) this.#readOn()
      this.#folders.push(...page.folders)
      this.#temporaries.push(...page.temporaries)
      for (const { name, code } of page.failures) {
        if (code === 'unsafe') this.#trouble(name, code)
        // Gone since its parent was listed: that is for the end of the scan.
        else if (code !== 'ENOENT' || name === '') {
          this.#failed.push(name)
          this.#trouble(name, code)
        }
      }
    }
    if (ignores.hasExceptions) await this.#includeParents()
  }

  /** What is wanted in an ignored directory needs that directory. */
  async #includeParents(): Promise<void> {
    const missing = new Set<string>()
    for (const name of this.#seen)
      for (const parent of parentsOf(name)) if (!this.#seen.has(parent)) missing.add(parent)
    const names = [...missing].toSorted()
    const { disk, root } = this.#context
    for (const entry of await disk.run({ kind: 'look', root, names })) if (entry) this.#take(entry)
  }

  #take(entry: Entry): void {
    const { index, ignorePermissions, dataset, type } = this.#context
    if (this.#seen.has(entry.name)) return
    this.#seen.add(entry.name)
    const known = index.localState(entry.name)
    if (known && !known.deleted && !known.ignored && known.type === entry.type) {
      const sameMode =
        ignorePermissions || known.permissions === undefined || known.permissions === entry.mode
      // A directory's time changes with what is in it and is nobody's concern.
      if (sameMode && (entry.type === fileType.directory || known.stat === entry.stat)) return
    }
    if (dataset && type === 'receiveonly' && !known) return
    const suspect = { entry, sequence: known?.sequence ?? 0 }
    if (entry.type !== fileType.file) {
      // The listing may be older than the record: a directory that was deleted by sync just now must not come back.
      if (suspect.sequence > this.#begun) this.#again.add(entry.name)
      else this.#others.push(suspect)
    } else {
      const blockSize = known && !known.deleted ? index.local(entry.name)?.blockSize : undefined
      this.#files.push({ ...suspect, ...(blockSize ? { blockSize } : {}) })
    }
  }

  async #finish(scopes: readonly string[]): Promise<ScanReport> {
    // Of a dataset nothing was read yet.
    const isLast = ({ entry }: Suspect) => this.#context.dataset && isManifest(entry.name)
    const manifests = this.#files.filter(isLast)
    this.#readOn((file) => !isLast(file))
    await this.#hashing.drained()
    // The owner cleared up meanwhile: a manifest listed before may name files that are gone.
    if (this.#vanished && manifests.length > 0) {
      this.heldBack = true
      for (const { entry } of manifests) this.#again.add(entry.name)
    } else {
      this.#hashing.add(manifests)
      await this.#hashing.drained()
    }
    for (const scope of scopes) await this.#missing(scope)
    this.#rememberStats()
    return {
      changed: this.#changed,
      again: [...this.#again],
      folders: this.#folders,
      temporaries: this.#temporaries.filter((name) => nameOfTemporary(name) !== undefined),
    }
  }

  /** Records what has no content, and begins with the contents of what was found so far: more is listed meanwhile. */
  #readOn(isNext: (file: Suspect) => boolean = () => true): void {
    this.#commit(
      this.#others.splice(0).map(({ entry, sequence }) => ({ entry, sequence })),
      [],
    )
    this.#hashing.add(this.#files.splice(0).filter(isNext))
  }

  async #hashBatch(batch: readonly Suspect[], cancel: Int32Array): Promise<void> {
    const { disk, root } = this.#context
    const results = await hashesOf(disk, root, batch, cancel)
    this.#signal.throwIfAborted()
    // The scan failed elsewhere.
    if (Atomics.load(cancel, 0) !== 0) return
    const found: { entry: Entry; sequence: number; hashed: Hashed }[] = []
    results.forEach((result, i) => {
      const { entry, sequence } = batch[i]!
      if ('hashes' in result) found.push({ entry: result.entry, sequence, hashed: result })
      else if (result.code === 'ENOENT') {
        this.#vanished = true
        this.#seen.delete(entry.name)
      } else {
        if (result.code === 'changed') this.#again.add(entry.name)
        this.#vanished = true
        this.#trouble(entry.name, result.code)
      }
    })
    this.#commit(found, [])
  }

  #trouble(name: string, code: string): void {
    this.troubled.add(name)
    this.#context.problems.set(name, problemCode(code))
  }

  /** Records what was found, in one transaction. */
  #commit(
    found: readonly { entry: Entry; sequence: number; hashed?: Hashed }[],
    gone: readonly LocalFile[],
  ): void {
    const { index, busy, problems } = this.#context
    const changes: LocalFile[] = [...gone]
    // What nobody has announced is needed by nobody here.
    const announced = gone.map(({ name }) => name)
    for (const { entry, sequence, hashed } of found) {
      const rows = index.versions(entry.name)
      const known = rows.some(({ device }) => device === 0) ? index.local(entry.name) : undefined
      if (busy.has(entry.name) || (known?.sequence ?? 0) !== sequence) {
        this.#again.add(entry.name)
        continue
      }
      problems.clear(entry.name)
      const stat = hashed?.fresh ? '' : entry.stat
      if (hashed?.fresh) this.#again.add(entry.name)
      const change = this.#changeOf(entry, known, rows, hashed, stat)
      if (change) {
        changes.push(change)
        if (rows.some(({ device }) => device !== 0)) announced.push(entry.name)
      } else if (known && known.stat !== stat)
        this.#stats.push({ name: entry.name, stat, sequence })
    }
    if (this.#stats.length > listLimit) this.#rememberStats()
    if (changes.length === 0) return
    index.putLocal(changes)
    this.#changed += changes.length
    this.#context.localChanged(
      changes.map(({ name }) => name),
      announced,
    )
  }

  /** Unchanged, but not as it was on disk: what waits for the state there can go on. */
  #rememberStats(): void {
    const { index } = this.#context
    // What was put there by sync meanwhile has a state of its own.
    const stats = this.#stats.filter(
      ({ name, sequence }) => index.localState(name)?.sequence === sequence,
    )
    index.putStats(stats)
    this.#context.localChanged(stats.map(({ name }) => name))
    this.#stats = []
  }

  /** The record for what is on disk now; undefined where the one there is says the same. */
  #changeOf(
    entry: Entry,
    known: LocalFile | undefined,
    rows: readonly ShortRow[],
    hashed: Hashed | undefined,
    stat: string,
  ): LocalFile | undefined {
    const { shortId, type, ignorePermissions, dataset } = this.#context
    const hashes = hashed?.hashes ?? noBytes
    const base = {
      name: entry.name,
      type: entry.type,
      size: entry.size,
      // Links have none of their own.
      ...(ignorePermissions || entry.type === fileType.symlink ? {} : { permissions: entry.mode }),
      modifiedS: entry.modifiedS,
      modifiedNs: entry.modifiedNs,
      modifiedBy: shortId,
      deleted: false,
      invalid: false,
      version: [] as Version,
      sequence: 0,
      blockSize: hashed?.blockSize ?? 0,
      hashes,
      content: hashed ? contentHash(hashes, entry.size) : noBytes,
      ...(entry.target === undefined ? {} : { target: entry.target }),
      stat,
      ignored: false,
      changedHere: false,
    } satisfies LocalFile
    if (known && isSame(base, known, entry))
      return known.ignored ? { ...known, ignored: false, stat } : undefined
    const agreed = this.#agreed(base, known, rows)
    if (agreed)
      return {
        ...base,
        version: agreed.version,
        modifiedBy: agreed.modifiedBy,
        modifiedS: agreed.modifiedS,
        modifiedNs: agreed.modifiedNs,
      }
    // What a reader's folder holds is its owner's: it is got again.
    if (dataset && type === 'receiveonly') return { ...base, changedHere: true }
    const version = nextVersion(known?.version ?? [], shortId)
    return { ...base, version, changedHere: type === 'receiveonly' }
  }

  /**
   * What others have is what was found: after a kill between a rename and its record, or where two devices begin with
   * the same files. Then it is that version and no new one.
   */
  #agreed(found: LocalFile, known: LocalFile | undefined, rows: readonly ShortRow[]) {
    const { index, mayWrite } = this.#context
    const best = newestOf(
      rows.filter((row) => row.device !== 0 && !row.invalid && mayWrite(row.device)),
    )
    if (!best || best.deleted || (known && !covers(best.version, known.version))) return undefined
    const file = index.remote(found.name, best.device)
    return file && isSame(found, file) ? file : undefined
  }

  /**
   * Names that are recorded but were not seen. From the last up: whatever ends this half-way, and whoever takes the
   * records in order, nothing in a directory is recorded as gone after it.
   */
  async #missing(scope: string): Promise<void> {
    const { index } = this.#context
    for (let before: string | undefined; ;) {
      const page = index.localNamesBefore(scope, before, listLimit)
      if (page.length === 0) break
      await this.#missingOf(page)
      before = page.at(-1)!.name
      this.#signal.throwIfAborted()
    }
    const single = scope === '' ? undefined : index.localShort(scope)
    if (single && !single.deleted) await this.#missingOf([single])
  }

  async #missingOf(page: readonly ShortRow[]): Promise<void> {
    const { index, ignores, busy } = this.#context
    const ignoredNow: LocalFile[] = []
    const candidates: ShortRow[] = []
    for (const row of page) {
      if (this.#seen.has(row.name)) continue
      if (row.sequence > this.#begun || busy.has(row.name)) this.#hold(row.name)
      else if (this.#failed.some((folder) => row.name.startsWith(`${folder}/`))) continue
      else if (ignores.ignores(row.name)) {
        if (!row.ignored) ignoredNow.push({ ...index.local(row.name)!, ignored: true })
      } else candidates.push(row)
    }
    await this.#remove(candidates)
    if (ignoredNow.length > 0) this.#commit([], ignoredNow)
  }

  #hold(name: string): void {
    for (const parent of parentsOf(name)) this.#held.add(parent)
  }

  /** `candidates` from the last name up. */
  async #remove(candidates: readonly ShortRow[]): Promise<void> {
    if (candidates.length === 0) return
    const { disk, root, index, busy, shortId, type, dataset } = this.#context
    const names = candidates.map(({ name }) => name)
    const there = await disk.run({ kind: 'look', root, names })
    const gone: LocalFile[] = []
    candidates.forEach((row, i) => {
      const { name } = row
      const known = index.local(name)
      const moved = !known || known.sequence !== row.sequence || busy.has(name)
      if (moved || there[i] || this.#held.has(name)) {
        this.#hold(name)
        this.#again.add(name)
        return
      }
      const lost = dataset && type === 'receiveonly'
      // What went while it was ignored was not deleted for others: they give it back.
      const version = lost || known.ignored ? [] : nextVersion(known.version, shortId)
      gone.push({ ...deletionOf(known, version, shortId), changedHere: type === 'receiveonly' })
    })
    this.#commit([], gone)
  }
}

function isSame(
  found: LocalFile,
  known: Omit<LocalFile, 'stat' | 'ignored' | 'changedHere'> & { stat?: string },
  entry?: Entry,
): boolean {
  if (known.deleted || !sameContent(found, known)) return false
  const sameMode =
    found.permissions === undefined ||
    known.permissions === undefined ||
    found.permissions === known.permissions
  if (!sameMode) return false
  if (found.type !== fileType.file) return true
  // File systems keep times more coarsely than they are announced: what counts is whether it moved since.
  const untouched = entry !== undefined && known.stat?.split('.')[0] === entry.stat.split('.')[0]
  return untouched || sameTime(found, known)
}
