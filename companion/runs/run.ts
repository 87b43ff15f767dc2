import type { RunEventBody, StopReason } from '#shared/protocol/run-event.ts'

/** What an executor gets: its id, the signal that cancels it, and the log it writes to. */
export interface RunContext {
  readonly id: string
  /** Aborted by a cancel (reason: SiloError `cancelled`) or a shutdown (reason: SiloError `interrupted`). */
  readonly signal: AbortSignal
  /** Appends to the log; on disk when this returns. `run-started` and `run-ended` are the registry's. */
  emit(body: Exclude<RunEventBody, { type: 'run-started' | 'run-ended' }>): void
}

/** What an executor returns when it finished. A throw ends the run as `failed`, or `cancelled` where the signal was aborted. */
export interface RunResult {
  readonly stopReason?: StopReason
  readonly counts?: Record<string, number>
}

export type RunExecutor = (run: RunContext) => Promise<RunResult>
