import type { Document, DocumentText } from '#shared/domain/vault.ts'
import { fromWire, SiloError, type WireError } from '#shared/errors/silo-error.ts'
import type { ReplicaCursor } from '#shared/protocol/replica.ts'
import type { Applied } from './feed-writer.ts'
import type { VaultAnswer, VaultQuery } from './vault-search.ts'

/** What the worker does, by name. */
export interface VaultCalls {
  apply: {
    input: { id: string; cursor: ReplicaCursor; bytes: ArrayBuffer; now: number }
    value: Applied
  }
  compact: { input: { id: string }; value: boolean }
  search: { input: VaultQuery; value: VaultAnswer }
  documents: {
    input: { collectionId: string; page: { query: string; offset: number; limit: number } }
    value: { documents: Document[]; total: number }
  }
  text: {
    input: { id: string; range: { start: number; length: number } }
    value: DocumentText
  }
}

export type VaultCall = {
  [Op in keyof VaultCalls]: { call: number; op: Op; input: VaultCalls[Op]['input'] }
}[keyof VaultCalls]

export type VaultReply =
  | { call: number; value: VaultCalls[keyof VaultCalls]['value'] }
  | { call: number; error: WireError }

/** A worker that was asked nothing for so long is ended, and the memory of the copies with it, ms. */
const idleMs = 5 * 60_000
/** A page of the feed or a first search takes seconds on a slow phone; what takes longer hangs, ms. */
const callLimit = 120_000

interface Waiting {
  readonly reply: PromiseWithResolvers<VaultCalls[keyof VaultCalls]['value']>
  readonly timer: ReturnType<typeof setTimeout>
}

/** The worker over this device's copies. Started by the first call; ended when nobody asks any more. */
export class VaultWorker implements Disposable {
  readonly #waiting = new Map<number, Waiting>()
  #worker: Worker | undefined
  #idle: ReturnType<typeof setTimeout> | undefined
  #next = 1

  /** @throws SiloError what the worker says; page_storage_failed where it broke, timeout, cancelled */
  async call<Op extends keyof VaultCalls>(
    op: Op,
    input: VaultCalls[Op]['input'],
    options: { signal?: AbortSignal; transfer?: Transferable[] } = {},
  ): Promise<VaultCalls[Op]['value']> {
    const { signal, transfer = [] } = options
    if (signal?.aborted) throw new SiloError('cancelled')
    clearTimeout(this.#idle)
    const call = this.#next++
    const reply = Promise.withResolvers<VaultCalls[keyof VaultCalls]['value']>()
    const timer = setTimeout(() => this.#end(new SiloError('timeout', { params: { seconds: callLimit / 1000 } })), callLimit) // prettier-ignore
    this.#waiting.set(call, { reply, timer })
    const abort = (): void => {
      this.#worker?.postMessage({ abort: call })
      reply.reject(new SiloError('cancelled'))
    }
    signal?.addEventListener('abort', abort, { once: true })
    try {
      this.#worker ??= this.#start()
      this.#worker.postMessage({ call, op, input }, transfer)
      return (await reply.promise) as VaultCalls[Op]['value']
    } finally {
      signal?.removeEventListener('abort', abort)
      clearTimeout(timer)
      this.#waiting.delete(call)
      if (this.#waiting.size === 0) this.#idle = setTimeout(() => this[Symbol.dispose](), idleMs)
    }
  }

  /** Ends the worker; the next call starts another. */
  [Symbol.dispose](): void {
    this.#end(new SiloError('cancelled'))
  }

  #start(): Worker {
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' })
    worker.addEventListener('message', ({ data }: MessageEvent<VaultReply>) => {
      const waiting = this.#waiting.get(data.call)
      if ('error' in data) waiting?.reply.reject(fromWire(data.error))
      else waiting?.reply.resolve(data.value)
    })
    worker.addEventListener('error', (event) => {
      this.#end(new SiloError('page_storage_failed', { cause: new Error(event.message) }))
    })
    return worker
  }

  #end(reason: SiloError): void {
    clearTimeout(this.#idle)
    this.#worker?.terminate()
    this.#worker = undefined
    for (const { reply } of this.#waiting.values()) reply.reject(reason)
  }
}
