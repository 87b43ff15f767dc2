import { fileType } from '#companion/sync/bep-peer.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { isManifest, manifestOrder } from './dataset-order.ts'
import { Deletions } from './deletions.ts'
import { DiskError } from './disk.ts'
import type { Placement } from './disk-tasks.ts'
import type { IndexedFile } from './file-records.ts'
import { problemCode, type FolderContext } from './folder-context.ts'
import {
  isEmptying,
  isFree,
  jobOf,
  keepDirectories,
  keepDirectory,
  quickStep,
  settlingMs,
  type Job,
} from './jobs.ts'
import { isVersion } from './index-store.ts'
import { pullLarge } from './large-file.ts'
import { parentsOf } from './names.ts'
import type { Need, Needs } from './needs.ts'
import { dressed, perform, recordOf, replacing, type Step } from './placement.ts'
import { Retries } from './retries.ts'
import { batchBytes, batchFiles, pullSmall, smallBytes } from './small-files.ts'
import type { Source, Sources } from './sources.ts'

const smallJobs = 3
const largeJobs = 2
const stepBatch = 500
/** What is tried again sooner than this counts as still going on. */
const soonMs = 3000
/** A manifest is small beside its table, and is placed in order with others. */
const manifestBytes = 4 * 1024 * 1024

/** Brings the folder to what others have: directories, files, then deletions. Runs again whenever something was done. */
export class Puller {
  readonly #context: FolderContext
  readonly #needs: Needs
  readonly #sources: Sources
  readonly #deletions: Deletions
  readonly #active = new Set<string>()
  readonly #small: Job[] = []
  readonly #large: Job[] = []
  readonly #retries = new Retries()
  #smallRunning = 0
  #largeRunning = 0
  #timer: NodeJS.Timeout | undefined
  #due = Infinity
  #pumping: Promise<void> | undefined
  #again = false
  #halt = new AbortController()
  #running = false
  /** Bytes of the files under way that are here. */
  doneBytes = 0
  /** All that the connected peers had to announce at first has arrived. */
  indexComplete: () => boolean = () => true
  /** Somebody has just announced something; more may follow. */
  announcing: () => boolean = () => false

