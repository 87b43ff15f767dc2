import type { Message, Outcome } from '#shared/domain/conversation.ts'
import { newId } from '#shared/domain/ids.ts'
import { SiloError, toSiloError, toWire, type WireError } from '#shared/errors/silo-error.ts'
import type { RunEvent, RunEventBody, RunSummary, StopReason } from '#shared/protocol/run-event.ts'
import { conversationRecords } from '#web/replica/copies.ts'
import {
  activePageRuns,
  appendEvents,
  beginRun,
  finishRun,
  pageEvents,
  pageRun,
} from '#web/replica/page-records.ts'
import type { ChatRun } from '#web/replica/records.ts'
import { answerInPage, type PageAnswerDeps, type PageDraft } from './page-answer.ts'
import type { Locks } from './ports.ts'

interface ActiveRun {
  readonly run: RunSummary
  readonly request: ChatRun
  readonly abort: AbortController
  readonly draft: PageDraft
  seq: number
  /** Emitted and not written yet. */
  waiting: RunEvent[]
  writing: Promise<void> | undefined
}

export interface PageRunsOptions extends PageAnswerDeps {
  readonly locks: Locks
  /** Called for every event, once it is stored. */
  readonly onEvent: (event: RunEvent) => void
  /** Asks the tab that runs it to cancel a run. */
  readonly askToCancel: (runId: string) => void
}

const lockOf = (runId: string): string => `silo-run-${runId}`

/**
 * The runs of this page: each belongs to the tab it was asked in, which holds a lock while it goes on. Its events are
 * in IndexedDB before anyone sees them. A run whose tab is gone is ended as `interrupted` by any other, or by the next.
 */
export class PageRuns {
  readonly #options: PageRunsOptions
  readonly #active = new Map<string, ActiveRun>()
  readonly #watched = new Set<string>()
  readonly #closed = new AbortController()

  constructor(options: PageRunsOptions) {
    this.#options = options
  }

