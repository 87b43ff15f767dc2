import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { McpServers } from '#companion/mcp/mcp-servers.ts'
import { McpStore, type KeptServer } from '#companion/mcp/mcp-store.ts'
import { toolName } from '#companion/mcp/mcp-tool.ts'
import { EgressGate } from '#companion/observe/egress-gate.ts'
import { EgressLedger } from '#companion/observe/egress.ts'
import { silentLog } from '#companion/observe/log.ts'
import { openDatabase } from '#companion/records/database.ts'
import type { LeaveRequest, ToolContext } from '#shared/contracts/tool.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { exampleServer } from '#tests/fakes/mcp-server.ts'

const file = fileURLToPath(new URL('../fakes/mcp-server.ts', import.meta.url))
const local = (over: Partial<KeptServer> = {}): KeptServer => ({
  id: 'server-01',
  name: 'example',
  enabled: true,
  road: { kind: 'stdio', argv: [process.execPath, file], environment: { EXAMPLE_KEY: '!' } },
  ...over,
})
let kept: string | undefined
let servers: McpServers
let ledger: EgressLedger
let gate: EgressGate
const leaves: LeaveRequest[] = []
const context = (over: Partial<ToolContext> = {}) =>
  ({
    signal: new AbortController().signal,
    leave: async (request: LeaveRequest) => void leaves.push(request),
    ...over,
  }) as unknown as ToolContext
const tool = (name: string) => {
  const found = servers.tools().find((each) => each.tool.name === name)
  if (!found) throw new Error(`no tool ${name}`)
  return found
}
const leave = () => Promise.reject(new SiloError('approval_denied'))
/** Waits by turns of the loop: how long a process takes is no matter. */
const until = async (is: () => boolean): Promise<void> => {
  while (!is()) await new Promise((resolve) => setTimeout(resolve, 20))
}

beforeEach(() => {
  kept = undefined
  leaves.length = 0
  ledger = new EgressLedger(openDatabase(':memory:'))
  gate = new EgressGate({ ledger, requireWeb() {}, log: silentLog })
  const store = new McpStore({ read: () => kept, write: (text) => void (kept = text) })
  servers = new McpServers({ store, gate, changed() {}, log: silentLog })
})
afterEach(async () => {
  await servers[Symbol.asyncDispose]()
  gate[Symbol.dispose]()
})

describe('a server that is a program', () => {
  it('is started, its tools are ours, and each call asks leave', async () => {
    await servers.put(local())
    expect(await servers.test('server-01')).toMatchObject({ state: 'ready' })
    const { tool: say, origin, unavailable } = tool('example_say')
    expect({ origin, unavailable, foreign: say.readsForeignText }).toEqual({
      origin: 'example',
      unavailable: undefined,
      foreign: true,
    })
    const { data, summary } = await say.call({ text: 'hello' }, context())
    // Its environment is what was set, and nothing of the companion's own.
    expect(data).toEqual({ text: 'hello!' })
    expect(summary).toBe('hello!')
    expect(leaves).toMatchObject([
      { kind: 'grant', capability: 'mcp.call', resource: 'example/say', why: '{"text":"hello"}' },
    ])
    expect(ledger.list({ limit: 9 }).entries).toMatchObject([{ kind: 'program', host: 'example' }])
  })

  it('is not called without leave', async () => {
    await servers.put(local())
    await servers.test('server-01')
    await expect(tool('example_die').tool.call({ text: '' }, context({ leave }))).rejects.toMatchObject({ code: 'approval_denied' }) // prettier-ignore
    expect(servers.list()).toMatchObject([{ state: 'ready' }])
  })

  it('may fail, draw, die and come back', async () => {
    await servers.put(local())
    await servers.test('server-01')
    await expect(tool('example_fail').tool.call({ text: '' }, context())).rejects.toMatchObject({ code: 'mcp_failed', params: { detail: 'no' } }) // prettier-ignore
    const drawn = await tool('example_draw').tool.call({ text: '' }, context())
    expect(drawn.artifacts).toMatchObject([{ kind: 'image', mediaType: 'image/png' }])
    await expect(tool('example_die').tool.call({ text: '' }, context())).rejects.toMatchObject({ code: 'mcp_failed' }) // prettier-ignore
    await until(() => servers.list()[0]?.state === 'failed')
    expect(tool('example_say').unavailable).toBeDefined()
    expect((await tool('example_say').tool.call({ text: 'back' }, context())).summary).toBe('back!')
  })

  it('is left waiting no longer than the task', async () => {
    await servers.put(local())
    await servers.test('server-01')
    const stop = new AbortController()
    const call = tool('example_wait').tool.call({ text: '' }, context({ signal: stop.signal }))
    setTimeout(() => stop.abort(new SiloError('interrupted')), 100)
    await expect(call).rejects.toMatchObject({ code: 'interrupted' })
  })

  it('that cannot be started says why', async () => {
    const argv = ['/nowhere/server']
    await servers.put(local({ road: { kind: 'stdio', argv } }))
    const shown = await servers.test('server-01')
    expect(shown).toMatchObject({ state: 'failed', problem: expect.stringContaining('ENOENT') })
  })

  // Who is running is read from Linux's own list.
  it.skipIf(process.platform !== 'linux')(
    'is stopped when it is switched off, and does not outlive the companion',
    async () => {
      const child = spawn(process.execPath, [
        fileURLToPath(new URL('mcp-child.ts', import.meta.url)),
      ])
      await once(child.stdout, 'data')
      const pids = processesOf(file)
      expect(pids.length).toBeGreaterThan(0)
      child.kill('SIGKILL')
      await until(() => processesOf(file).length === 0)
      await servers.put(local())
      await servers.test('server-01')
      expect(processesOf(file).length).toBeGreaterThan(0)
      await servers.put(local({ enabled: false }))
      await until(() => processesOf(file).length === 0)
      expect(servers.list()).toMatchObject([{ state: 'off' }])
      expect(servers.tools()).toEqual([])
    },
  )
})

