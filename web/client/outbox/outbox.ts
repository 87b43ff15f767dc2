import type { Conversation } from '#shared/domain/conversation.ts'
import { newId } from '#shared/domain/ids.ts'
import { SiloError, toSiloError, toWire } from '#shared/errors/silo-error.ts'
import { runResponseSchema } from '#shared/protocol/api.ts'
import {
  addWaiting,
  dropWaiting,
  markRefused,
  markSent,
  waitingQuestion,
  waitingQuestions,
} from '#web/replica/outbox-records.ts'
import type { ChatRun } from '#web/replica/records.ts'
import type { request } from '../api.ts'
import type { HandOff } from '../hand-off.ts'
import type { Locks } from '../page-host/ports.ts'

export interface OutboxOptions {
  readonly request: typeof request
  readonly locks: Locks
  readonly handOff: Pick<HandOff, 'sync'>
  readonly connected: () => boolean
  /** Called for each conversation whose questions changed. */
  readonly onChange: (conversationId: string) => void
}

const lockName = 'silo-outbox'

/**
 * Questions asked while no companion was there. They are sent in the order they were asked, by one tab at a time, each
 * with the run id it was asked with: a question whose answer to the request was lost starts no second run.
 */
export class Outbox {
  readonly #options: OutboxOptions

  constructor(options: OutboxOptions) {
    this.#options = options
  }

  /** @throws SiloError storage_quota */
  async add(run: ChatRun, conversation: Conversation): Promise<void> {
    await addWaiting(run, conversation)
    this.#options.onChange(conversation.id)
  }

  /** Gives a question up. False where it has been sent already. */
  discard(runId: string): Promise<boolean> {
    return this.#exclusive(async () => {
      const waiting = await waitingQuestion(runId)
      if (!waiting) return false
      await dropWaiting(runId)
      this.#options.onChange(waiting.run.conversationId)
      return true
    })
  }

  /**
   * Has a question answered by something else than a companion: `start` gets it with new ids of run and answer, and
   * takes it out in the same step as it begins. @throws SiloError run_unknown where it has been sent already
   */
  answerInstead(
    runId: string,
    start: (run: ChatRun, instead: string) => Promise<void>,
  ): Promise<void> {
    // prettier-ignore
    return this.#exclusive(async () => {
      const waiting = await waitingQuestion(runId)
      if (!waiting) throw new SiloError('run_unknown')
      const { modelId: _theirs, ...run } = waiting.run
      // A companion may have got the request after all, and would then answer under the old ids.
      await start({ ...run, id: newId(), assistantMessageId: newId(), reason: 'user-choice' }, runId) // prettier-ignore
      this.#options.onChange(run.conversationId)
    })
  }

  /** Tries a refused question again. @throws SiloError run_unknown */
  async retry(runId: string): Promise<void> {
    await this.#exclusive(() => markRefused(runId, undefined))
    await this.flush()
  }

  /** Sends what waits, as far as that goes. Never throws. */
  async flush(): Promise<void> {
    try {
      for (const { run, refusal } of await waitingQuestions()) {
        if (!this.#options.connected()) return
        if (refusal) continue
        const goOn = await this.#exclusive(() => this.#send(run.id))
        if (!goOn) return
      }
    } catch {
      // The storage is gone for the moment; what waits is tried again with the next connection.
    }
  }

  /** False where the connection is gone. Another tab may have been here first. */
  async #send(runId: string): Promise<boolean> {
    const waiting = await waitingQuestion(runId)
    if (!waiting || waiting.refusal) return true
    const { run } = waiting
    try {
      // What was said before it, in the page, comes first: it is the context.
      await this.#options.handOff.sync(run.conversationId, { wholly: true })
      await this.#options.request('/api/runs', runResponseSchema, { method: 'POST', body: run })
      await markSent(waiting)
    } catch (cause) {
      const error = toSiloError(cause, 'page')
      if (error.retryable || error.code === 'unauthorized') return false
      await markRefused(runId, toWire(error))
    }
    this.#options.onChange(run.conversationId)
    return true
  }

  #exclusive<T>(body: () => Promise<T>): Promise<T> {
    return this.#options.locks.request(lockName, body) as Promise<T>
  }
}
