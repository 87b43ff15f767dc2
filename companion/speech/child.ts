import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import * as v from 'valibot'
import type { Log } from '#companion/observe/log.ts'
import { fromWorkerSchema, type FromWorker, type ToWorker } from './messages.ts'

type Done = Extract<FromWorker, { op: 'done' }>

/** What the child may see of this process's environment: enough to find libraries and GPUs. */
const inherited =
  /^(PATH|HOME|USERPROFILE|SYSTEMROOT|TEMP|TMP|TMPDIR|LANG|LD_LIBRARY_PATH|DYLD_LIBRARY_PATH|GGML_.*)$/i

/** One recogniser process, which answers one request at a time. */
export class SpeechChild {
  readonly #process: ChildProcess
  readonly #log: Log
  #pending:
    | { id: number; resolve: (done: Done) => void; reject: (error: Error) => void }
    | undefined
  #nextId = 1
  #gone = false
  #closing = false
  #stderr = ''

  constructor(log: Log) {
    this.#log = log
    const environment = Object.entries(process.env).filter(([name]) => inherited.test(name))
    this.#process = fork(fileURLToPath(new URL('./worker.ts', import.meta.url)), [], {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: { ...Object.fromEntries(environment), GGML_NO_BACKTRACE: '1' },
      execArgv: [],
    })
    this.#process.stderr?.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(-4000)
    })
    this.#process.on('message', (input) => this.#receive(input))
    this.#process.on('error', (error) => this.#exit(error.message))
    this.#process.on('exit', (code, signal) => this.#exit(signal ?? `exit code ${code}`))
  }

  get pid(): number | undefined {
    return this.#process.pid
  }

  get gone(): boolean {
    return this.#gone
  }

  /** Not while another request is under way. @throws Error where the process refuses or ends */
  transcribe(request: Omit<ToWorker, 'id'>): Promise<Done> {
    return new Promise((resolve, reject) => {
      if (this.#gone) return reject(new Error('the process is gone'))
      const id = this.#nextId++
      this.#pending = { id, resolve, reject }
      this.#process.send({ id, ...request } satisfies ToWorker, (error) => error && reject(error))
    })
  }

  /** Ends the process; it holds nothing that needs saving. */
  async close(): Promise<void> {
    this.#closing = true
    if (this.#gone) return
    const ended = new Promise<void>((resolve) => this.#process.once('exit', () => resolve()))
    this.#process.kill('SIGKILL')
    await ended
  }

  #receive(input: unknown): void {
    const parsed = v.safeParse(fromWorkerSchema, input)
    if (!parsed.success) {
      this.#log.error('the recogniser sent something unreadable')
      this.#process.kill('SIGKILL')
      return
    }
    const message = parsed.output
    const pending = this.#pending
    if (pending?.id !== message.id) return
    this.#pending = undefined
    if (message.op === 'done') pending.resolve(message)
    else pending.reject(new Error(message.detail))
  }

  #exit(how: string): void {
    if (this.#gone) return
    this.#gone = true
    if (!this.#closing)
      this.#log.error('the recogniser process ended', { how, stderr: this.#stderr })
    this.#pending?.reject(new Error(how))
    this.#pending = undefined
  }
}
