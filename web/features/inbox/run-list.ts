import type { RunSummary } from '#shared/protocol/run-event.ts'

export type RunFilter = 'all' | 'running' | 'finished' | 'failed'

/** Runs that a filter lets through; interrupted ones count as failed, stopped ones as finished. */
export function filterRuns(runs: readonly RunSummary[], filter: RunFilter): RunSummary[] {
  return runs.filter(({ outcome }) => {
    if (filter === 'all') return true
    if (filter === 'running') return outcome === undefined
    const failed = outcome === 'failed' || outcome === 'interrupted'
    return filter === 'failed' ? failed : outcome !== undefined && !failed
  })
}
