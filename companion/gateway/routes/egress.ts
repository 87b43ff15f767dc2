import { Hono } from 'hono'
import * as v from 'valibot'
import type { EgressLedger } from '#companion/observe/egress.ts'
import type { GatewayEnv } from '../environment.ts'
import { parseInput } from '#shared/errors/parse.ts'

const number = (max: number) =>
  v.pipe(v.string(), v.regex(/^\d{1,15}$/), v.transform(Number), v.maxValue(max))
const query = v.object({
  before: v.optional(number(Number.MAX_SAFE_INTEGER)),
  limit: v.optional(number(500), '100'),
})

/** What left this house. For owners: elsewhere it is decided who may ask. */
export function egressRoutes(egress: Pick<EgressLedger, 'list'>): Hono<GatewayEnv> {
  const app = new Hono<GatewayEnv>()
  app.get('/egress', (context) => context.json(egress.list(parseInput(query, context.req.query()))))
  return app
}