  constructor(context: FolderContext, needs: Needs, sources: Sources) {
    this.#context = context
    this.#needs = needs
    this.#sources = sources
    this.#deletions = new Deletions(context, needs, {
      active: this.#active,
      announcing: () => this.announcing(),
    })
  }

  get working(): boolean {
    return this.#active.size > 0 || this.#pumping !== undefined
  }

  get idle(): boolean {
    if (this.working || this.#due - Date.now() < soonMs) return false
    return (this.#retries.next(this.#needs, Date.now()) ?? Infinity) >= soonMs
  }

  isActive(name: string): boolean {
    return this.#active.has(name)
  }

  start(): void {
    if (this.#running) return
    this.#running = true
    this.#halt = new AbortController()
    this.retryNow()
  }

  /** Resolves when nothing is written any more; what is half here is taken up later. */
  async stop(reason: unknown): Promise<void> {
    this.#running = false
    clearTimeout(this.#timer)
    this.#due = Infinity
    this.#halt.abort(reason)
    for (const { need } of [...this.#small.splice(0), ...this.#large.splice(0)])
      this.#active.delete(need.name)
    await this.#pumping
    while (this.#smallRunning + this.#largeRunning > 0)
      await new Promise((resolve) => setTimeout(resolve, 5))
  }

  /** Something changed that may let go on what failed. */
  retryNow(): void {
    this.#retries.clear()
    this.kick()
  }

  /** What is here changed: what failed because of it is tried anew. */
  changed(names: readonly string[]): void {
    this.#retries.done(names)
    this.kick()
  }

  kick(delayMs = 10): void {
    if (!this.#running) return
    const due = Date.now() + delayMs
    if (due >= this.#due) return
    clearTimeout(this.#timer)
    this.#due = due
    this.#timer = setTimeout(() => {
      this.#due = Infinity
      this.#pump()
    }, delayMs)
  }

  #pump(): void {
    if (this.#pumping) {
      this.#again = true
      return
    }
    this.#again = false
    const began = Date.now()
    this.#pumping = this.#round(began)
      .catch((error: unknown) => {
        if (this.#halt.signal.aborted) return
        this.#context.log.warn('a folder could not be brought up to date', {
          folder: this.#context.id,
          error,
        })
        this.kick(2000)
      })
      .finally(() => {
        this.#pumping = undefined
        this.#context.stateChanged()
        if (this.#again) this.kick(0)
        // An earlier call may have taken the place of the one for a retry, which may be due by now.
        const wait = this.#retries.next(this.#needs, began)
        if (wait !== undefined) this.kick(wait + 1)
      })
  }

  async #round(now: number): Promise<void> {
    const ready = this.#ready(now)
    const live = ready.filter(({ best }) => !best.deleted)
    await this.#directories(live.filter(({ best }) => best.type === fileType.directory))
    await this.#links(live.filter(({ best }) => best.type === fileType.symlink))
    await this.#files(live.filter(({ best }) => best.type === fileType.file))
    this.#halt.signal.throwIfAborted()
    const wait = await this.#deletions.perform(
      ready.filter(({ best }) => best.deleted),
      (need, code) => this.#fail(need, code),
    )
    if (wait !== undefined) this.kick(wait)
  }

  #ready(now: number): Need[] {
    const ready: Need[] = []
    for (const need of this.#needs.all())
      if (!this.#active.has(need.name) && !this.#retries.isWaiting(need, now)) ready.push(need)
    return ready
  }

  async #directories(needs: readonly Need[]): Promise<void> {
    const sorted = needs.toSorted((a, b) => (a.name < b.name ? -1 : 1))
    await this.#steps(sorted, (file, local) => ({
      name: file.name,
      make: 'directory',
      ...replacing(this.#context, file, local),
      ...dressed(this.#context, file),
    }))
  }

  async #links(needs: readonly Need[]): Promise<void> {
    const allowed = process.platform !== 'win32' && !this.#context.dataset
    for (const need of allowed ? [] : needs) this.#fail(need, 'sync_entry_refused')
    const free: Need[] = []
    for (const need of allowed ? needs : []) {
      if (isFree(this.#context, need)) free.push(need)
      else if (!isEmptying(this.#context, this.#needs, need.name) && !this.#isSettling(need))
        keepDirectory(this.#context, need)
    }
    await this.#steps(free, (file, local) => ({
      name: file.name,
      make: 'symlink',
      ...replacing(this.#context, file, local),
      target: file.target ?? '',
    }))
  }

  async #steps(
    needs: readonly Need[],
    itemOf: (file: IndexedFile, local: Need['local']) => Placement,
  ): Promise<void> {
    for (let at = 0; at < needs.length; at += stepBatch) {
      this.#halt.signal.throwIfAborted()
      const steps = new Map<Step, Need>()
      for (const need of needs.slice(at, at + stepBatch)) {
        const file = this.#fileOf(need)
        if (file && !this.#collides(need))
          steps.set({ item: itemOf(file, need.local), records: [recordOf(file)] }, need)
      }
      for (const { step, code } of await perform(this.#context, [...steps.keys()]))
        this.#fail(steps.get(step)!, code)
    }
  }

  /** What needs no data is done at once; the rest is queued. */
  async #files(needs: readonly Need[]): Promise<void> {
    const { dataset } = this.#context
    const mustWait = dataset ? this.#needs.earlier().data : undefined
    const manifests = needs.filter((need) => mustWait && isManifest(need.name) && !mustWait(need))
    const others = dataset ? needs.filter(({ name }) => !isManifest(name)) : needs
    for (let at = 0; at < others.length; at += stepBatch) {
      this.#halt.signal.throwIfAborted()
      await this.#queue(others.slice(at, at + stepBatch))
      this.#work()
    }
    if (manifests.length > 0 && this.indexComplete()) {
      const byName = new Map(manifests.map((need) => [need.name, need]))
      const ordered = manifestOrder([...byName.keys()]).slice(0, batchFiles)
      await this.#queue(ordered.map((name) => byName.get(name)!))
    }
    this.#work()
  }

  async #queue(needs: readonly Need[]): Promise<void> {
    const quick = new Map<Step, Need>()
    for (const need of needs) {
      if (this.#collides(need)) continue
      const file = this.#fileOf(need)
      if (!file) continue
      const step = quickStep(this.#context, this.#needs, file, need)
      if (step) quick.set(step, need)
      else {
        if (this.#sources.of(need).length === 0) {
          this.#noSource(need)
          continue
        }
        if (this.#isInTheWay(need)) continue
        const job = jobOf(this.#context, this.#needs, file, need)
        if (!job) continue
        this.#active.add(need.name)
        const limit = this.#context.dataset && isManifest(need.name) ? manifestBytes : smallBytes
        if (file.size <= limit) this.#small.push(job)
        else this.#large.push(job)
      }
    }
    for (const { step, code } of await perform(this.#context, [...quick.keys()])) {
      const need = quick.get(step)!
      // The file it was to be moved from is not what it was: the content comes from a peer then.
      this.#fail(need, code)
    }
  }

  /** A directory has the name; what is in it may be about to go. */
  #isInTheWay(need: Need): boolean {
    const { name } = need
    if (isFree(this.#context, need)) return false
    return isEmptying(this.#context, this.#needs, name) || this.#isSettling(need)
  }

  #isSettling(need: Need): boolean {
    const wait = settlingMs(need, this.announcing())
    if (wait > 0) this.kick(wait)
    return wait > 0
  }

  #collides(need: Need): boolean {
    const { caseSensitive, index } = this.#context
    if (caseSensitive) return false
    for (const name of [need.name, ...parentsOf(need.name)]) {
      const other = index.otherCase(name)
      if (other === undefined) continue
      // A rename that changes the case only waits until the old name is gone.
      const going = this.#needs.get(other)?.best.deleted
      if (!going) this.#fail(need, 'sync_name_collision')
      return true
    }
    return false
  }

  /** Undefined where something else was announced since the round began. */
  #fileOf(need: Need): IndexedFile | undefined {
    if (this.#needs.get(need.name) !== need) return undefined
    return this.#context.index.remote(need.name, need.best.device)
  }

  #work(): void {
    while (this.#running && this.#small.length > 0 && this.#smallRunning < smallJobs) {
      const batch = this.#nextBatch()
      if (!batch) continue
      this.#smallRunning++
      void this.#runSmall(batch.source, batch.jobs).finally(() => {
        this.#smallRunning--
        this.#ended(batch.jobs)
      })
    }
    while (this.#running && this.#large.length > 0 && this.#largeRunning < largeJobs) {
      const job = this.#large.shift()!
      if (this.#isStale(job)) continue
      this.#largeRunning++
      void this.#runLarge(job).finally(() => {
        this.#largeRunning--
        this.#ended([job])
      })
    }
  }

  /** As many jobs as one device can answer at once. */
  #nextBatch(): { source: Source; jobs: Job[] } | undefined {
    const first = this.#small.shift()!
    if (this.#isStale(first)) return undefined
    const [source] = this.#sources.of(first.need)
    if (!source) {
      this.#active.delete(first.need.name)
      this.#noSource(first.need)
      return undefined
    }
    const jobs = [first]
    let bytes = first.file.size
    while (this.#small.length > 0 && jobs.length < batchFiles) {
      const job = this.#small[0]!
      if (!job.need.devices.includes(source.device)) break
      if (bytes + job.file.size > batchBytes) break
      this.#small.shift()
      if (this.#isStale(job)) continue
      bytes += job.file.size
      jobs.push(job)
    }
    return { source, jobs }
  }

  /** Not wanted any more in that version: what is wanted now comes with the next round. */
  #isStale({ need }: Job): boolean {
    const now = this.#needs.get(need.name)
    if (now && isVersion(now.best, need.best.version)) return false
    this.#active.delete(need.name)
    this.kick()
    return true
  }

  async #runSmall(source: Source, jobs: readonly Job[]): Promise<void> {
    try {
      const { signal } = this.#halt
      for (const { job, code } of await pullSmall(
        this.#context,
        this.#sources,
        source,
        jobs,
        signal,
      ))
        this.#fail(job.need, code)
      keepDirectories(this.#context, jobs)
    } catch (error) {
      for (const { need } of jobs) this.#failed(need, error)
    }
  }

  async #runLarge(job: Job): Promise<void> {
    let done = 0
    const progress = (bytes: number) => {
      done += bytes
      this.doneBytes += bytes
      this.#context.stateChanged()
    }
    try {
      const code = await pullLarge(this.#context, this.#sources, job, progress, this.#halt.signal)
      if (code) this.#fail(job.need, code)
      keepDirectories(this.#context, [job])
    } catch (error) {
      this.#failed(job.need, error)
    } finally {
      this.doneBytes -= done
    }
  }

  #ended(jobs: readonly Job[]): void {
    for (const { need } of jobs) this.#active.delete(need.name)
    this.#work()
    if (this.#small.length === 0 || this.#needs.size < 1000) this.kick()
    this.#context.stateChanged()
  }

  #failed(need: Need, error: unknown): void {
    if (this.#halt.signal.aborted) return
    if (error instanceof SiloError) {
      if (error.code === 'disk_full') this.#context.fail('disk_full')
      this.#fail(need, error.code)
    } else if (error instanceof DiskError) {
      if (problemCode(error.code) === 'disk_full') this.#context.fail('disk_full')
      this.#fail(need, error.code)
    } else {
      this.#context.log.warn('a file could not be got', { folder: this.#context.id, error })
      this.#fail(need, 'internal')
    }
  }

  /** `code` of the disk or of the registry. */
  #fail(need: Need, code: string): void {
    this.#context.log.debug('not done', { name: need.name, code })
    // Something else is wanted by now, or nothing: there is no problem with that yet.
    const wanted = this.#needs.get(need.name)
    if (!wanted || !isVersion(wanted.best, need.best.version)) return this.kick()
    // Nobody is connected who has it: the next connection brings it up again.
    const forGood = code === 'sync_no_source' && !need.devices.some((no) => this.#isConnected(no))
    const { attempts, delay } = this.#retries.add(need, forGood)
    const known = code.startsWith('sync_') || code === 'disk_full'
    const shown = known ? code : problemCode(code)
    // What passes by itself in a moment is nobody's problem.
    if (attempts > 2 || !/busy|no_source/.test(shown)) this.#context.problems.set(need.name, shown)
    if (!forGood) this.kick(delay + 1)
  }

  /** Nobody can be asked now; whoever has just said no is asked again in a moment. */
  #noSource(need: Need): void {
    const wait = this.#sources.wait(need)
    if (wait === undefined) return this.#fail(need, 'sync_no_source')
    this.#retries.postpone(need, wait)
    this.kick(wait + 1)
  }

  #isConnected(device: number): boolean {
    return this.#sources.all().some((source) => source.device === device)
  }
}
