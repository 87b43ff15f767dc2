import { SiloError } from '#shared/errors/silo-error.ts'
import { ProtocolViolation } from './proto.ts'

/** What an answer is of: one block, or many in one message. */
export type AnswerKind = 'block' | 'packed'

interface Waiting {
  readonly kind: AnswerKind
  readonly resolve: (value: never) => void
  readonly reject: (reason: unknown) => void
  readonly stop: () => void
  readonly askedAt: number
}

/** Ids are positive 32-bit numbers and begin anew after the last. */
const maxId = 0x7fffffff
/** Requests under way at once; more wait for nobody and are a fault of ours. */
export const maxPending = 65_536
/** Answers nobody waits for: late ones after a cancel are as expected, endless ones are not. */
const maxUnasked = maxPending * 2

/** Requests that were sent and wait for their answer. */
export class PendingRequests {
  readonly #waiting = new Map<number, Waiting>()
  #nextId = 1
  #unasked = 0
  #ended: SiloError | undefined

  get size(): number {
    return this.#waiting.size
  }

  /**
   * Calls `send` with a new id; resolves with what `settle` is given for it.
   * @throws SiloError sync_peer_closed, timeout; the signal's reason
   */
  ask<T>(kind: AnswerKind, signal: AbortSignal, send: (id: number) => Promise<void>): Promise<T> {
    if (signal.aborted) return Promise.reject(signal.reason as Error)
    if (this.#ended) return Promise.reject(this.#ended)
    if (this.#waiting.size >= maxPending) return Promise.reject(new SiloError('too_many_requests'))
    const id = this.#free()
    return new Promise<T>((resolve, reject) => {
      const onAbort = (): void => this.#fail(id, signal.reason)
      signal.addEventListener('abort', onAbort, { once: true })
      this.#waiting.set(id, {
        kind,
        resolve,
        reject,
        stop: () => signal.removeEventListener('abort', onAbort),
        askedAt: performance.now(),
      })
      send(id).catch(
        (error: unknown) =>
        this.#fail(id, error instanceof SiloError ? error : (this.#ended ?? new SiloError('sync_peer_closed', { cause: error }))), // prettier-ignore
      )
    })
  }

  /** @throws ProtocolViolation where far too many answers come that nobody asked for */
  settle(id: number, kind: AnswerKind, value: unknown): void {
    const waiting = this.#take(id)
    if (waiting && waiting.kind !== kind) {
      waiting.reject(new SiloError('sync_block_missing'))
      throw new ProtocolViolation('an answer of the wrong kind')
    }
    if (waiting) waiting.resolve(value as never)
    else if (++this.#unasked > maxUnasked)
      throw new ProtocolViolation('answers to what nobody asked')
  }

  /** Gives up what was asked before, `performance.now()`. */
  expire(before: number): void {
    for (const [id, { askedAt }] of this.#waiting) {
      // The oldest come first.
      if (askedAt >= before) break
      this.#fail(id, new SiloError('timeout'))
    }
  }

  /** Whoever waits, and whoever asks later, is told so. */
  end(reason: SiloError): void {
    this.#ended ??= reason
    for (const id of this.#waiting.keys()) this.#fail(id, this.#ended)
  }

  #free(): number {
    while (this.#waiting.has(this.#nextId)) this.#advance()
    const id = this.#nextId
    this.#advance()
    return id
  }

  #advance(): void {
    this.#nextId = this.#nextId === maxId ? 1 : this.#nextId + 1
  }

  #fail(id: number, reason: unknown): void {
    this.#take(id)?.reject(reason)
  }

  #take(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id)
    if (waiting) {
      this.#waiting.delete(id)
      waiting.stop()
    }
    return waiting
  }
}
