import { describe, expect, it } from 'vitest'
import type { RunEvent, RunEventBody } from './run-event.ts'
import { emptyRunView, foldRunEvent, progressShare, remainingSeconds } from './run-view.ts'

const runId = 'run-00000001'
const event = (seq: number, body: RunEventBody): RunEvent => ({ runId, seq, at: seq, body })

describe('run view', () => {
  it('keeps the newest figures of each unit and drops a detail that is no longer sent', () => {
    let view = emptyRunView(runId)
    view = foldRunEvent(
      view,
      event(0, { type: 'progress', stage: 'scanning', done: 1, unit: 'files', detail: '/a/b.md' }),
    )
    view = foldRunEvent(
      view,
      event(1, { type: 'progress', stage: 'embedding', done: 40, unit: 'chunks', rate: 12 }),
    )
    expect(view).toMatchObject({
      stage: 'embedding',
      unit: 'chunks',
      progress: { files: { done: 1 }, chunks: { done: 40, rate: 12 } },
    })
    expect(view.detail).toBeUndefined()
  })

  it('ignores an event it has seen, so that a replay does not double the failures', () => {
    const failed = event(3, {
      type: 'item-failed',
      item: '/a/scan.pdf',
      error: { code: 'file_no_text', retryable: false, message: '' },
    })
    const once = foldRunEvent(emptyRunView(runId), failed)
    expect(foldRunEvent(once, failed)).toBe(once)
    expect(once.failures).toHaveLength(1)
  })

  it('ends with outcome, error and counts', () => {
    const view = foldRunEvent(
      emptyRunView(runId),
      event(9, { type: 'run-ended', outcome: 'done', counts: { added: 3 } }),
    )
    expect(view).toMatchObject({ outcome: 'done', counts: { added: 3 } })
  })

  it('knows the share and the remaining time only when the figures allow it', () => {
    expect(progressShare(undefined)).toBeUndefined()
    expect(progressShare({ done: 5 })).toBeUndefined()
    expect(progressShare({ done: 5, total: 0 })).toBeUndefined()
    expect(progressShare({ done: 5, total: 20 })).toBe(0.25)
    expect(progressShare({ done: 30, total: 20 })).toBe(1)
    expect(remainingSeconds({ done: 5, total: 20 })).toBeUndefined()
    expect(remainingSeconds({ done: 5, total: 20, rate: 0 })).toBeUndefined()
    expect(remainingSeconds({ done: 5, total: 20, rate: 5 })).toBe(3)
    expect(remainingSeconds({ done: 25, total: 20, rate: 5 })).toBe(0)
  })
})
