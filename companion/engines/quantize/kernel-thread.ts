import { Worker } from 'node:worker_threads'
import type { Piece } from './kernel.ts'

/** A thread that quantizes one piece at a time. */
export class KernelThread implements AsyncDisposable {
  readonly #worker = new Worker(new URL('./kernel.ts', import.meta.url))
  #waiting: PromiseWithResolvers<Uint8Array> | undefined

  constructor() {
    this.#worker.on('message', (out: Uint8Array) => this.#waiting?.resolve(out))
    this.#worker.on('error', (error) => this.#waiting?.reject(error))
  }

  /** Not while another piece is under way. @throws what the thread failed with */
  quantize(piece: Piece): Promise<Uint8Array> {
    this.#waiting = Promise.withResolvers()
    this.#worker.postMessage(piece, [piece.bytes.buffer as ArrayBuffer])
    return this.#waiting.promise
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate()
  }
}
