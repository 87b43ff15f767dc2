import { fileURLToPath } from 'node:url'
import * as v from 'valibot'
import type { Log } from '#companion/observe/log.ts'
import { WorkerProcess } from '#companion/process/worker-process.ts'
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

const gpuNames = /^(CUDA_.*|NVIDIA_.*|VK_.*)$/i

/** One engine process. */
export class EngineChild {
  readonly #process: WorkerProcess
  readonly #replies = new Map<number, Reply>()
  readonly #onExit: (how: string) => void
  readonly #log: Log
  #nextId = 1

  constructor(options: { log: Log; onExit: (how: string) => void }) {
    this.#onExit = options.onExit
    this.#log = options.log
    this.#process = new WorkerProcess({
      path: fileURLToPath(new URL('./worker.ts', import.meta.url)),
      name: 'engine',
      environment,
      inherits: gpuNames,
      log: options.log,
      onMessage: (input) => this.#receive(input),
      onExit: (how) => this.#exit(how),
    })
  }

  get pid(): number | undefined {
    return this.#process.pid
  }

  get gone(): boolean {
    return this.#process.gone
  }

  /** Sends a request; returns its id, to cancel it and to forget its replies. */
  request(build: (id: number) => ToWorker, reply: Reply): number {
    const id = this.#nextId++
    if (this.gone) {
      reply.error(new SiloError('engine_crashed'))
      return id
    }
    this.#replies.set(id, reply)
    this.#process.send(build(id), (error) => {
      this.#replies.get(id)?.error(new SiloError('engine_crashed', { cause: error }))
    })
    return id
  }

  /** Ends a request; replies to it are dropped from now on. */
  cancel(id: number): void {
    if (this.#replies.delete(id) && !this.gone) this.#process.send({ op: 'cancel', id }, () => {})
  }

  /** Forgets a request that has ended. */
  forget(id: number): void {
    this.#replies.delete(id)
  }

  /** Ends the process. It holds nothing that needs saving. */
  close(): Promise<void> {
    return this.#process.close()
  }

  #receive(input: unknown): void {
    const parsed = v.safeParse(fromWorkerSchema, input)
    if (!parsed.success) return this.#process.distrust()
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
    const replies = [...this.#replies.values()]
    this.#replies.clear()
    for (const reply of replies) {
      reply.error(new SiloError('engine_crashed', { cause: new Error(how) }))
    }
    this.#onExit(how)
  }
}
