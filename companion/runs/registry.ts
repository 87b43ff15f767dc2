import { createHash } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import type { Log } from '#companion/observe/log.ts'
import { transaction } from '#companion/records/database.ts'
import { newId } from '#shared/domain/ids.ts'
import type { Outcome } from '#shared/domain/conversation.ts'
import { SiloError, toSiloError, toWire, type WireError } from '#shared/errors/silo-error.ts'
import type { RunEvent, RunEventBody, RunKind, RunSummary } from '#shared/protocol/run-event.ts'
import { RunLog, type RunRecord } from './run-log.ts'
import type { RunExecutor, RunResult } from './run.ts'

/** Bytes one event may have on disk. */
export const maxEventBytes = 1_000_000
/** Ended runs that are no chats, whose logs are kept, and what they are. */
const keptRuns = 200
const passing = ['ingest', 'download', 'quantize', 'check', 'backup'] as const
const shutdownMs = 5000

export interface RunSpec {
  readonly id: string
  readonly kind: RunKind
  readonly subject: string
  readonly messageId?: string
  /** Whose it is: a device id; '' or absent for the owners. */
  readonly space?: string
  /** The parsed request; a repeated start with the same one is the same run. */
  readonly request: unknown
  /** Writes the records that begin with the run; in the transaction that records its start. */
  prepare?(): void
  readonly execute: RunExecutor
  /** It is not ended by the end of this process, but gone on with by `resume` in the next one. */
  readonly resumable?: boolean
  /** Writes the records that end with the run; in the transaction that records its end. */
  settle?(end: RunEnd): void
  /** Called when the end is on disk. */
  ended?(end: RunEnd): void
}

export interface RunEnd {
  readonly outcome: Outcome
  readonly error?: WireError
}

/** Settles a run that a former process left unfinished; in the transaction that records its end. */
export type RunRecovery = (run: RunSummary) => void

interface ActiveRun {
  readonly spec: RunSpec
  readonly record: RunRecord
  readonly abort: AbortController
  seq: number
  ended: boolean
  finished: Promise<void>
}

/** Owns every run: its log, its cancellation and its end. An event is on disk before anyone sees it. */
export class RunRegistry {
  readonly #database: DatabaseSync
  readonly #log: Log
  readonly #within: <T>(runId: string, work: () => T) => T
  readonly #runs: RunLog
  readonly #active = new Map<string, ActiveRun>()
  readonly #listeners = new Set<(event: RunEvent) => void>()
  #closing = false

  /** @param within runs a run's work, so that what it connects to is known to be its */
  constructor(
    database: DatabaseSync,
    log: Log,
    within: <T>(runId: string, work: () => T) => T = (_runId, work) => work(),
  ) {
    this.#database = database
    this.#log = log
    this.#within = within
    this.#runs = new RunLog(database)
  }