  /**
   * Starts a run, or returns the one that the same request started before.
   * @throws SiloError run_conflict, conversation_unknown, message_unknown, conflict, storage_quota
   */
  start(request: ChatRun, instead?: string): Promise<RunSummary> {
    if (this.#closed.signal.aborted) return Promise.reject(new SiloError('shutting_down'))
    const { promise, resolve, reject } = Promise.withResolvers<RunSummary>()
    const hold = async (lock: unknown): Promise<void> => {
      const body = {
        type: 'run-started',
        kind: 'chat',
        subject: request.conversationId,
        messageId: request.assistantMessageId,
      } as const
      const first: RunEvent = { runId: request.id, seq: 0, at: Date.now(), body }
      // Without the lock another tab has it, and this finds its record.
      const { run, fresh } = await beginRun(request, first, instead)
      resolve(run)
      if (!fresh || !lock) return
      const active: ActiveRun = {
        run,
        request,
        abort: new AbortController(),
        draft: { text: '' },
        seq: 0,
        waiting: [],
        writing: undefined,
      }
      this.#active.set(run.id, active)
      this.#options.onEvent(first)
      await this.#execute(active)
    }
    this.#options.locks.request(lockOf(request.id), { ifAvailable: true }, hold).catch(reject)
    return promise
  }

  /** @throws SiloError run_unknown */
  async get(runId: string): Promise<RunSummary> {
    const active = this.#active.get(runId)
    return active ? { ...active.run, lastSeq: active.seq } : (await pageRun(runId)).run
  }

  /** The stored log after `after`. @throws SiloError run_unknown */
  async events(runId: string, after: number): Promise<{ run: RunSummary; events: RunEvent[] }> {
    // The run first: an end that is stored between the two reads is then in the log, not only in the run.
    const { run } = await pageRun(runId)
    const events = await pageEvents(runId, after)
    return { run: { ...run, lastSeq: Math.max(run.lastSeq, events.at(-1)?.seq ?? -1) }, events }
  }

  /** Asks a run to stop, in whichever tab it runs. @throws SiloError run_unknown */
  async cancel(runId: string): Promise<RunSummary> {
    if (!this.cancelHere(runId)) this.#options.askToCancel(runId)
    return this.get(runId)
  }

  /** True where the run is this tab's. */
  cancelHere(runId: string): boolean {
    const active = this.#active.get(runId)
    active?.abort.abort(new SiloError('cancelled'))
    return active !== undefined
  }

  /** Looks at what is unfinished; what no tab runs is ended now, the rest when its tab goes away. */
  async recover(): Promise<void> {
    for (const { id } of await activePageRuns()) this.watch(id)
  }

  /** Waits for the tab that runs it to be done with it or gone, and ends it in the second case. */
  watch(runId: string): void {
    if (this.#active.has(runId) || this.#watched.has(runId)) return
    this.#watched.add(runId)
    this.#options.locks
      .request(lockOf(runId), { signal: this.#closed.signal }, () => this.#interrupt(runId))
      // The page goes away, or its storage does: the next one looks again.
      .catch(() => {})
      .finally(() => this.#watched.delete(runId))
  }

  /** Interrupts what runs in this tab and waits until that is written. */
  async close(): Promise<void> {
    this.#closed.abort()
    const runs = [...this.#active.values()]
    for (const { abort } of runs) abort.abort(new SiloError('interrupted'))
    while (this.#active.size > 0) await new Promise((resolve) => setTimeout(resolve, 5))
  }

  async #execute(active: ActiveRun): Promise<void> {
    const { request, draft, abort } = active
    let end: { outcome: Outcome; error?: WireError; stopReason?: StopReason }
    try {
      const { messages, sent, conversation } = await conversationRecords(request.conversationId)
      const turn = {
        messages,
        sent,
        parentId: request.parentId,
        modelId: request.modelId,
        collectionIds: conversation.collectionIds,
        reason: request.reason ?? 'user-choice',
      }
      const emit = (body: RunEventBody): void => this.#emit(active, body)
      const { stopReason } = await answerInPage(turn, draft, emit, abort.signal, this.#options)
      await this.#written(active)
      abort.signal.throwIfAborted()
      end = { outcome: 'done', stopReason }
    } catch (error) {
      end = endOf(abort.signal, error)
    }
    await this.#written(active)
    await this.#end(active, end)
  }

  #emit(active: ActiveRun, body: RunEventBody): void {
    active.waiting.push({ runId: active.run.id, seq: ++active.seq, at: Date.now(), body })
    active.writing ??= this.#write(active)
  }

  /** Writes what waits, several events at once where the model is faster than the disk. */
  async #write(active: ActiveRun): Promise<void> {
    try {
      while (active.waiting.length > 0) {
        const events = active.waiting
        active.waiting = []
        await appendEvents(events)
        for (const event of events) this.#options.onEvent(event)
      }
    } catch (error) {
      // What cannot be kept is not shown; the run ends and says why. The numbers of lost events are free again.
      active.abort.abort(error)
      active.waiting = []
      active.seq = (await pageEvents(active.run.id).catch(() => [])).at(-1)?.seq ?? active.seq
    } finally {
      active.writing = undefined
    }
  }

  async #written(active: ActiveRun): Promise<void> {
    while (active.writing) await active.writing
  }

  async #end(
    active: ActiveRun,
    end: { outcome: Outcome; error?: WireError; stopReason?: StopReason },
  ): Promise<void> {
    const { run, request, draft } = active
    const event = endEvent(run.id, active.seq + 1, end)
    try {
      const { messages } = await conversationRecords(run.subject)
      const message = messages.find(({ id }) => id === request.assistantMessageId)
      if (message) {
        const { sentFrom, ...fields } = draft
        await finishRun(run, event, { ...message, ...fields, ...settled(end) }, sentFrom)
      }
    } catch {
      // No room even for the end: the log that stands is made an answer when the page is opened next.
    }
    this.#active.delete(run.id)
    this.#options.onEvent(event)
  }

  async #interrupt(runId: string): Promise<void> {
    const { run, active } = await pageRun(runId)
    if (active === 0) return
    const events = await pageEvents(runId)
    const { messages } = await conversationRecords(run.subject)
    const message = messages.find(({ id }) => id === run.messageId)
    if (!message) return
    const event = endEvent(runId, (events.at(-1)?.seq ?? 0) + 1, { outcome: 'interrupted' })
    await finishRun(run, event, { ...message, ...draftOf(events), outcome: 'interrupted' })
    this.#options.onEvent(event)
  }
}

/** An answer as its log tells it. */
function draftOf(events: readonly RunEvent[]): PageDraft {
  const draft: PageDraft = { text: '' }
  for (const { body } of events) {
    if (body.type === 'text-delta') draft.text += body.text
    else if (body.type === 'citation') draft.citations = [...(draft.citations ?? []), body.citation]
    else if (body.type === 'usage') draft.usage = body.usage
    else if (body.type === 'placement-chosen') {
      const { place = 'page', device, engine, reason } = body
      if (body.modelId !== '') draft.modelId = body.modelId
      draft.placement = { place, device, engine, reason }
    }
  }
  return draft
}

function endOf(signal: AbortSignal, error: unknown): { outcome: Outcome; error?: WireError } {
  const reason: unknown = signal.aborted ? signal.reason : error
  if (reason instanceof SiloError && signal.aborted) {
    if (reason.code === 'cancelled') return { outcome: 'cancelled' }
    if (reason.code === 'interrupted') return { outcome: 'interrupted' }
  }
  return { outcome: 'failed', error: toWire(toSiloError(reason, newId())) }
}

function endEvent(
  runId: string,
  seq: number,
  end: { outcome: Outcome; error?: WireError; stopReason?: StopReason },
): RunEvent {
  return { runId, seq, at: Date.now(), body: { type: 'run-ended', ...end } }
}

function settled(end: { outcome: Outcome; error?: WireError }): Partial<Message> {
  return { outcome: end.outcome, ...(end.error ? { error: end.error } : {}) }
}
