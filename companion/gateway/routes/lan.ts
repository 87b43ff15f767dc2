import { Hono } from 'hono'
import type { GatewayEnv } from '../environment.ts'
import { readJson } from '../openai/body.ts'
import type { LanService } from '../services.ts'
import { parseInput } from '#shared/errors/parse.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { patchLanSchema } from '#shared/protocol/lan.ts'

/** The app over HTTPS in the local network: how it is, and the switch. */
export function lanRoutes(lan: LanService): Hono<GatewayEnv> {
  const app = new Hono<GatewayEnv>()
  app.get('/lan', (context) => context.json({ lan: lan.state() }))
  app.patch('/lan', async (context) => {
    const { on } = parseInput(patchLanSchema, await readJson(context))
    if (on && !lan.state().allowed) throw new SiloError('lan_not_allowed')
    return context.json({ lan: await lan.set(on) })
  })
  return app
}
