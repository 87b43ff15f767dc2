import { fileURLToPath } from 'node:url'
import { McpLink } from '#companion/mcp/mcp-link.ts'
import type { KeptServer } from '#companion/mcp/mcp-store.ts'

// A companion with one MCP server, to be killed.
const file = fileURLToPath(new URL('../fakes/mcp-server.ts', import.meta.url))
const server: KeptServer = {
  id: 'server-01',
  name: 'example',
  enabled: true,
  road: { kind: 'stdio', argv: [process.execPath, file] },
}
const gate = { announce: (_announcement: unknown, work: () => never) => work(), note() {} }
await new McpLink(server, gate as never, () => {}).open()
process.stdout.write('ready\n')
setInterval(() => {}, 1000)
