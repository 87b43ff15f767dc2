import { Worker } from 'node:worker_threads'
import { SiloError, fromWire, type WireError } from '#shared/errors/silo-error.ts'
import type { Extracted } from './extract/extracted.ts'

const limitMs = 60_000
const limitMegabytes = 1024

type Reply = { extracted: Extracted } | { error: WireError }

/** Reads documents in a worker thread with limits of time and memory. One document at a time. */
export class Extractor implements AsyncDisposable {
  #worker: Worker | undefined
  #turn: Promise<unknown> = Promise.resolve()

  /** @throws SiloError as `extractFile`; file_damaged when a document runs into the limits; the signal's reason */
  extract(path: string, signal: AbortSignal): Promise<Extracted> {
    const result = this.#turn.then(() => this.#extract(path, signal))
    this.#turn = result.catch(() => {})
    return result
  }

  async #extract(path: string, signal: AbortSignal): Promise<Extracted> {
    signal.throwIfAborted()
    const worker = (this.#worker ??= this.#start())
    const reply = await new Promise<Reply>((resolve, reject) => {
      const timer = setTimeout(() => give(new SiloError('file_damaged')), limitMs)
      const aborted = () => give(signal.reason)
      const failed = (cause: unknown) => give(new SiloError('file_damaged', { cause }))
      const exited = () => failed(new Error('the extraction thread ended'))
      const done = (message: Reply) => {
        stop()
        resolve(message)
      }
      const stop = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', aborted)
        worker.off('message', done).off('error', failed).off('exit', exited)
      }
      // The thread may be inside an endless loop: only ending it helps.
      const give = (reason: unknown) => {
        stop()
        this.#worker = undefined
        worker.once('error', () => {})
        void worker.terminate()
        reject(reason)
      }
      signal.addEventListener('abort', aborted, { once: true })
      worker.once('message', done).once('error', failed).once('exit', exited)
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
      worker.postMessage(path)
    })
    if ('error' in reply) throw fromWire(reply.error)
    return reply.extracted
  }

  #start(): Worker {
    const worker = new Worker(new URL('extract/worker.ts', import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: limitMegabytes },
      stdout: true,
      stderr: true,
    })
    worker.unref()
    return worker
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker?.terminate()
    this.#worker = undefined
  }
}
