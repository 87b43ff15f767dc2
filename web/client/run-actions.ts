import { newId } from '#shared/domain/ids.ts'
import { runResponseSchema, type StartRun } from '#shared/protocol/api.ts'
import type { RunSummary } from '#shared/protocol/run-event.ts'
import { request } from './api.ts'
import { noteOwnRun } from './read-marks.ts'

/** Starts a run; the same id and body twice start it once. */
export async function startRun(body: StartRun): Promise<RunSummary> {
  const { run } = await request('/api/runs', runResponseSchema, { method: 'POST', body })
  noteOwnRun(run.id)
  return run
}

/** Reads `paths` into a collection; with none, its present roots are read again. */
export function startIngest(collectionId: string, paths: readonly string[] = []) {
  return startRun({ kind: 'ingest', id: newId(), collectionId, paths: [...paths] })
}

/** Fetches a model, going on where an earlier attempt ended. */
export function startDownload(modelId: string) {
  return startRun({ kind: 'download', id: newId(), modelId })
}

/** Makes a version of about 3.5 bits per weight of a model. */
export function startQuantize(modelId: string) {
  return startRun({ kind: 'quantize', id: newId(), modelId })
}

/** Asks a run to end as `cancelled`. What it had done by then is kept. */
export async function cancelRun(runId: string): Promise<RunSummary> {
  const path = `/api/runs/${encodeURIComponent(runId)}/cancel`
  const { run } = await request(path, runResponseSchema, { method: 'POST' })
  return run
}
