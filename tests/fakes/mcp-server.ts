import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
import { CallToolRequestSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js'

const text = { type: 'object' as const, properties: { text: { type: 'string' } }, required: ['text'] } // prettier-ignore
const png =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='

/** A server with the library that most servers are made with: it says, fails, draws and dies when asked. */
export function exampleServer(): Server {
  const server = new Server({ name: 'example', version: '1' }, { capabilities: { tools: {} } })
  server.setRequestHandler(ListToolsRequestSchema, async () => ({
    tools: [
      { name: 'say', description: 'Says it\nagain.', inputSchema: text },
      { name: 'fail', description: 'Fails.', inputSchema: text },
      { name: 'draw', description: 'Draws.', inputSchema: text },
      { name: 'die', description: 'Dies.', inputSchema: text },
      { name: 'wait', description: 'Never answers.', inputSchema: text },
    ],
  }))
  server.setRequestHandler(CallToolRequestSchema, async ({ params }) => {
    const said = String(params.arguments?.['text'] ?? '')
    if (params.name === 'die') process.exit(3)
    if (params.name === 'wait') await new Promise(() => setInterval(() => {}, 1000))
    if (params.name === 'fail') return { isError: true, content: [{ type: 'text', text: 'no' }] }
    if (params.name === 'draw') return { content: [{ type: 'image', data: png, mimeType: 'image/png' }] } // prettier-ignore
    const key = process.env['EXAMPLE_KEY'] ?? ''
    return { content: [{ type: 'text', text: `${said}${key}` }] }
  })
  return server
}

if (process.argv[1]?.endsWith('mcp-server.ts')) {
  // For who looks whether it is gone. It stays, whatever happens to its input.
  process.stderr.write(`pid ${process.pid}\n`)
  setInterval(() => {}, 1000)
  await exampleServer().connect(new StdioServerTransport())
}
