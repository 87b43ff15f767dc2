import { fileURLToPath } from 'node:url'
import * as v from 'valibot'
import type { Log } from '#companion/observe/log.ts'
import { WorkerProcess } from '#companion/process/worker-process.ts'
import { fromWorkerSchema, type FromWorker, type ToWorker } from './messages.ts'

type Done = Extract<FromWorker, { op: 'done' }>

/** One recogniser process, which answers one request at a time. */
export class SpeechChild {
  readonly #process: WorkerProcess
  #pending:
    | { id: number; resolve: (done: Done) => void; reject: (error: Error) => void }
    | undefined
  #nextId = 1

  constructor(log: Log) {
    this.#process = new WorkerProcess({
      path: fileURLToPath(new URL('./worker.ts', import.meta.url)),
      name: 'recogniser',
      environment: { GGML_NO_BACKTRACE: '1' },
      log,
      onMessage: (input) => this.#receive(input),
      onExit: (how) => {
        this.#pending?.reject(new Error(how))
        this.#pending = undefined
      },
    })
  }

  get pid(): number | undefined {
    return this.#process.pid
  }

  get gone(): boolean {
    return this.#process.gone
  }

  /** Not while another request is under way. @throws Error where the process refuses or ends */
  transcribe(request: Omit<ToWorker, 'id'>): Promise<Done> {
    return new Promise((resolve, reject) => {
      if (this.gone) return reject(new Error('the process is gone'))
      const id = this.#nextId++
      this.#pending = { id, resolve, reject }
      this.#process.send({ id, ...request } satisfies ToWorker, reject)
    })
  }

  /** Ends the process; it holds nothing that needs saving. */
  close(): Promise<void> {
    return this.#process.close()
  }

  #receive(input: unknown): void {
    const parsed = v.safeParse(fromWorkerSchema, input)
    if (!parsed.success) return this.#process.distrust()
    const message = parsed.output
    const pending = this.#pending
    if (pending?.id !== message.id) return
    this.#pending = undefined
    if (message.op === 'done') pending.resolve(message)
    else pending.reject(new Error(message.detail))
  }
}
