import { Hono } from 'hono'
import type { GatewayEnv } from '../environment.ts'
import { readJson } from '../openai/body.ts'
import type { GatewayServices } from '../services.ts'
import { parseInput } from '#shared/errors/parse.ts'
import { webSearchSchema } from '#shared/protocol/agent.ts'

/** The search service that the agent may ask. For owners. */
export function webSearchRoutes(
  service: NonNullable<GatewayServices['webSearch']>,
): Hono<GatewayEnv> {
  // prettier-ignore
  const app = new Hono<GatewayEnv>()
  app.get('/web-search', (context) => context.json(service.shown()))
  app.put('/web-search', async (context) =>
    context.json(service.set(parseInput(webSearchSchema, await readJson(context)))),
  )
  return app
}
