import { Hono } from 'hono'
import type { GatewayEnv } from '../environment.ts'
import { readJson } from '../openai/body.ts'
import type { TeamPeersService } from '../services.ts'
import { parseInput } from '#shared/errors/parse.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { keepCopySchema, offersSchema } from '#shared/protocol/team.ts'

/** The companions this one is paired with, and what they tell each other. */
export function teamRoutes({ collections, exchange }: TeamPeersService): Hono<GatewayEnv> {
  const app = new Hono<GatewayEnv>()
  app.get('/team', (context) => context.json({ companions: collections.companions() }))

  app.put('/team/collections/:id', async (context) => {
    const { keepCopy } = parseInput(keepCopySchema, await readJson(context))
    await collections.chooseCopy(context.req.param('id'), keepCopy)
    return context.body(null, 204)
  })

  app.post('/team/offers', async (context) => {
    const caller = context.get('caller')
    // Whose word it is comes from the connection, never from what is said.
    if (caller.kind !== 'device') throw new SiloError('forbidden')
    exchange.receive(caller.deviceId, parseInput(offersSchema, await readJson(context)))
    return context.body(null, 204)
  })
  return app
}
