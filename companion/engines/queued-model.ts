import type {
  GenerateEvent,
  GenerateRequest,
  LoadedModel,
  Prompt,
} from '#shared/contracts/engine.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { FairQueue } from '#shared/generation/fair-queue.ts'

export interface QueuedModelOptions {
  /** Memory that is left to this machine, bytes. */
  readonly availableMemory: () => number
}

/** With less left, one more answer would make the machine swap, bytes. */
const leastMemory = 192 * 1024 * 1024
/** More requests of one user that wait are a mistake of a program. */
const mostWaiting = 32
const noAnswer = { promptTokens: 0, cachedTokens: 0, completionTokens: 0, promptMs: 0, decodeMs: 0 }

/** A loaded model that several people ask: as many answers at once as it computes, the others in turns. */
export class QueuedModel implements LoadedModel {
  /** The engine's own handle. */
  readonly inner: LoadedModel
  readonly #options: QueuedModelOptions
  readonly #queue: FairQueue

  constructor(inner: LoadedModel, options: QueuedModelOptions) {
    this.inner = inner
    this.#options = options
    this.#queue = new FairQueue(inner.parallel)
  }

  get model(): LoadedModel['model'] {
    return this.inner.model
  }
  get contextTokens(): number {
    return this.inner.contextTokens
  }
  get dimensions(): number {
    return this.inner.dimensions
  }
  get parallel(): number {
    return this.inner.parallel
  }
  get callsTools(): boolean {
    return this.inner.callsTools ?? false
  }

  countTokens(prompt: Prompt, signal: AbortSignal): Promise<number> {
    return this.inner.countTokens(prompt, signal)
  }

  embed(texts: readonly string[], signal: AbortSignal): Promise<Float32Array[]> {
    return this.inner.embed(texts, signal)
  }

  /** @throws SiloError memory_short, too_many_requests, before any event; else as the engine's own */
  async *generate(request: GenerateRequest, signal: AbortSignal): AsyncGenerator<GenerateEvent> {
    const user = request.user ?? ''
    if (this.#options.availableMemory() < leastMemory) throw new SiloError('memory_short')
    if (this.#queue.waitingOf(user) >= mostWaiting) throw new SiloError('too_many_requests')
    if (signal.aborted) return yield { type: 'end', reason: 'abort', ...noAnswer }
    const left = new AbortController()
    /** `ahead`: the newest place in the queue; older ones need not be told any more. */
    const state: { ahead?: number | undefined; turn?: { giveBack?: () => void } } = {}
    let wake: (() => void) | undefined
    const told = (places: number): void => {
      state.ahead = places
      wake?.()
    }
    const waiting = this.#queue
      .take(user, AbortSignal.any([signal, left.signal]), told)
      .then(
        (giveBack) => (state.turn = { giveBack }),
        () => (state.turn = {}),
      )
      .then(() => wake?.())
    try {
      while (!state.turn) {
        const { ahead } = state
        if (ahead === undefined) await new Promise<void>((resolve) => (wake = resolve))
        else {
          state.ahead = undefined
          yield { type: 'waiting', ahead }
        }
      }
      if (state.turn.giveBack) yield* this.inner.generate(request, signal)
      else yield { type: 'end', reason: 'abort', ...noAnswer }
    } finally {
      // Whoever walks away leaves the queue, or gives back the turn that came in the same moment.
      left.abort()
      void waiting.then(() => state.turn?.giveBack?.())
    }
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.inner[Symbol.asyncDispose]()
  }
}
