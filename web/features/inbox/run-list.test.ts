import { expect, it } from 'vitest'
import type { RunSummary } from '#shared/protocol/run-event.ts'
import { filterRuns } from './run-list.ts'

it('sorts runs by how they stand', () => {
  const outcomes = [undefined, 'done', 'cancelled', 'failed', 'interrupted'] as const
  const runs = outcomes.map((outcome, index): RunSummary => ({
    id: `run-${index}-x`,
    kind: 'chat',
    subject: 'x',
    startedAt: index,
    lastSeq: 0,
    ...(outcome ? { outcome } : {}),
  }))
  const ids = (filter: Parameters<typeof filterRuns>[1]) =>
    filterRuns(runs, filter).map(({ startedAt }) => startedAt)
  expect(ids('all')).toEqual([0, 1, 2, 3, 4])
  expect(ids('running')).toEqual([0])
  expect(ids('finished')).toEqual([1, 2])
  expect(ids('failed')).toEqual([3, 4])
})
