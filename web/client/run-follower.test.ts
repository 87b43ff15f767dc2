import { describe, expect, it, vi } from 'vitest'
import { SiloError } from '#shared/errors/silo-error.ts'
import type { RunEvent, RunEventBody, RunSummary } from '#shared/protocol/run-event.ts'
import { RunFollower, type ReadEvents } from './run-follower.ts'

const runId = 'run-00000001'
const event = (seq: number, body: RunEventBody): RunEvent => ({ runId, seq, at: seq, body })
const delta = (seq: number) => event(seq, { type: 'text-delta', text: String(seq) })
const ended = (seq: number) => event(seq, { type: 'run-ended', outcome: 'done' })
const summary = (log: RunEvent[]): RunSummary => ({
  id: runId,
  kind: 'chat',
  subject: 'conversation',
  startedAt: 0,
  lastSeq: log.length - 1,
  ...(log.at(-1)?.body.type === 'run-ended' ? { outcome: 'done' as const } : {}),
})

/** A log that grows under the reader, as on the companion. */
function follow(log: RunEvent[], options: { after?: number; read?: ReadEvents } = {}) {
  const seen: number[] = []
  const onEnd = vi.fn()
  const onError = vi.fn()
  const reads: number[] = []
  const read: ReadEvents = (after, signal) => {
    reads.push(after)
    if (options.read) return options.read(after, signal)
    return Promise.resolve({ run: summary(log), events: log.slice(after + 1) })
  }
  const follower = new RunFollower(read, {
    ...(options.after === undefined ? {} : { after: options.after }),
    onEvent: ({ seq }) => seen.push(seq),
    onEnd,
    onError,
  })
  return { follower, seen, reads, onEnd, onError }
}

describe('RunFollower', () => {
  it('replays the log, then takes live events once and in order', async () => {
    const log = [delta(0), delta(1)]
    const { follower, seen, onEnd } = follow(log)
    await follower.catchUp()
    follower.push(delta(1))
    follower.push(delta(2))
    follower.push(ended(3))
    follower.push(ended(3))
    expect(seen).toEqual([0, 1, 2, 3])
    expect(onEnd).toHaveBeenCalledExactlyOnceWith(ended(3))
  })

  it('starts after the events that are known', async () => {
    const { follower, seen, reads } = follow([delta(0), delta(1), delta(2)], { after: 1 })
    await follower.catchUp()
    expect(reads).toEqual([1])
    expect(seen).toEqual([2])
  })

  it('reads the log again when a live event jumps ahead', async () => {
    const log = [delta(0)]
    const { follower, seen } = follow(log)
    await follower.catchUp()
    log.push(delta(1), delta(2), delta(3))
    follower.push(delta(3))
    expect(seen).toEqual([0])
    await vi.waitFor(() => expect(seen).toEqual([0, 1, 2, 3]))
    follower.stop()
  })

  it('keeps live events that arrive while the log is read', async () => {
    const late = Promise.withResolvers<{ run: RunSummary; events: RunEvent[] }>()
    const log = [delta(0), delta(1)]
    const { follower, seen } = follow(log, {
      read: (after) =>
        after < 0 ? late.promise : Promise.resolve({ run: summary(log), events: [] }),
    })
    const reading = follower.catchUp()
    follower.push(delta(2))
    expect(seen).toEqual([])
    late.resolve({ run: summary(log), events: log })
    await reading
    expect(seen).toEqual([0, 1, 2])
    follower.stop()
  })

  it('ends without an event when the end was already known', async () => {
    const { follower, onEnd } = follow([delta(0), ended(1)], { after: 1 })
    await follower.catchUp()
    expect(onEnd).toHaveBeenCalledExactlyOnceWith(undefined)
    expect(follower.stopped).toBe(true)
  })

  it('gives up on an unknown run, and waits for a companion that is away', async () => {
    const unknown = follow([], { read: () => Promise.reject(new SiloError('run_unknown')) })
    await unknown.follower.catchUp()
    expect(unknown.onError).toHaveBeenCalledOnce()
    const away = follow([], { read: () => Promise.reject(new SiloError('companion_unreachable')) })
    await away.follower.catchUp()
    expect(away.onError).not.toHaveBeenCalled()
    expect(away.follower.stopped).toBe(false)
    away.follower.stop()
  })
})