describe('a server that is reached by HTTP', () => {
  let http: Server
  const headers: unknown[] = []
  beforeEach(async () => {
    http = createServer((request, response) => {
      headers.push(request.headers['x-key'])
      const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined } as never) // prettier-ignore
      void exampleServer()
        .connect(transport as never)
        .then(() => transport.handleRequest(request, response))
    })
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  })
  afterEach(() => {
    http.closeAllConnections()
    http.close()
  })

  it('is asked with its key, and is on the ledger', async () => {
    const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`
    await servers.put(local({ road: { kind: 'http', url, header: 'X-Key: secret' } }))
    expect(await servers.test('server-01')).toMatchObject({ state: 'ready' })
    expect((await tool('example_say').tool.call({ text: 'hi' }, context())).data).toEqual({ text: 'hi' }) // prettier-ignore
    expect(new Set(headers)).toEqual(new Set(['secret']))
    gate.flush()
    const { entries } = ledger.list({ limit: 20 })
    expect(entries.length).toBeGreaterThan(0)
    for (const entry of entries) expect(entry).toMatchObject({ kind: 'mcp', host: '127.0.0.1', purpose: 'example' }) // prettier-ignore
  })

  it('that nobody answers for fails', async () => {
    const road = { kind: 'http' as const, url: 'http://127.0.0.1:9/mcp' }
    await servers.put(local({ road }))
    expect(await servers.test('server-01')).toMatchObject({ state: 'failed' })
  })
})

describe('the list of servers', () => {
  it('refuses a name twice, and forgets what is removed', async () => {
    await servers.put(local({ enabled: false }))
    await expect(servers.put(local({ id: 'server-02' }))).rejects.toMatchObject({ code: 'conflict' }) // prettier-ignore
    await servers.remove('server-01')
    expect(servers.list()).toEqual([])
    await expect(servers.test('server-01')).rejects.toMatchObject({ code: 'not_found' })
  })
  it('leaves out what is damaged', () => {
    kept = JSON.stringify([{ id: 1 }, local({ enabled: false })])
    expect(servers.list()).toMatchObject([{ name: 'example' }])
    kept = '{'
    expect(servers.list()).toEqual([])
  })
  it('makes names that models can write', () => {
    expect(toolName('my-server', 'Read File')).toBe('my_server_read_file')
  })
})

/** Processes whose command line names the file, by the kernel's list. */
function processesOf(name: string): number[] {
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(name)
      } catch {
        return false
      }
    })
    .map(Number)
}
