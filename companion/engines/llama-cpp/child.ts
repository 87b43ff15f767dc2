import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import * as v from 'valibot'
import type { Log } from '#companion/observe/log.ts'
import { fromWire, SiloError } from '#shared/errors/silo-error.ts'
import { fromWorkerSchema, type FromWorker, type ToWorker } from './messages.ts'

export interface Reply {
  message(message: FromWorker): void
  /** The child is gone or refused. Called at most once; nothing follows. */
  error(error: SiloError): void
}

/**
 * libuv rotates its pool threads, and ggml's scratch memory and the scheduler's caches follow the thread that
 * calls it: with one pool thread a token costs what it costs in a plain loop (docs/decisions/0004).
 */
const environment = { UV_THREADPOOL_SIZE: '1', GGML_NO_BACKTRACE: '1' }

/** What the child may see of this process's environment: enough to find libraries and GPUs. */
const inherited =
  /^(PATH|HOME|USERPROFILE|SYSTEMROOT|TEMP|TMP|TMPDIR|LANG|LD_LIBRARY_PATH|DYLD_LIBRARY_PATH|CUDA_.*|NVIDIA_.*|VK_.*|GGML_.*)$/i

/** One engine process. */
export class EngineChild {
  readonly #process: ChildProcess
  readonly #replies = new Map<number, Reply>()
  readonly #onExit: (how: string) => void
  readonly #log: Log
  #nextId = 1
  #gone = false
  #closing = false
  #stderr = ''

  constructor(options: { log: Log; onExit: (how: string) => void }) {
    this.#onExit = options.onExit
    this.#log = options.log
    const environmentOfChild = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => inherited.test(name)),
    )
    this.#process = fork(fileURLToPath(new URL('./worker.ts', import.meta.url)), [], {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: { ...environmentOfChild, ...environment },
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

  /** Sends a request; returns its id, to cancel it and to forget its replies. */
  request(build: (id: number) => ToWorker, reply: Reply): number {
    const id = this.#nextId++
    if (this.#gone) {
      reply.error(new SiloError('engine_crashed'))
      return id
    }
    this.#replies.set(id, reply)
    this.#process.send(build(id), (error) => {
      if (error) this.#replies.get(id)?.error(new SiloError('engine_crashed', { cause: error }))
    })
    return id
  }

  /** Ends a request; replies to it are dropped from now on. */
  cancel(id: number): void {
    if (this.#replies.delete(id) && !this.#gone) this.#process.send({ op: 'cancel', id }, () => {})
  }

  /** Forgets a request that has ended. */
  forget(id: number): void {
    this.#replies.delete(id)
  }

  /** Ends the process. It holds nothing that needs saving. */
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
      this.#log.error('the engine sent something unreadable')
      this.#process.kill('SIGKILL')
      return
    }
    const message = parsed.output
    const reply = this.#replies.get(message.id)
    if (!reply) return
    if (message.op === 'error') {
      this.#replies.delete(message.id)
      this.#log.debug('the engine refused', { code: message.error.code, detail: message.detail })
      reply.error(fromWire(message.error))
    } else reply.message(message)
  }

  #exit(how: string): void {
    if (this.#gone) return
    this.#gone = true
    if (!this.#closing) this.#log.error('the engine process ended', { how, stderr: this.#stderr })
    const replies = [...this.#replies.values()]
    this.#replies.clear()
    for (const reply of replies) {
      reply.error(new SiloError('engine_crashed', { cause: new Error(how) }))
    }
    this.#onExit(how)
  }
}
