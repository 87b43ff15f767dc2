import { fork, type ChildProcess, type Serializable } from 'node:child_process'
import type { Log } from '#companion/observe/log.ts'

/** What a child may see of this process's environment: enough to find libraries and GPUs. */
const inherited =
  /^(PATH|HOME|USERPROFILE|SYSTEMROOT|TEMP|TMP|TMPDIR|LANG|LD_LIBRARY_PATH|DYLD_LIBRARY_PATH|GGML_.*)$/i
const stderrKept = 4000
const noNetwork = new URL('../observe/no-network.ts', import.meta.url).href

export interface WorkerProcessInit {
  /** The program, a module. */
  readonly path: string
  /** What it is called in the log, e.g. `engine`. */
  readonly name: string
  /** Set beside what is inherited. */
  readonly environment: Readonly<Record<string, string>>
  /** More names that are inherited. */
  readonly inherits?: RegExp
  readonly log: Log
  onMessage(input: unknown): void
  /** The process is gone. Called once. */
  onExit(how: string): void
}

/** A process that computes for this one, and ends with it: its channel closes. It holds nothing that needs saving. */
export class WorkerProcess {
  readonly #process: ChildProcess
  readonly #init: WorkerProcessInit
  #gone = false
  #closing = false
  #stderr = ''

  constructor(init: WorkerProcessInit) {
    this.#init = init
    const environment = Object.entries(process.env).filter(
      ([name]) => inherited.test(name) || init.inherits?.test(name),
    )
    this.#process = fork(init.path, [], {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: { ...Object.fromEntries(environment), ...init.environment },
      // Whatever it computes, and whatever a document makes it do: it connects to nothing, not even here.
      execArgv: ['--import', noNetwork],
    })
    this.#process.stderr?.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(-stderrKept)
    })
    this.#process.on('message', (input) => init.onMessage(input))
    this.#process.on('error', (error) => this.#exit(error.message))
    this.#process.on('exit', (code, signal) => this.#exit(signal ?? `exit code ${code}`))
  }

  get pid(): number | undefined {
    return this.#process.pid
  }

  get gone(): boolean {
    return this.#gone
  }

  send(message: Serializable, refused: (error: Error) => void): void {
    this.#process.send(message, (error) => error && refused(error))
  }

  /** Ends a process that sends what cannot be understood. */
  distrust(): void {
    this.#init.log.error(`the ${this.#init.name} sent something unreadable`)
    this.#process.kill('SIGKILL')
  }

  async close(): Promise<void> {
    this.#closing = true
    if (this.#gone) return
    const ended = new Promise<void>((resolve) => this.#process.once('exit', () => resolve()))
    this.#process.kill('SIGKILL')
    await ended
  }

  #exit(how: string): void {
    if (this.#gone) return
    this.#gone = true
    const { log, name, onExit } = this.#init
    if (!this.#closing) log.error(`the ${name} process ended`, { how, stderr: this.#stderr })
    onExit(how)
  }
}
