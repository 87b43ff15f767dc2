import { fork, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Loose } from './gateway-harness.ts'

let home: string
let child: ChildProcess | undefined
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'silo-main-'))
})
afterEach(() => {
  child?.kill('SIGKILL')
  rmSync(home, { recursive: true, force: true, maxRetries: 5 })
})

function run(env: Record<string, string> = {}): ChildProcess {
  child = fork('companion/main.ts', ['--json'], {
    env: { ...process.env, SILO_HOME: home, SILO_PORT: '0', LANG: 'C', ...env },
    execArgv: [],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  return child
}
const exit = (process: ChildProcess): Promise<number | null> =>
  new Promise((resolve) => process.once('exit', resolve))
const ready = (process: ChildProcess): Promise<Loose> =>
  new Promise((resolve) => process.once('message', resolve))

const failing = async (env: Record<string, string>): Promise<Loose> => {
  const process = run(env)
  const [code, out] = await Promise.all([exit(process), text(process.stdout!)])
  expect(code).toBe(1)
  return JSON.parse(out)
}

describe('the companion program', () => {
  it('says where it is, serves, and ends with its parent', async () => {
    const process = run()
    const gone = exit(process)
    const message = await ready(process)
    expect(message).toMatchObject({ type: 'ready', url: expect.stringMatching(/^http:/) })
    expect(message.urlWithToken).toContain(readFileSync(join(home, 'token'), 'utf8').trim())
    const address = JSON.parse(readFileSync(join(home, 'companion.json'), 'utf8'))
    expect(message.url).toBe(`http://127.0.0.1:${address.port}`)
    expect(await (await fetch(`${message.url}/healthz`)).json()).toEqual({ ok: true })
    const signIn = await fetch(message.urlWithToken, { redirect: 'manual' })
    const cookie = signIn.headers.getSetCookie()[0]!.split(';')[0]!
    expect(cookie).toMatch(new RegExp(`^silo_${address.port}=`))
    const status = await fetch(`${message.url}/api/status`, { headers: { cookie } })
    expect(await status.json()).toMatchObject({ home, engine: { id: 'llama-cpp' } })
    // A request over a real connection cannot claim to be anyone.
    const claims = { caller: 'owner', 'x-caller': 'owner' }
    expect((await fetch(`${message.url}/api/status`, { headers: claims })).status).toBe(401)
    process.disconnect()
    expect(await gone).toBe(0)
  })

  it('says in one line what keeps it from starting', async () => {
    expect(await failing({ SILO_PORT: 'none' })).toMatchObject({
      type: 'failed',
      error: { code: 'config_invalid', field: 'SILO_PORT' },
    })
    const blocker = createServer()
    await new Promise<void>((resolve) => blocker.listen(0, '127.0.0.1', resolve))
    const { port } = blocker.address() as AddressInfo
    expect(await failing({ SILO_PORT: String(port) })).toMatchObject({
      error: { code: 'port_in_use', params: { port } },
    })
    blocker.close()
  })
})
