import { Hono } from 'hono'
import type { GatewayEnv } from '../environment.ts'
import type { GatewayServices } from '../services.ts'
import { parseInput } from '#shared/errors/parse.ts'
import { auditQuerySchema } from '#shared/protocol/sharing.ts'

/** Who did what over whose data. Read only: nothing in the API takes a line away. */
export function auditRoutes({ team }: Pick<GatewayServices, 'team'>): Hono<GatewayEnv> {
  const app = new Hono<GatewayEnv>()
  app.get('/audit', (context) => {
    const query = parseInput(auditQuerySchema, context.req.query())
    const collections = team.policies.list().map(({ policy }) => ({ id: policy.collectionId, name: policy.name })) // prettier-ignore
    return context.json({ ...team.audit.list(query), devices: team.audit.devices(), collections })
  })
  return app
}
