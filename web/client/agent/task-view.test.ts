import { describe, expect, it } from 'vitest'
import type { RunEvent, RunEventBody } from '#shared/protocol/run-event.ts'
import { callsOf, emptyTask, foldTask } from './task-view.ts'

const runId = 'run-1'
function fold(...bodies: RunEventBody[]) {
  const events = bodies.map((body, seq): RunEvent => ({ runId, seq, at: 1000 + seq, body }))
  return events.reduce(foldTask, emptyTask(runId))
}
const started: RunEventBody = { type: 'run-started', kind: 'agent', subject: 'c' }
const call = (callId: string, stepId?: string): RunEventBody => ({
  type: 'tool-call',
  callId,
  tool: 'python',
  input: { code: '1' },
  ...(stepId === undefined ? {} : { stepId }),
})
const output = (callId: string, text: string, stream: 'stdout' | 'stderr' = 'stdout') =>
  ({ type: 'tool-output', callId, stream, text }) as const
const ask = { type: 'approval-request', approvalId: 'a1', kind: 'changes', title: 'Move' } as const

describe('foldTask', () => {
  it('shows a whole task, and the same when events come twice', () => {
    const bodies: RunEventBody[] = [
      started,
      { type: 'plan', steps: [{ id: 's', title: 'List', state: 'running' }] },
      call('c1', 's'),
      output('c1', 'one'),
      output('c1', ' two'),
      output('c1', 'bad', 'stderr'),
      { type: 'tool-result', callId: 'c1', summary: '2 files', ms: 5 },
      { ...ask, count: 2 },
      { type: 'approval-answer', approvalId: 'a1', decision: 'approve', by: 'self' },
      { type: 'changes-made', batchId: 'b1', done: 2, failed: 0, skipped: 1 },
      { type: 'run-ended', outcome: 'done' },
    ]
    const task = fold(...bodies)
    expect(task).toMatchObject({ state: 'ended', startedAt: 1000, endedAt: 1010, outcome: 'done' })
    expect(task.calls[0]?.output.map(({ text }) => text)).toEqual(['one two', 'bad'])
    expect(task.calls[0]?.result?.summary).toBe('2 files')
    expect(task.asks).toMatchObject([{ approvalId: 'a1', count: 2, decision: 'approve' }])
    expect(task.made).toEqual([{ batchId: 'b1', done: 2, failed: 0, skipped: 1 }])
    const again = bodies.map((body, seq): RunEvent => ({ runId, seq, at: 9, body }))
    expect(again.reduce(foldTask, task)).toBe(task)
  })

  it('waits while something is asked, and asks no more once it ended', () => {
    expect(fold(started, ask).state).toBe('waiting')
    const ended = fold(started, ask, { type: 'run-ended', outcome: 'cancelled' })
    expect(ended.asks[0]?.decision).toBe('withdraw')
  })

  it('keeps the newest of what a program writes without end', () => {
    const task = fold(started, call('c'), ...Array.from({ length: 60 }, (_, n) => output('c', String(n % 10).repeat(1000), n % 2 ? 'stderr' : 'stdout'))) // prettier-ignore
    const text = task.calls[0]?.output.map((piece) => piece.text).join('') ?? ''
    expect(text.length).toBe(20_000)
    expect(text.endsWith('9'.repeat(1000))).toBe(true)
  })

  it('files calls under their step, and others under none', () => {
    const plan: RunEventBody = { type: 'plan', steps: [{ id: 's', title: '', state: 'done' }] }
    const task = fold(started, plan, call('1', 's'), call('2'), call('3', 'gone'))
    expect(callsOf(task, 's').map(({ callId }) => callId)).toEqual(['1'])
    expect(callsOf(task, undefined).map(({ callId }) => callId)).toEqual(['2', '3'])
  })
})
