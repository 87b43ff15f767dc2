import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { silentLog } from '#companion/observe/log.ts'
import type { SandboxEvent } from '#shared/contracts/sandbox.ts'
import type { Frame } from './frames.ts'
import type { JailProcess } from './jail-process.ts'
import { LeftFiles } from './left-files.ts'
import { limitsOf } from './limits.ts'
import { runPythonJob } from './python-job.ts'

const scratch = mkdtempSync(join(tmpdir(), 'silo-job-'))
afterEach(() => rmSync(scratch, { recursive: true, force: true }))

/** What a jail is told that sends these frames, whoever made them in there. */
async function eventsOf(frames: readonly Frame[]): Promise<SandboxEvent[]> {
  const jail = {
    frames: async function* () {
      yield* frames
    },
    send: async () => {},
    kill() {},
    gone: false,
    exited: Promise.resolve({ code: 0, signal: undefined, stderr: '' }),
  } as unknown as JailProcess
  const limits = limitsOf({})
  const left = await LeftFiles.create(scratch, limits)
  const job = { code: '1', files: [], load: [], unpack: [] }
  const { signal } = new AbortController()
  const events: SandboxEvent[] = []
  for await (const event of runPythonJob(jail, job, { limits, left, signal, log: silentLog }))
    events.push(event)
  return events
}

const shown = (name: string): Frame => ({ header: { type: 'shown', name }, body: Buffer.from('x') })
const end: Frame = { header: { type: 'end', outcome: 'done', exitCode: 0 }, body: Buffer.alloc(0) }

describe('files that a jail shows while it runs', () => {
  it('are passed on under names that are safe', async () => {
    const names = ['../up.html', '/etc/passwd', 'a\0b', 'con', 'x/../../y', '']
    const events = await eventsOf([...names.map(shown), shown('in/page.html'), end])
    expect(events.slice(0, -1)).toEqual([
      { type: 'file', name: 'in/page.html', content: Buffer.from('x') },
    ])
    expect(events.at(-1)).toMatchObject({ type: 'end', outcome: 'done', files: [] })
  })

  it('are passed on so seldom that nobody drowns in them', async () => {
    const often = Array.from({ length: 500 }, () => shown('page.html'))
    const many = Array.from({ length: 500 }, (_, n) => shown(`${n}.html`))
    expect((await eventsOf([...often, end])).filter(({ type }) => type === 'file')).toHaveLength(1)
    expect((await eventsOf([...many, end])).filter(({ type }) => type === 'file')).toHaveLength(60)
  })
})