  /**
   * Ends what a former process left unfinished as `interrupted`, but for the kinds in `resumed`, which are left to
   * `resume`. Called once, before anything is served.
   */
  recover(
    recoveries: Partial<Record<RunKind, RunRecovery>> = {},
    resumed: readonly RunKind[] = [],
  ): RunSummary[] {
    const left = this.#runs
      .list({ activeOnly: true, limit: -1 })
      .filter(({ kind }) => !resumed.includes(kind))
    for (const run of left) {
      transaction(this.#database, () => {
        const now = Date.now()
        recoveries[run.kind]?.(summaryOf(run))
        const body: RunEventBody = { type: 'run-ended', outcome: 'interrupted' }
        this.#runs.append(run.id, run.lastSeq + 1, now, JSON.stringify(body))
        this.#runs.end(run.id, now, 'interrupted')
      })
    }
    if (left.length > 0)
      this.#log.warn('ended interrupted runs', { runs: left.map((run) => run.id) })
    this.#runs.prune(passing, keptRuns)
    return left.map((run) => this.get(run.id))
  }

  /**
   * Starts a run, or returns the one that the same id and request started before.
   * @throws SiloError run_conflict, shutting_down, and what `prepare` throws
   */
  start(spec: RunSpec): RunSummary {
    const requestHash = createHash('sha256').update(JSON.stringify(spec.request)).digest('hex')
    const known = this.#runs.get(spec.id)
    if (known) {
      if (known.requestHash !== requestHash || known.space !== (spec.space ?? ''))
        throw new SiloError('run_conflict', { field: 'id' })
      return this.get(spec.id)
    }
    if (this.#closing) throw new SiloError('shutting_down')
    const run: ActiveRun = {
      spec,
      record: {
        id: spec.id,
        kind: spec.kind,
        subject: spec.subject,
        ...(spec.messageId === undefined ? {} : { messageId: spec.messageId }),
        requestHash,
        space: spec.space ?? '',
        startedAt: Date.now(),
        lastSeq: -1,
      },
      abort: new AbortController(),
      seq: -1,
      ended: false,
      finished: Promise.resolve(),
    }
    const started = transaction(this.#database, () => {
      this.#runs.insert(run.record)
      spec.prepare?.()
      const { kind, subject, messageId } = spec
      return this.#append(run, {
        type: 'run-started',
        kind,
        subject,
        ...(messageId === undefined ? {} : { messageId }),
      })
    })
    this.#active.set(spec.id, run)
    this.#publish(started)
    run.finished = this.#execute(run)
    return this.get(spec.id)
  }

  /** Goes on with a resumable run that a former process left, in the same log. @throws SiloError run_unknown, shutting_down */
  resume(spec: Omit<RunSpec, 'request' | 'prepare'>): RunSummary {
    const record = this.record(spec.id)
    if (record.endedAt !== undefined || this.#active.has(spec.id)) return this.get(spec.id)
    if (this.#closing) throw new SiloError('shutting_down')
    const run: ActiveRun = {
      spec: { ...spec, request: undefined },
      record,
      abort: new AbortController(),
      seq: record.lastSeq,
      ended: false,
      finished: Promise.resolve(),
    }
    this.#active.set(spec.id, run)
    run.finished = this.#execute(run)
    return this.get(spec.id)
  }

  /** @throws SiloError run_unknown */
  get(runId: string): RunSummary {
    return summaryOf(this.record(runId))
  }

  /** With what the caller of the API is not told. @throws SiloError run_unknown */
  record(runId: string): RunRecord {
    const active = this.#active.get(runId)
    const record = active ? { ...active.record, lastSeq: active.seq } : this.#runs.get(runId)
    if (!record) throw new SiloError('run_unknown')
    return record
  }

  /** Newest first. */
  list(options: { activeOnly: boolean; limit?: number }): RunSummary[] {
    return this.#runs.list({ limit: 200, ...options }).map(summaryOf)
  }

  /** The log after `after`, oldest first, at most `limit` events. @throws SiloError run_unknown */
  events(runId: string, after = -1, limit = 20_000): RunEvent[] {
    this.get(runId)
    return this.#runs.events(runId, after, limit)
  }

  /** Every event of every run from now on. Returns the way to stop listening. */
  subscribe(listener: (event: RunEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Asks a run to stop; a run that ended stays as it is. @throws SiloError run_unknown */
  cancel(runId: string): RunSummary {
    this.#active.get(runId)?.abort.abort(new SiloError('cancelled'))
    return this.get(runId)
  }

  /** Resolves when the run ended; at once where it did already. */
  async finished(runId: string): Promise<RunSummary> {
    await this.#active.get(runId)?.finished
    return this.get(runId)
  }

  /** Refuses new runs, interrupts those that go on, and waits for them, at most five seconds. */
  async close(): Promise<void> {
    this.#closing = true
    const runs = [...this.#active.values()]
    for (const run of runs) run.abort.abort(new SiloError('interrupted'))
    let timer: NodeJS.Timeout | undefined
    const limit = new Promise<void>((resolve) => (timer = setTimeout(resolve, shutdownMs)))
    await Promise.race([Promise.all(runs.map((run) => run.finished)), limit])
    clearTimeout(timer)
    for (const run of runs) if (!run.ended) this.#end(run, { outcome: 'interrupted' }, {})
  }

  async #execute(run: ActiveRun): Promise<void> {
    // The answer to the request that starts a run goes out before its work begins.
    await new Promise((resolve) => setImmediate(resolve))
    let result: RunResult = {}
    let end: RunEnd
    try {
      run.abort.signal.throwIfAborted()
      const context = {
        id: run.spec.id,
        signal: run.abort.signal,
        emit: (body: RunEventBody) => this.#emit(run, body),
      }
      result = await this.#within(run.spec.id, () => run.spec.execute(context))
      end = { outcome: 'done' }
    } catch (error) {
      end = this.#endOf(run, error)
    }
    this.#end(run, end, end.outcome === 'done' ? result : {})
  }

  #endOf(run: ActiveRun, error: unknown): RunEnd {
    const reason: unknown = run.abort.signal.reason
    if (run.abort.signal.aborted)
      return {
        outcome:
          reason instanceof SiloError && reason.code === 'interrupted'
            ? 'interrupted'
            : 'cancelled',
      }
    const errorId = newId()
    const known = toSiloError(error, errorId)
    this.#log.error('run failed', { runId: run.spec.id, kind: run.spec.kind, errorId, error })
    return { outcome: 'failed', error: toWire(known) }
  }

  #end(run: ActiveRun, wanted: RunEnd, result: RunResult): void {
    if (run.ended) return
    if (run.spec.resumable && wanted.outcome === 'interrupted') {
      run.ended = true
      this.#active.delete(run.spec.id)
      return
    }
    let end = wanted
    try {
      this.#publish(this.#writeEnd(run, end, result))
    } catch (error) {
      // The final records could not be written; the run must not look unfinished for ever.
      this.#log.error('the end of a run could not be written', { runId: run.spec.id, error })
      end = { outcome: 'failed', error: toWire(new SiloError('storage_failed')) }
      try {
        this.#publish(this.#writeEnd({ ...run, spec: { ...run.spec, settle: undefined } }, end, {}))
      } catch (again) {
        this.#log.error('run left unfinished', { runId: run.spec.id, error: again })
      }
    }
    run.ended = true
    this.#active.delete(run.spec.id)
    try {
      run.spec.ended?.(end)
    } catch (error) {
      this.#log.error('after the end of a run', { runId: run.spec.id, error })
    }
    if (run.spec.kind !== 'chat' && run.spec.kind !== 'agent') this.#runs.prune(passing, keptRuns)
  }

  #writeEnd(run: ActiveRun, end: RunEnd, result: RunResult): RunEvent {
    const seq = run.seq
    try {
      return transaction(this.#database, () => {
        run.spec.settle?.(end)
        const event = this.#append(run, {
          type: 'run-ended',
          outcome: end.outcome,
          ...(end.error ? { error: end.error } : {}),
          ...(result.stopReason ? { stopReason: result.stopReason } : {}),
          ...(result.counts ? { counts: result.counts } : {}),
        })
        this.#runs.end(run.spec.id, event.at, end.outcome)
        return event
      })
    } catch (error) {
      run.seq = seq
      throw error
    }
  }

  #emit(run: ActiveRun, body: RunEventBody): void {
    if (run.ended) {
      this.#log.warn('event after the end of a run', { runId: run.spec.id, type: body.type })
      return
    }
    this.#publish(this.#append(run, body))
  }

  #append(run: ActiveRun, body: RunEventBody): RunEvent {
    const text = JSON.stringify(body)
    if (Buffer.byteLength(text) > maxEventBytes)
      throw new Error(`an event of type ${body.type} is larger than ${maxEventBytes} bytes`)
    const event: RunEvent = { runId: run.spec.id, seq: run.seq + 1, at: Date.now(), body }
    this.#runs.append(event.runId, event.seq, event.at, text)
    run.seq = event.seq
    return event
  }

  #publish(event: RunEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event)
      } catch (error) {
        this.#log.error('a listener of run events failed', { error })
      }
    }
  }
}

function summaryOf({ requestHash: _hash, space: _space, ...summary }: RunRecord): RunSummary {
  return summary
}
