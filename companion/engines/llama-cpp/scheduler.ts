import { SiloError } from '#shared/errors/silo-error.ts'
import type { PagedSequence, SequencePages } from '../kv-pages/sequence-pages.ts'
import type { AddonContext, AddonSampler } from './addon.ts'

/** One answer being computed. */
export interface Job {
  readonly promptTokens: Uint32Array
  readonly maxTokens: number
  /** See `GenerateRequest.session`. */
  readonly session?: string | undefined
  makeSampler(): AddonSampler
  /** Called once, before the first token. */
  started(cachedTokens: number): void
  /** Takes a sampled token; false ends the answer. */
  accept(token: number): boolean
  /** `length`: `maxTokens` or the context is used up. */
  ended(reason: 'stop' | 'length', timing: { promptMs: number; decodeMs: number }): void
  failed(error: unknown): void
  cancelled: boolean
}

interface Sequence extends PagedSequence {
  usedAt: number
  active: ActiveJob | undefined
}

interface ActiveJob {
  readonly job: Job
  /** Made while the end of the prompt is being computed. */
  sampler: AddonSampler | undefined
  /** Prompt tokens already computed; equals the prompt's length while decoding. */
  filled: number
  next: number
  produced: number
  startedAt: number
  firstTokenAt: number
}

const none = new Uint32Array(0)
const firstLogit = Uint32Array.of(0)
/** Prompt tokens computed in one step while other answers are being decoded, so that those keep flowing. */
const politeChunk = 128
/** Computed context goes to disk when nothing was asked for so long, ms: it must not delay the next question. */
const restMs = 2000

/**
 * Computes jobs on one native context. Every step decodes one token for each answer in flight and fills the
 * rest of the batch with prompts; jobs that find no free sequence wait in order of arrival.
 */
export class Scheduler {
  readonly #context: AddonContext
  readonly #batchSize: number
  readonly #contextTokens: number
  readonly #sequences: Sequence[]
  readonly #queue: Job[] = []
  readonly #pages: SequencePages | undefined
  /** Ends when the loop does; whoever sets it has the context for itself. */
  #running: Promise<void> | undefined
  #resting: NodeJS.Timeout | undefined

