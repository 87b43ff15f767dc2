import { Hono } from 'hono'
import * as v from 'valibot'
import type { GatewayEnv } from '../environment.ts'
import type { GatewayServices } from '../services.ts'
import { idSchema } from '#shared/domain/ids.ts'
import { parseInput } from '#shared/errors/parse.ts'
import { egressPlaceSchema } from '#shared/protocol/egress.ts'

const number = (max: number) =>
  v.pipe(v.string(), v.regex(/^\d{1,15}$/), v.transform(Number), v.maxValue(max))
const query = v.object({
  before: v.optional(number(Number.MAX_SAFE_INTEGER)),
  limit: v.optional(number(500), '100'),
  place: v.optional(egressPlaceSchema),
  host: v.optional(v.pipe(v.string(), v.maxLength(300))),
  run: v.optional(idSchema),
  refused: v.optional(v.pipe(v.picklist(['0', '1']), v.transform((value) => value === '1'))), // prettier-ignore
})

/** What left this house. For owners: elsewhere it is decided who may ask. */
export function egressRoutes(egress: NonNullable<GatewayServices['egress']>): Hono<GatewayEnv> {
  const app = new Hono<GatewayEnv>()
  app.get('/egress', (context) => {
    const { run: runId, ...rest } = parseInput(query, context.req.query())
    egress.gate.flush()
    return context.json(egress.ledger.list({ ...rest, runId }))
  })
  app.get('/egress/sums', (context) => {
    egress.gate.flush()
    return context.json(egress.ledger.sums())
  })
  return app
}
