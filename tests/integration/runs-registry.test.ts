import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { silentLog } from '#companion/observe/log.ts'
import { openDatabase } from '#companion/records/database.ts'
import { RunRegistry, type RunSpec } from '#companion/runs/registry.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import type { RunEvent } from '#shared/protocol/run-event.ts'

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'silo-runs-'))
  path = join(folder, 'silo.db')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const spec = (id: string, more: Partial<RunSpec> = {}): RunSpec => ({
  id,
  kind: 'ingest',
  subject: 'collection-1',
  request: { id },
  execute: async () => ({}),
  ...more,
})
const untilAborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
const refuse = (): void => {
  throw new SiloError('conversation_unknown')
}
const fail: RunSpec['execute'] = async () => {
  throw new Error('secret path /home/x')
}
const sayTooMuch: RunSpec['execute'] = async (run) => {
  run.emit({ type: 'text-delta', text: 'x'.repeat(1_100_000) })
  return {}
}
const types = (events: RunEvent[]): string[] => events.map((event) => event.body.type)

describe('run registry', () => {
  it('writes every event before it is seen, contiguous from 0', async () => {
    const database = openDatabase(path)
    const other = openDatabase(path)
    const runs = new RunRegistry(database, silentLog)
    const onDisk = other.prepare('SELECT max(seq) AS last FROM run_events WHERE run_id = ?')
    const seen: RunEvent[] = []
    runs.subscribe((event) => {
      expect(onDisk.get(event.runId)?.last).toBe(event.seq)
      seen.push(event)
    })
    runs.start(
      spec('run-00000001', {
        async execute(run) {
          run.emit({ type: 'text-delta', text: 'a' })
          run.emit({ type: 'text-delta', text: 'b' })
          return { counts: { added: 2 } }
        },
      }),
    )
    const run = await runs.finished('run-00000001')
    expect(run).toMatchObject({ outcome: 'done', lastSeq: 3 })
    expect(seen.map((event) => event.seq)).toEqual([0, 1, 2, 3])
    expect(runs.events('run-00000001')).toEqual(seen)
    expect(runs.events('run-00000001', 1).map((event) => event.seq)).toEqual([2, 3])
    expect(seen.at(-1)?.body).toMatchObject({ outcome: 'done', counts: { added: 2 } })
    other.close()
    database.close()
  })

  it('starts once for one id and request, and refuses another request', async () => {
    const runs = new RunRegistry(openDatabase(':memory:'), silentLog)
    let executed = 0
    const execute = async () => {
      executed++
      return {}
    }
    runs.start(spec('run-00000001', { execute }))
    runs.start(spec('run-00000001', { execute }))
    await runs.finished('run-00000001')
    runs.start(spec('run-00000001', { execute }))
    expect(executed).toBe(1)
    expect(() => runs.start(spec('run-00000001', { request: { id: 'else' } }))).toThrow(
      expect.objectContaining({ code: 'run_conflict' }),
    )
    expect(() => runs.get('run-unknown')).toThrow(expect.objectContaining({ code: 'run_unknown' }))
  })

  it('leaves nothing behind when the records of the start cannot be written', () => {
    const runs = new RunRegistry(openDatabase(':memory:'), silentLog)
    expect(() => runs.start(spec('run-00000001', { prepare: refuse }))).toThrow(
      expect.objectContaining({ code: 'conversation_unknown' }),
    )
    expect(() => runs.get('run-00000001')).toThrow(expect.objectContaining({ code: 'run_unknown' }))
  })

  it('ends a cancelled run with that outcome and no error', async () => {
    const runs = new RunRegistry(openDatabase(':memory:'), silentLog)
    runs.start(spec('run-00000001', { execute: ({ signal }) => untilAborted(signal) }))
    runs.cancel('run-00000001')
    await runs.finished('run-00000001')
    expect(runs.events('run-00000001').at(-1)?.body).toEqual({
      type: 'run-ended',
      outcome: 'cancelled',
    })
    expect(runs.cancel('run-00000001').outcome).toBe('cancelled')
  })

  it('ends a failed run with a registered error and hides what is unknown', async () => {
    const runs = new RunRegistry(openDatabase(':memory:'), silentLog)
    runs.start(spec('run-00000001', { execute: fail }))
    await runs.finished('run-00000001')
    const end = runs.events('run-00000001').at(-1)
    expect(end?.body).toMatchObject({ outcome: 'failed', error: { code: 'internal' } })
    expect(JSON.stringify(end)).not.toContain('secret')
  })

  it('refuses an event that is too large, and ends the run', async () => {
    const runs = new RunRegistry(openDatabase(':memory:'), silentLog)
    runs.start(spec('run-00000001', { execute: sayTooMuch }))
    expect(await runs.finished('run-00000001')).toMatchObject({ outcome: 'failed' })
    expect(types(runs.events('run-00000001'))).toEqual(['run-started', 'run-ended'])
  })

  it('interrupts what goes on when it closes, and then refuses new runs', async () => {
    const runs = new RunRegistry(openDatabase(':memory:'), silentLog)
    const ends: string[] = []
    runs.start(
      spec('run-00000001', {
        execute: ({ signal }) => untilAborted(signal),
        settle: (end) => ends.push(end.outcome),
      }),
    )
    await runs.close()
    expect(ends).toEqual(['interrupted'])
    expect(runs.get('run-00000001').outcome).toBe('interrupted')
    expect(() => runs.start(spec('run-00000002'))).toThrow(
      expect.objectContaining({ code: 'shutting_down' }),
    )
  })

  it('ends what a former process left unfinished as interrupted, once', () => {
    const first = openDatabase(path)
    const before = new RunRegistry(first, silentLog)
    before.start(spec('run-00000001', { execute: ({ signal }) => untilAborted(signal) }))
    // The former process dies here: nothing more is written.
    const after = new RunRegistry(openDatabase(path), silentLog)
    const recovered: string[] = []
    after.recover({ ingest: (run) => recovered.push(run.id) })
    expect(recovered).toEqual(['run-00000001'])
    expect(after.get('run-00000001')).toMatchObject({ outcome: 'interrupted', lastSeq: 1 })
    expect(types(after.events('run-00000001'))).toEqual(['run-started', 'run-ended'])
    expect(after.recover({ ingest: (run) => recovered.push(run.id) })).toEqual([])
  })

  it('keeps the logs of the newest 200 ended ingests, and those of all chats', async () => {
    const runs = new RunRegistry(openDatabase(':memory:'), silentLog)
    runs.start(spec('chat-00000001', { kind: 'chat' }))
    await runs.finished('chat-00000001')
    for (let i = 0; i < 205; i++) {
      const id = `run-${String(i).padStart(8, '0')}`
      runs.start(spec(id))
      await runs.finished(id)
    }
    expect(runs.list({ activeOnly: false, limit: 1000 })).toHaveLength(201)
    expect(runs.get('chat-00000001').outcome).toBe('done')
  })
})
