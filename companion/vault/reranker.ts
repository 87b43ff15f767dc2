import { fileURLToPath } from 'node:url'
import * as v from 'valibot'
import type { Log } from '#companion/observe/log.ts'
import { WorkerProcess } from '#companion/process/worker-process.ts'
import type { Reranker, RerankPassage } from '#shared/contracts/reranker.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { fromRerankerSchema, type ToReranker } from './reranker-messages.ts'

/** A question waits so long for its passages to be ordered, then takes them as they are. */
const limitMs = 20_000
/** Ranking models read pairs of this length. */
const contextTokens = 512

export interface GgufRerankerInit {
  /** A ranking model as GGUF, e.g. bge-reranker-v2-m3. */
  readonly path: string
  readonly log: Log
  readonly threads?: number
  readonly maxPassages?: number
  readonly limitMs?: number
}

interface Waiting {
  readonly child: WorkerProcess
  resolve(scores: readonly number[]): void
  reject(error: SiloError): void
}

/** A GGUF ranking model in a process of its own. An abandoned question ends the process: the next one starts it again. */
export class GgufReranker implements Reranker {
  readonly specVersion = 1
  readonly id = 'gguf'
  readonly maxPassages: number
  readonly #init: GgufRerankerInit
  #child: WorkerProcess | undefined
  readonly #waiting = new Map<number, Waiting>()
  #nextId = 1
  #closed = false

  constructor(init: GgufRerankerInit) {
    this.#init = init
    this.maxPassages = init.maxPassages ?? 20
  }

  async score(
    question: string,
    passages: readonly RerankPassage[],
    signal: AbortSignal,
  ): Promise<readonly number[]> {
    signal.throwIfAborted()
    if (this.#closed) throw new SiloError('shutting_down')
    if (passages.length === 0) return []
    const child = this.#running()
    const id = this.#nextId++
    const request: ToReranker = {
      id,
      path: this.#init.path,
      threads: this.#init.threads ?? 0,
      contextTokens,
      question,
      passages: passages.map(({ context, text }) => `${context}\n${text}`),
    }
    const limit = this.#init.limitMs ?? limitMs
    const ended = AbortSignal.any([signal, AbortSignal.timeout(limit)])
    const { promise, resolve, reject } = Promise.withResolvers<readonly number[]>()
    this.#waiting.set(id, { child, resolve, reject })
    // What is being computed cannot be called back, only ended.
    const abandon = (): void => {
      if (this.#child === child) this.#child = undefined
      void child.close()
      const seconds = limit / 1000
      reject(signal.aborted ? (signal.reason as Error) : new SiloError('timeout', { params: { seconds } })) // prettier-ignore
    }
    ended.addEventListener('abort', abandon, { once: true })
    try {
      child.send(request, (cause) => reject(new SiloError('engine_crashed', { cause })))
      const scores = await promise
      if (scores.length !== passages.length) throw new SiloError('engine_crashed')
      return scores
    } finally {
      ended.removeEventListener('abort', abandon)
      this.#waiting.delete(id)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    await this.#child?.close()
  }

  #running(): WorkerProcess {
    if (this.#child && !this.#child.gone) return this.#child
    const child = new WorkerProcess({
      path: fileURLToPath(new URL('./reranker-worker.ts', import.meta.url)),
      name: 'reranker',
      environment: { GGML_NO_BACKTRACE: '1' },
      log: this.#init.log,
      onMessage: (input) => this.#receive(child, input),
      onExit: () => {
        if (this.#child === child) this.#child = undefined
        for (const { child: asked, reject } of this.#waiting.values())
          if (asked === child) reject(new SiloError('engine_crashed'))
      },
    })
    this.#child = child
    return child
  }

  #receive(child: WorkerProcess, input: unknown): void {
    const parsed = v.safeParse(fromRerankerSchema, input)
    if (!parsed.success) return child.distrust()
    const message = parsed.output
    const waiting = this.#waiting.get(message.id)
    if (message.op === 'scores') return waiting?.resolve(message.scores)
    this.#init.log.warn('passages could not be ranked', { reason: message.detail })
    const cause = new Error(message.detail)
    waiting?.reject(new SiloError(message.reason === 'unfit' ? 'engine_unavailable' : 'engine_crashed', { cause })) // prettier-ignore
  }
}
