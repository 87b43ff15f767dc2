import { fromWire, SiloError } from '#shared/errors/silo-error.ts'
import type { RunEvent, RunEventBody } from '#shared/protocol/run-event.ts'
import type { CompanionClient } from './client.ts'
import type { Terminal } from './terminal.ts'

export type RunEnd = Extract<RunEventBody, { type: 'run-ended' }>

/** A terminal and the launcher may both deliver the same Ctrl-C. */
const sameKeyMs = 500
export const cancelledExitCode = 130

/**
 * Follows a run to its end. Ctrl-C cancels the run, and what it still says is shown; a second Ctrl-C stops
 * watching. With --json every event is a line.
 * @throws SiloError what the run failed with
 */
export async function watchRun(
  client: CompanionClient,
  terminal: Terminal,
  runId: string,
  onEvent: (body: RunEventBody) => void,
): Promise<RunEnd> {
  let cancelledAt = 0
  const cancel = (): void => {
    if (cancelledAt === 0) {
      cancelledAt = Date.now()
      // Where the companion cannot be told, following it fails too and says so.
      client.cancelRun(runId).catch(() => {})
    } else if (Date.now() - cancelledAt > sameKeyMs) process.exit(cancelledExitCode)
  }
  process.on('SIGINT', cancel)
  process.on('SIGTERM', cancel)
  try {
    for await (const event of client.follow(runId)) {
      show(terminal, event)
      onEvent(event.body)
      if (event.body.type === 'run-ended') return settle(terminal, event.body)
    }
    throw new SiloError('bad_response')
  } finally {
    process.off('SIGINT', cancel)
    process.off('SIGTERM', cancel)
  }
}

/** Runs work that Ctrl-C ends in order. @throws SiloError cancelled */
export async function untilStopped<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController()
  const cancel = (): void => stop.abort(new SiloError('cancelled'))
  process.on('SIGINT', cancel)
  process.on('SIGTERM', cancel)
  try {
    return await work(stop.signal)
  } finally {
    process.off('SIGINT', cancel)
    process.off('SIGTERM', cancel)
  }
}

function show(terminal: Terminal, event: RunEvent): void {
  if (terminal.json) terminal.document(event)
  else if (event.body.type === 'progress') terminal.progress(event.body)
}

function settle(terminal: Terminal, end: RunEnd): RunEnd {
  if (end.outcome === 'cancelled') {
    process.exitCode = cancelledExitCode
    terminal.note(terminal.text('cancelled'))
  } else if (end.outcome !== 'done') {
    throw end.error ? fromWire(end.error) : new SiloError('interrupted')
  }
  return end
}
