import { fork, type ChildProcess } from 'node:child_process'
import { rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, it } from 'vitest'
import { AgentWorld } from './agent-harness.ts'

const world = new AgentWorld()
const lines: { type: string; url?: string; token?: string }[] = []
let child: ChildProcess | undefined
afterEach(() => {
  child?.kill('SIGKILL')
  for (const path of [world.home, world.files]) rmSync(path, { recursive: true, force: true })
})

async function start(slow: boolean): Promise<void> {
  lines.length = 0
  const script = fileURLToPath(new URL('agent-kill.child.ts', import.meta.url))
  child = fork(script, [world.home, world.files], {
    env: { ...process.env, SLOW: slow ? '1' : '0' },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  let rest = ''
  child.stdout!.on('data', (bytes: Buffer) => {
    const parts = (rest + bytes.toString()).split('\n')
    rest = parts.pop()!
    for (const part of parts) lines.push(JSON.parse(part) as (typeof lines)[number])
  })
  const ready = await said('ready')
  world.companion = { url: ready.url!, token: ready.token! } as typeof world.companion
}

async function said(type: string): Promise<(typeof lines)[number]> {
  for (let n = 0; n < 800; n++) {
    const found = lines.find((line) => line.type === type)
    if (found) return found
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  throw new Error(`the child did not say ${type}`)
}

async function kill(): Promise<void> {
  const gone = new Promise((resolve) => child!.once('exit', resolve))
  child!.kill('SIGKILL')
  await gone
}

it('goes on after kill -9 in a step and while an approval is open, and does finished steps once', async () => {
  world.write('a.txt')
  await start(true)
  const { id } = await world.task('Sort', {
    kind: 'skill',
    skill: 'sort-files',
    input: { folder: world.files },
    reason: 'chosen',
    confidence: 1,
  })
  await said('slow')
  await kill()
  await start(false)
  const { approvalId } = await world.until(id, 'approval-request')
  expect(lines.some(({ type }) => type === 'before')).toBe(false)
  expect(await world.listing()).toEqual(['a.txt'])
  await kill()
  await start(false)
  expect((await world.approval(approvalId)).state).toBe('open')
  await world.answer(approvalId, { decision: 'approve' })
  expect(await world.until(id, 'run-ended')).toMatchObject({ outcome: 'done' })
  expect(await world.listing()).toEqual(['sorted/a.txt'])
  const events = await world.events(id)
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, n) => n))
  expect(events.filter(({ body }) => body.type === 'approval-request')).toHaveLength(1)
})
