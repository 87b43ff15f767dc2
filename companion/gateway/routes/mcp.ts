import { Hono } from 'hono'
import * as v from 'valibot'
import type { GatewayEnv } from '../environment.ts'
import { readJson } from '../openai/body.ts'
import type { GatewayServices } from '../services.ts'
import { idSchema } from '#shared/domain/ids.ts'
import { parseInput } from '#shared/errors/parse.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { putMcpServerSchema } from '#shared/protocol/agent.ts'

/** The MCP servers whose tools the agent may use. For owners: a server is a program that is started here. */
export function mcpRoutes(servers: NonNullable<GatewayServices['mcp']>): Hono<GatewayEnv> {
  const app = new Hono<GatewayEnv>()
  app.get('/mcp', (context) => context.json({ servers: servers.list() }))
  app.put('/mcp/:id', async (context) => {
    const server = parseInput(putMcpServerSchema, await readJson(context))
    return context.json({ server: await servers.put({ ...server, id: idOf(context.req.param('id')) }) }) // prettier-ignore
  })
  app.delete('/mcp/:id', async (context) => {
    await servers.remove(idOf(context.req.param('id')))
    return context.body(null, 204)
  })
  app.post('/mcp/:id/test', async (context) =>
    context.json({ server: await servers.test(idOf(context.req.param('id'))) }),
  )
  return app
}

/** @throws SiloError not_found */
function idOf(given: string): string {
  const id = v.safeParse(idSchema, given)
  if (!id.success) throw new SiloError('not_found')
  return id.output
}
