import { fork, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { newId } from '#shared/domain/ids.ts'
import type { Loose } from './gateway-harness.ts'

let home: string
let children: ChildProcess[] = []
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'silo-restart-'))
})
afterEach(() => {
  for (const child of children) child.kill('SIGKILL')
  children = []
  rmSync(home, { recursive: true, force: true, maxRetries: 5 })
})

interface Running {
  readonly child: ChildProcess
  readonly gone: Promise<number | null>
  api(path: string, body?: unknown): Promise<Loose>
}

async function start(env: Record<string, string> = {}): Promise<Running> {
  const child = fork('tests/fakes/companion.ts', {
    env: { ...process.env, SILO_HOME: home, SILO_PORT: '0', ...env },
    execArgv: [],
    stdio: ['ignore', 'pipe', 'ignore', 'ipc'],
  })
  children.push(child)
  const gone = new Promise<number | null>((resolve) => child.once('exit', resolve))
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout!.once('data', (chunk: Buffer) => resolve(chunk.toString()))
    child.once('exit', (code) => reject(new Error(`ended with ${code}`)))
  })
  const { url, urlWithToken } = JSON.parse(line) as { url: string; urlWithToken: string }
  const authorization = `Bearer ${new URL(urlWithToken).searchParams.get('token')}`
  return {
    child,
    gone,
    async api(path, body) {
      const response = await fetch(`${url}/api${path}`, {
        headers: { authorization },
        ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
      })
      expect(response.ok).toBe(true)
      return response.json()
    },
  }
}

/** Begins a long answer and waits until some of it was said. */
async function beginAnswer(companion: Running): Promise<Record<'conversation' | 'run', string>> {
  const conversation = newId()
  const run = newId()
  const user = newId()
  await companion.api('/conversations', { id: conversation })
  await companion.api('/runs', {
    kind: 'chat',
    id: run,
    conversationId: conversation,
    userMessage: { id: user, parentId: null, text: '你好，请讲一个很长的故事' },
    parentId: user,
    assistantMessageId: newId(),
  })
  for (;;) {
    const { events } = await companion.api(`/runs/${run}/events`)
    const said = events.filter((event: Loose) => event.body.type === 'text-delta')
    if (said.length >= 3) return { conversation, run }
  }
}
const many = Array.from({ length: 8000 }, (_, n) => `word${n}`).join(' ')
const long = { SILO_FAKE_REPLY: many, SILO_FAKE_DELAY: '15' }

describe('a companion process', () => {
  it('killed in the middle of an answer keeps what was said, and says so after a restart', async () => {
    const first = await start(long)
    const { conversation, run } = await beginAnswer(first)
    const before = await first.api(`/runs/${run}/events`)
    first.child.kill('SIGKILL')
    await first.gone

    const second = await start(long)
    const { messages } = await second.api(`/conversations/${conversation}`)
    expect(messages).toHaveLength(2)
    expect(messages[0]).toMatchObject({ role: 'user', text: '你好，请讲一个很长的故事' })
    expect(messages[1]).toMatchObject({ outcome: 'interrupted', modelId: 'smollm2-135m' })
    const after = await second.api(`/runs/${run}/events`)
    expect(after.run).toMatchObject({ outcome: 'interrupted' })
    expect(after.events.slice(0, before.events.length)).toEqual(before.events)
    expect(after.events.at(-1).body).toEqual({ type: 'run-ended', outcome: 'interrupted' })
    const said = after.events.map(({ body }: Loose) =>
      body.type === 'text-delta' ? body.text : '',
    )
    expect(messages[1].text).toBe(said.join(''))
    expect(messages[1].text).toContain('word0 word1')
  })

  it('asked to stop ends the answer honestly and gives the data folder back', async () => {
    const first = await start(long)
    const { conversation, run } = await beginAnswer(first)
    first.child.kill('SIGTERM')
    expect(await first.gone).toBe(0)
    const second = await start(long)
    const { messages } = await second.api(`/conversations/${conversation}`)
    expect(messages[1]).toMatchObject({ outcome: 'interrupted' })
    expect(messages[1].text).toContain('word')
    expect((await second.api(`/runs/${run}/events`)).run.outcome).toBe('interrupted')
  })

  it('refuses a data folder that another one uses', async () => {
    await start()
    await expect(start()).rejects.toThrow('ended with 1')
  })
})
