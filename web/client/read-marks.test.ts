import { describe, expect, it } from 'vitest'
import type { RunSummary } from '#shared/protocol/run-event.ts'
import { isUnread, withRead, type ReadMarks } from './read-marks.ts'

const marks: ReadMarks = { since: 1_000_000, read: [], own: ['own-run-1'] }
const run = (change: Partial<RunSummary> = {}): RunSummary => ({
  id: 'other-run',
  kind: 'chat',
  subject: 'conversation',
  startedAt: 2_000_000,
  endedAt: 2_005_000,
  outcome: 'done',
  lastSeq: 3,
  ...change,
})

describe('a result is unread', () => {
  it('where this device asked, or it took long, or it failed', () => {
    expect(isUnread(run({ id: 'own-run-1' }), marks)).toBe(true)
    expect(isUnread(run({ endedAt: 2_020_000 }), marks)).toBe(true)
    expect(isUnread(run({ outcome: 'failed' }), marks)).toBe(true)
    expect(isUnread(run({ outcome: 'interrupted' }), marks)).toBe(true)
    expect(isUnread(run(), marks)).toBe(false)
  })

  it('not while it runs, was stopped, was seen, or is older than this device', () => {
    const own = { id: 'own-run-1' }
    expect(isUnread(run({ ...own, outcome: undefined, endedAt: undefined }), marks)).toBe(false)
    expect(isUnread(run({ ...own, outcome: 'cancelled' }), marks)).toBe(false)
    expect(isUnread(run({ ...own, endedAt: 999_999 }), marks)).toBe(false)
    expect(isUnread(run(own), withRead(marks, ['own-run-1']))).toBe(false)
  })

  it('remembers only so many', () => {
    const many = withRead(
      marks,
      Array.from({ length: 1000 }, (_, index) => `run-${index}`),
    )
    expect(many.read).toHaveLength(400)
    expect(many.read).toContain('run-999')
  })
})
