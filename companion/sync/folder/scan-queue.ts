import type { Scanner, ScanReport } from './scanner.ts'

const firstAgainMs = 120
const lastAgainMs = 30_000
/** What sync itself writes is seen as well: while it writes, what was seen waits, but not longer than this, ms. */
const heldMs = 2000
const heldCheckMs = 100
/** More names than this are looked for by a full scan. */
const maxPaths = 2000

/** One scan at a time; what is asked for meanwhile is the next one. */
export class ScanQueue {
  readonly #scanner: Scanner
  /** Before each scan: whether it may be done, and with which patterns. */
  readonly #prepare: () => Promise<void>
  readonly #done: (report: ScanReport, full: boolean) => Promise<void>
  readonly #failed: (error: unknown) => void
  readonly #isBusy: () => boolean
  #paths = new Set<string>()
  #all = false
  #waiting: PromiseWithResolvers<void> | undefined
  /** What waits is only what was seen while sync was writing. */
  #held: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined
  #timers = new Set<NodeJS.Timeout>()
  /** How often a name moved under a scan. */
  readonly #attempts = new Map<string, number>()
  #halt = new AbortController()
  #open = false
  /** Names that will be looked at within a moment. */
  #soon = 0

  constructor(init: {
    scanner: Scanner
    prepare: () => Promise<void>
    done: (report: ScanReport, full: boolean) => Promise<void>
    failed: (error: unknown) => void
    /** Much is being written here. */
    isBusy: () => boolean
  }) {
    this.#scanner = init.scanner
    this.#prepare = init.prepare
    this.#done = init.done
    this.#failed = init.failed
    this.#isBusy = init.isBusy
  }

  get scanning(): boolean {
    return this.#running !== undefined
  }

  get idle(): boolean {
    return !this.scanning && !this.#waiting && this.#soon === 0
  }

  open(): void {
    this.#open = true
    this.#halt = new AbortController()
  }

  /** Ends the scan that runs; what was asked for is forgotten. */
  async close(reason: unknown): Promise<void> {
    this.#open = false
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
    this.#letGo()
    this.#soon = 0
    this.#halt.abort(reason)
    this.#paths.clear()
    this.#all = false
    await this.#running
    this.#waiting?.resolve()
    this.#waiting = undefined
  }

  /** Undefined: everything. Resolves when that scan has ended, whether it succeeded or not. */
  scan(paths?: readonly string[]): Promise<void> {
    if (!this.#open) return Promise.resolve()
    const waiting = this.#want(paths)
    this.#letGo()
    this.#next()
    return waiting.promise
  }

  /** The same for what was seen to change, which may be what sync has just written: it waits a little while it does. */
  soon(paths?: readonly string[]): void {
    if (!this.#open) return
    const isNew = !this.#waiting
    this.#want(paths)
    if (isNew && this.#isBusy()) this.#hold(Date.now() + heldMs)
    else this.#next()
  }

  #want(paths: readonly string[] | undefined): PromiseWithResolvers<void> {
    if (paths === undefined) this.#all = true
    else for (const path of paths) this.#paths.add(path)
    if (this.#paths.size > maxPaths) this.#all = true
    return (this.#waiting ??= Promise.withResolvers<void>())
  }

  #hold(until: number): void {
    this.#held = setTimeout(() => {
      if (this.#isBusy() && Date.now() < until) return this.#hold(until)
      this.#letGo()
      this.#next()
    }, heldCheckMs)
    this.#held.unref()
  }

  #letGo(): void {
    clearTimeout(this.#held)
    this.#held = undefined
  }

  /** Once more after a moment, which grows while a name does not hold still. */
  later(names: readonly string[], delayMs?: number): void {
    if (!this.#open || names.length === 0) return
    let longest = 0
    for (const name of names) {
      const attempts = this.#attempts.get(name) ?? 0
      this.#attempts.set(name, attempts + 1)
      longest = Math.max(longest, attempts)
    }
    const delay = delayMs ?? Math.min(lastAgainMs, firstAgainMs * 2 ** Math.min(longest, 10))
    const counts = delay < 3000
    if (counts) this.#soon++
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      if (counts) this.#soon--
      void this.scan(names)
    }, delay)
    timer.unref()
    this.#timers.add(timer)
  }

  #next(): void {
    if (this.#running || !this.#waiting || this.#held || !this.#open) return
    const waiting = this.#waiting
    const paths = this.#all ? undefined : [...this.#paths]
    this.#waiting = undefined
    this.#paths = new Set()
    this.#all = false
    this.#running = this.#run(paths).finally(() => {
      this.#running = undefined
      waiting.resolve()
      this.#next()
    })
  }

  async #run(paths: readonly string[] | undefined): Promise<void> {
    try {
      await this.#prepare()
      const report = await this.#scanner.scan(paths, this.#halt.signal)
      const again = new Set(report.again)
      if (paths === undefined) for (const name of this.#attempts.keys()) this.#settle(name, again)
      else for (const name of paths) this.#settle(name, again)
      await this.#done(report, paths === undefined)
      this.later(report.again)
    } catch (error) {
      if (!this.#halt.signal.aborted) this.#failed(error)
    }
  }

  #settle(name: string, again: ReadonlySet<string>): void {
    if (!again.has(name)) this.#attempts.delete(name)
  }
}
