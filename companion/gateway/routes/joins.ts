import { Hono } from 'hono'
import type { Link } from '#companion/link/link.ts'
import type { GatewayEnv } from '../environment.ts'
import { readJson } from '../openai/body.ts'
import { parseInput } from '#shared/errors/parse.ts'
import { createJoinSchema } from '#shared/protocol/team.ts'

/** This companion asks another one to let it in. */
export function joinRoutes(link: Link): Hono<GatewayEnv> {
  const app = new Hono<GatewayEnv>()
  app.post('/joins', async (context) => {
    const request = parseInput(createJoinSchema, await readJson(context))
    return context.json({ join: link.joins.create(request) }, 202)
  })
  app.get('/joins/:id', (context) =>
    context.json({ join: link.joins.get(context.req.param('id')) }),
  )
  app.delete('/joins/:id', (context) => {
    link.joins.cancel(context.req.param('id'))
    return context.body(null, 204)
  })
  return app
}
