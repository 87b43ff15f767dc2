import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import * as v from 'valibot'
import type { Log } from '#companion/observe/log.ts'
import type { SidecarCommand } from './sidecar-command.ts'

const outputKept = 8000
const startedSchema = v.object({ pid: v.number() })
/** A sidecar and its keeper have so long to end before they are killed, ms. */
const closeLimit = 5000

export interface SidecarInit extends SidecarCommand {
  /** What it is called in the log. */
  readonly name: string
  readonly log: Log
  /** The program is gone. Called once. */
  onExit(how: string): void
  /** It ends by itself: that is no error. */
  readonly ends?: boolean
  /** What it writes, as it comes. */
  onOutput?(text: string): void
}

/**
 * A program of others that works for this process and ends with it, however this process ends. Its output is kept
 * for the log, its last part only.
 */
export class Sidecar {
  readonly #init: SidecarInit
  readonly #keeper: ChildProcess
  #pid: number | undefined
  #gone = false
  #closing = false
  #output = ''

  constructor(init: SidecarInit) {
    this.#init = init
    const { command, args, env, cwd } = init
    this.#keeper = fork(fileURLToPath(new URL('./sidecar-keeper.ts', import.meta.url)), [], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: keeperEnvironment(),
      execArgv: [],
    })
    const keep = (chunk: Buffer): void => {
      const text = chunk.toString()
      this.#output = (this.#output + text).slice(-outputKept)
      init.onOutput?.(text)
    }
    this.#keeper.stdout?.on('data', keep)
    this.#keeper.stderr?.on('data', keep)
    this.#keeper.on('message', (input) => {
      const started = v.safeParse(startedSchema, input)
      if (started.success) this.#pid = started.output.pid
    })
    this.#keeper.on('error', (error) => this.#exit(error.message))
    this.#keeper.on('exit', (code, signal) => this.#exit(signal ?? `exit code ${code}`))
    this.#keeper.send({ command, args, env, ...(cwd === undefined ? {} : { cwd }) }, () => {})
  }

  /** Of the program itself; undefined until it runs. */
  get pid(): number | undefined {
    return this.#pid
  }

  get gone(): boolean {
    return this.#gone
  }

  /** The end of what it wrote to its output and error streams. */
  get output(): string {
    return this.#output
  }

  /** Ends the program, and waits until it is gone. */
  async close(): Promise<void> {
    this.#closing = true
    if (this.#gone) return
    const ended = new Promise<void>((resolve) => this.#keeper.once('exit', () => resolve()))
    if (this.#keeper.connected) this.#keeper.disconnect()
    const timer = setTimeout(() => {
      if (this.#pid !== undefined) killQuietly(this.#pid)
      this.#keeper.kill('SIGKILL')
    }, closeLimit)
    await ended
    clearTimeout(timer)
  }

  #exit(how: string): void {
    if (this.#gone) return
    this.#gone = true
    const { log, name, ends, onExit } = this.#init
    // The keeper may have been killed alone.
    if (this.#pid !== undefined && how === 'SIGKILL') killQuietly(this.#pid)
    if (!this.#closing && !ends) log.error(`${name} ended`, { how, output: this.#output })
    onExit(how)
  }
}

/** Windows starts no program without the second. */
function keeperEnvironment(): Record<string, string> {
  const names = ['PATH', 'SYSTEMROOT']
  return Object.fromEntries(names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]))) // prettier-ignore
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It is gone already.
  }
}