  constructor(
    context: AddonContext,
    options: {
      batchSize: number
      contextTokens: number
      sequences: number
      pages?: SequencePages | undefined
    },
  ) {
    this.#context = context
    this.#pages = options.pages
    this.#batchSize = options.batchSize
    this.#contextTokens = options.contextTokens
    this.#sequences = Array.from({ length: options.sequences }, (_, id) => ({
      id,
      tokens: [],
      session: undefined,
      stored: 0,
      usedAt: 0,
      active: undefined,
    }))
  }

  add(job: Job): void {
    this.#queue.push(job)
    this.#wake()
  }

  /** Writes to disk what is not there yet, after the answers that are being computed. */
  keep(): Promise<void> {
    return this.#exclusive(() => this.#save(() => false))
  }

  /** Removes what was computed for a session (absent: for any), also from disk. */
  forget(session?: string): Promise<void> {
    return this.#exclusive(async () => {
      for (const sequence of this.#sequences)
        if (session === undefined || sequence.session === session) this.#empty(sequence)
      await this.#pages?.forget(session)
    })
  }

  #wake(): void {
    clearTimeout(this.#resting)
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
      if (this.#queue.length > 0) return this.#wake()
      if (!this.#pages) return
      this.#resting = setTimeout(
        () => void this.#exclusive(() => this.#save(() => this.#queue.length > 0)),
        restMs,
      )
      this.#resting.unref()
    })
  }

  /** Runs `work` while nothing is computed. */
  async #exclusive(work: () => Promise<void>): Promise<void> {
    while (this.#running) await this.#running
    clearTimeout(this.#resting)
    const done = work()
    const over = (): void => {
      this.#running = undefined
      if (this.#queue.length > 0) this.#wake()
    }
    this.#running = done.then(over, over)
    await done
  }

  async #save(enough: () => boolean): Promise<void> {
    for (const sequence of this.#sequences) {
      if (enough()) return
      await this.#pages?.save(sequence)
    }
  }

  async #run(): Promise<void> {
    for (;;) {
      await this.#admit()
      const active = this.#sequences.filter((sequence) => sequence.active)
      if (active.length === 0) return
      try {
        await this.#step(active)
      } catch (error) {
        for (const sequence of active) this.#fail(sequence, error)
      }
    }
  }

  async #admit(): Promise<void> {
    while (this.#queue.length > 0) {
      const free = this.#sequences.filter((sequence) => !sequence.active)
      if (free.length === 0) return
      const job = this.#queue.shift()!
      if (job.cancelled) continue
      const startedAt = performance.now()
      try {
        const sequence = await this.#choose(free, job)
        this.#start(sequence, job, startedAt)
      } catch (error) {
        job.failed(error)
      }
    }
  }

  /** The sequence that needs the least computing for a job, filled from disk where that has more. */
  async #choose(free: readonly Sequence[], { promptTokens }: Job): Promise<Sequence> {
    const oldest = free.toSorted((a, b) => a.usedAt - b.usedAt)
    const ranked = oldest
      .map((sequence) => ({ sequence, shared: sharedPrefix(sequence.tokens, promptTokens) }))
      // The longest prefix that is already computed wins; among equals the one unused for longest.
      .toSorted((a, b) => b.shared - a.shared)
    const best = ranked[0]!
    if (!this.#pages) return best.sequence
    if (await this.#pages.restore(oldest[0]!, promptTokens, best.shared)) return oldest[0]!
    await this.#pages.leave(best.sequence, best.shared)
    return best.sequence
  }

  #start(sequence: Sequence, job: Job, startedAt: number): void {
    const shared = sharedPrefix(sequence.tokens, job.promptTokens)
    // At least one token is computed again: its logits choose the first token of the answer.
    let keep = Math.min(shared, job.promptTokens.length - 1)
    if (keep < sequence.tokens.length) {
      // Some architectures cannot drop the end of a sequence; they start over.
      if (!this.#context.removeTokenCellsFromSequence(sequence.id, keep, -1)) {
        this.#context.disposeSequence(sequence.id)
        keep = 0
      }
      sequence.tokens.length = keep
      sequence.stored = Math.min(sequence.stored, keep)
    }
    sequence.session = job.session
    sequence.active = {
      job,
      sampler: undefined,
      filled: keep,
      next: -1,
      produced: 0,
      startedAt,
      firstTokenAt: 0,
    }
    job.started(keep)
  }

  async #step(active: Sequence[]): Promise<void> {
    for (const sequence of active) {
      if (sequence.active!.job.cancelled) this.#release(sequence)
    }
    const live = active.filter((sequence) => sequence.active)
    if (live.length === 0) return
    const decoding = live.filter((sequence) => sequence.active!.next >= 0)
    const filling = live
      .filter((sequence) => sequence.active!.next < 0)
      .sort((a, b) => a.active!.startedAt - b.active!.startedAt)
    let room = this.#batchSize - decoding.length
    if (decoding.length > 0) room = Math.min(room, politeChunk)
    const size =
      decoding.length +
      filling.reduce(
        (sum, { active }) =>
          sum + Math.min(room - sum, active!.job.promptTokens.length - active!.filled),
        0,
      )
    this.#context.initBatch(size)
    const logits: { sequence: Sequence; index: number }[] = []
    for (const sequence of decoding) {
      const token = sequence.active!.next
      const indexes = this.#context.addToBatch(
        sequence.id,
        sequence.tokens.length,
        Uint32Array.of(token),
        firstLogit,
      )
      sequence.tokens.push(token)
      logits.push({ sequence, index: indexes[0]! })
    }
    for (const sequence of filling) {
      const state = sequence.active!
      const part = state.job.promptTokens.subarray(state.filled, state.filled + room)
      if (part.length === 0) continue
      room -= part.length
      const last = state.filled + part.length === state.job.promptTokens.length
      const indexes = this.#context.addToBatch(
        sequence.id,
        state.filled,
        part.slice(),
        last ? Uint32Array.of(part.length - 1) : none,
      )
      state.filled += part.length
      for (const token of part) sequence.tokens.push(token)
      if (last) logits.push({ sequence, index: indexes[0]! })
    }
    const computed = this.#context.decodeBatch()
    let failure: unknown
    try {
      for (const { sequence } of logits)
        sequence.active!.sampler ??= sequence.active!.job.makeSampler()
    } catch (error) {
      failure = error
    }
    // The context is busy until then, whatever went wrong.
    await computed
    if (failure) throw failure
    for (const { sequence, index } of logits) {
      const state = sequence.active!
      if (state.job.cancelled) {
        this.#release(sequence)
        continue
      }
      const token = await this.#context.sampleToken(index, state.sampler!)
      this.#take(sequence, token)
    }
  }

  #take(sequence: Sequence, token: number): void {
    const state = sequence.active!
    if (state.produced === 0) state.firstTokenAt = performance.now()
    state.produced++
    state.next = token
    const goOn = token >= 0 && state.job.accept(token)
    if (!goOn) this.#end(sequence, 'stop')
    else if (
      state.produced >= state.job.maxTokens ||
      state.job.promptTokens.length + state.produced >= this.#contextTokens
    )
      this.#end(sequence, 'length')
  }

  #end(sequence: Sequence, reason: 'stop' | 'length'): void {
    const { job, startedAt, firstTokenAt } = sequence.active!
    this.#release(sequence)
    job.ended(reason, {
      promptMs: firstTokenAt - startedAt,
      decodeMs: performance.now() - firstTokenAt,
    })
  }

  #fail(sequence: Sequence, error: unknown): void {
    const job = sequence.active?.job
    this.#release(sequence)
    // What the cache holds is unknown after a failed decode.
    this.#empty(sequence)
    job?.failed(
      error instanceof SiloError ? error : new SiloError('engine_crashed', { cause: error }),
    )
  }

  #empty(sequence: Sequence): void {
    this.#context.disposeSequence(sequence.id)
    sequence.tokens.length = 0
    sequence.stored = 0
    sequence.session = undefined
  }

  #release(sequence: Sequence): void {
    sequence.active?.sampler?.dispose()
    sequence.active = undefined
    sequence.usedAt = performance.now()
  }
}

function sharedPrefix(have: readonly number[], want: Uint32Array): number {
  let length = 0
  while (length < have.length && length < want.length && have[length] === want[length]) length++
  return length
}
