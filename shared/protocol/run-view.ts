import type { Outcome } from '#shared/domain/conversation.ts'
import type { WireError } from '#shared/errors/silo-error.ts'
import type { RunEvent } from './run-event.ts'

export type ProgressUnit = 'bytes' | 'files' | 'chunks' | 'steps'

export interface UnitProgress {
  readonly done: number
  /** Absent while unknown. */
  readonly total?: number
  /** Units per second. */
  readonly rate?: number
}

/** What a progress display shows of a run: its events folded into one value. */
export interface RunView {
  readonly runId: string
  /** Empty before the first progress event. */
  readonly stage: string
  /** File or source being worked on. */
  readonly detail?: string
  /** The unit of the newest progress event. */
  readonly unit?: ProgressUnit
  /** The newest figures of each unit: an ingest counts files and chunks. */
  readonly progress: Readonly<Partial<Record<ProgressUnit, UnitProgress>>>
  readonly failures: readonly { readonly item: string; readonly error: WireError }[]
  readonly lastSeq: number
  readonly outcome?: Outcome
  readonly error?: WireError
  readonly counts?: Readonly<Record<string, number>>
}

export function emptyRunView(runId: string): RunView {
  return { runId, stage: '', progress: {}, failures: [], lastSeq: -1 }
}

/** Adds one event. Events already seen (a lower or equal `seq`) change nothing. */
export function foldRunEvent(view: RunView, event: RunEvent): RunView {
  if (event.seq <= view.lastSeq) return view
  const next = { ...view, lastSeq: event.seq }
  const body = event.body
  if (body.type === 'progress') {
    const figures: UnitProgress = {
      done: body.done,
      ...(body.total === undefined ? {} : { total: body.total }),
      ...(body.rate === undefined ? {} : { rate: body.rate }),
    }
    const { detail: _past, ...rest } = next
    return {
      ...rest,
      stage: body.stage,
      unit: body.unit,
      progress: { ...view.progress, [body.unit]: figures },
      ...(body.detail === undefined ? {} : { detail: body.detail }),
    }
  }
  if (body.type === 'item-failed')
    return { ...next, failures: [...view.failures, { item: body.item, error: body.error }] }
  if (body.type === 'run-ended')
    return {
      ...next,
      outcome: body.outcome,
      ...(body.error ? { error: body.error } : {}),
      ...(body.counts ? { counts: body.counts } : {}),
    }
  return next
}

/** Share done, 0 to 1; undefined while the total is unknown. */
export function progressShare(figures: UnitProgress | undefined): number | undefined {
  if (!figures?.total || figures.total <= 0) return undefined
  return Math.min(1, Math.max(0, figures.done / figures.total))
}

/** Seconds left at the present rate; undefined while the total or the rate is unknown, or nothing moves. */
export function remainingSeconds(figures: UnitProgress | undefined): number | undefined {
  if (!figures?.total || !figures.rate || figures.rate <= 0) return undefined
  return Math.max(0, (figures.total - figures.done) / figures.rate)
}
