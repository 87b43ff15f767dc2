import { JailProcess, type JailCommand } from './jail-process.ts'

/** One started Python that waits for the next job, is used once, and goes when none comes. */
export class WarmPython {
  readonly #keepMs: number
  readonly #running = new Set<JailProcess>()
  #waiting: { key: string; jail: JailProcess; timer: NodeJS.Timeout } | undefined
  #closed = false

  constructor(keepMs: number) {
    this.#keepMs = keepMs
  }

  start(command: JailCommand): JailProcess {
    const jail = new JailProcess(command)
    this.#running.add(jail)
    void jail.exited.then(() => this.#running.delete(jail))
    return jail
  }

  /** `key` names the command: a process with other limits is of no use. */
  take(key: string): JailProcess | undefined {
    const waiting = this.#waiting
    if (waiting?.key !== key) return undefined
    this.#waiting = undefined
    clearTimeout(waiting.timer)
    return waiting.jail.gone ? undefined : waiting.jail
  }

  keep(key: string, begin: () => JailProcess): void {
    if (this.#closed || this.#keepMs === 0) return
    this.#end()
    const timer = setTimeout(() => this.#end(), this.#keepMs)
    timer.unref()
    this.#waiting = { key, jail: begin(), timer }
  }

  #end(): void {
    clearTimeout(this.#waiting?.timer)
    this.#waiting?.jail.kill()
    this.#waiting = undefined
  }

  /** Ends all, also those that run. */
  async close(): Promise<void> {
    this.#closed = true
    this.#end()
    const running = [...this.#running]
    for (const jail of running) jail.kill()
    await Promise.all(running.map((jail) => jail.exited))
  }
}
