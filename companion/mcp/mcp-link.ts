import { fileURLToPath } from 'node:url'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import {
  getDefaultEnvironment,
  StdioClientTransport,
} from '@modelcontextprotocol/sdk/client/stdio.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import { CallToolResultSchema, type Tool as RemoteTool } from '@modelcontextprotocol/sdk/types.js'
import type { EgressGate } from '#companion/observe/egress-gate.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import type { KeptServer } from './mcp-store.ts'

const startMs = 30_000
const callMs = 120_000
const mostTools = 200
const keptProblem = 300

export type CallResult = ReturnType<typeof CallToolResultSchema.parse>

/** The connection with one MCP server: made when it is first needed, and again after it broke. */
export class McpLink implements AsyncDisposable {
  readonly server: KeptServer
  readonly #gate: Pick<EgressGate, 'announce' | 'note'>
  readonly #changed: () => void
  #client: Client | undefined
  #opening: Promise<Client> | undefined
  #closed = false
  tools: readonly RemoteTool[] = []
  state: 'off' | 'starting' | 'ready' | 'failed' = 'off'
  problem: string | undefined

  constructor(
    server: KeptServer,
    gate: Pick<EgressGate, 'announce' | 'note'>,
    changed: () => void,
  ) {
    this.server = server
    this.#gate = gate
    this.#changed = changed
  }

  /** Connects and reads the list of tools. @throws SiloError mcp_failed */
  async open(): Promise<Client> {
    if (this.#client) return this.#client
    this.#opening ??= this.#connect().finally(() => (this.#opening = undefined))
    return this.#opening
  }

  /** @throws SiloError mcp_failed, switch_off; the signal's reason */
  async call(
    tool: string,
    input: Record<string, unknown>,
    signal: AbortSignal,
  ): Promise<CallResult> {
    const client = await this.open()
    try {
      const options = { signal, timeout: callMs }
      const request = { name: tool, arguments: input }
      return (await this.#within(() =>
        client.callTool(request, CallToolResultSchema, options),
      )) as CallResult
    } catch (cause) {
      signal.throwIfAborted()
      throw this.#failed(cause)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    const client = this.#client ?? (await this.#opening?.catch(() => undefined))
    this.#client = undefined
    await client?.close().catch(() => {})
    this.#set('off')
  }

  async #connect(): Promise<Client> {
    this.#set('starting')
    const client = new Client({ name: 'silo', version: '1' })
    const said: string[] = []
    try {
      const transport = this.#transport(said)
      const options = { timeout: startMs }
      await this.#within(async () => {
        await client.connect(transport, options)
        const { tools } = await client.listTools(undefined, options)
        this.tools = tools.slice(0, mostTools)
      })
      if (this.#closed) throw new Error('closed')
      // oxlint-disable-next-line unicorn/prefer-add-event-listener -- the client has no events
      client.onclose = () => {
        if (this.#client !== client) return
        this.#client = undefined
        this.#set('failed', said.at(-1) ?? 'the connection ended')
      }
      this.#client = client
      this.#set('ready')
      return client
    } catch (cause) {
      await client.close().catch(() => {})
      const error = this.#failed(cause, said.at(-1))
      if (this.#closed) this.#set('off')
      else this.#set('failed', String(error.params.detail))
      throw error
    }
  }

  #transport(said: string[]): Transport {
    const { road } = this.server
    if (road.kind === 'http') {
      const url = new URL(road.url)
      const [name, ...value] = (road.header ?? '').split(':')
      const headers = road.header ? { [name!.trim()]: value.join(':').trim() } : {}
      // oxlint-disable-next-line typescript/no-explicit-any -- the library's own types are looser than this project's
      return new StreamableHTTPClientTransport(url, { requestInit: { headers } }) as any
    }
    // A program of its own: that it may go out is known, and what it moves is not.
    this.#gate.note({ kind: 'program', host: this.server.name, purpose: road.argv[0]! })
    const transport = new StdioClientTransport({
      command: process.execPath,
      args: [fileURLToPath(new URL('keeper.ts', import.meta.url)), ...road.argv],
      env: { ...getDefaultEnvironment(), ...road.environment },
      stderr: 'pipe',
    })
    transport.stderr?.on('data', (chunk: Buffer) => {
      const lines = chunk.toString('utf8').trim().split('\n')
      said.push(lines.at(-1)!.slice(0, keptProblem))
      said.splice(0, said.length - 1)
    })
    return transport
  }

  /** What connects is announced; a program's own connections pass elsewhere. */
  #within<T>(work: () => Promise<T>): Promise<T> {
    const { road, name } = this.server
    if (road.kind === 'stdio') return work()
    const host = new URL(road.url).hostname
    return this.#gate.announce({ kind: 'mcp', host, purpose: name }, work)
  }

  #failed(cause: unknown, said?: string): SiloError {
    for (let each: unknown = cause, depth = 0; each instanceof Error && depth < 5; depth++) {
      if (each instanceof SiloError) return each
      each = each.cause
    }
    const detail = said ?? (cause instanceof Error ? cause.message : 'unknown')
    const params = { name: this.server.name, detail: detail.slice(0, keptProblem) }
    return new SiloError('mcp_failed', { params, cause })
  }

  #set(state: McpLink['state'], problem?: string): void {
    this.state = state
    this.problem = problem
    this.#changed()
  }
}
