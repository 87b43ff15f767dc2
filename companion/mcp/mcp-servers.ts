import type { OfferedTool } from '#companion/agent/ports.ts'
import type { EgressGate } from '#companion/observe/egress-gate.ts'
import type { Log } from '#companion/observe/log.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import type { McpServer } from '#shared/protocol/agent.ts'
import { McpLink } from './mcp-link.ts'
import type { KeptServer, McpStore } from './mcp-store.ts'
import { mcpTool, toolName } from './mcp-tool.ts'

export interface McpServersInit {
  readonly store: McpStore
  readonly gate: Pick<EgressGate, 'announce' | 'note'>
  readonly changed: () => void
  readonly log: Log
}

/** The MCP servers of the settings, and their tools while they are connected. */
export class McpServers implements AsyncDisposable {
  readonly #init: McpServersInit
  readonly #links = new Map<string, McpLink>()

  constructor(init: McpServersInit) {
    this.#init = init
  }

  /** Connects the servers that are switched on. Those that fail say so in the list. */
  start(): void {
    for (const server of this.#init.store.list()) if (server.enabled) this.#begin(server)
  }

  list(): McpServer[] {
    return this.#init.store.list().map((server) => this.#shown(server))
  }

  /** Writes a server down, and connects it anew where it is on. @throws SiloError conflict, bad_request */
  async put(server: KeptServer): Promise<McpServer> {
    this.#init.store.put(server)
    await this.#end(server.id)
    if (server.enabled) this.#begin(server)
    this.#init.changed()
    return this.#shown(server)
  }

  async remove(id: string): Promise<void> {
    this.#init.store.remove(id)
    await this.#end(id)
    this.#init.changed()
  }

  /** Connects now, and says what came of it. @throws SiloError not_found */
  async test(id: string): Promise<McpServer> {
    const server = this.#init.store.list().find((each) => each.id === id)
    if (!server) throw new SiloError('not_found')
    const link = this.#links.get(id) ?? this.#linkOf(server)
    // The failure is in what is shown.
    await link.open().catch(() => {})
    const shown = this.#shown(server, link)
    if (!server.enabled) await this.#end(id)
    return shown
  }

  /** Tools of the connected servers. Of two that come to the same name the first one counts. */
  tools(): OfferedTool[] {
    const names = new Set<string>()
    return [...this.#links.values()].flatMap((link) =>
      link.tools.flatMap((remote) => {
        const name = toolName(link.server.name, remote.name)
        if (names.has(name)) return []
        names.add(name)
        const unavailable = link.state === 'ready' ? undefined : (link.problem ?? link.state)
        return [{ tool: mcpTool(link, remote), origin: link.server.name, ...(unavailable === undefined ? {} : { unavailable }) }] // prettier-ignore
      }),
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#links.keys()].map((id) => this.#end(id)))
  }

  #begin(server: KeptServer): void {
    const link = this.#linkOf(server)
    link.open().catch((error: unknown) => {
      this.#init.log.warn('an MCP server could not be reached', { server: server.name, error })
    })
  }

  #linkOf(server: KeptServer): McpLink {
    const link = new McpLink(server, this.#init.gate, this.#init.changed)
    this.#links.set(server.id, link)
    return link
  }

  async #end(id: string): Promise<void> {
    const link = this.#links.get(id)
    this.#links.delete(id)
    await link?.[Symbol.asyncDispose]()
  }

  #shown(server: KeptServer, link = this.#links.get(server.id)): McpServer {
    if (!link) return { ...server, state: 'off' }
    const tools = link.tools.map(({ name, title = name, description = '' }) => ({
      name: toolName(server.name, name),
      title,
      description,
      capability: 'mcp.call' as const,
      origin: server.name,
    }))
    const { state, problem } = link
    return { ...server, state, tools, ...(problem === undefined ? {} : { problem }) }
  }
}
