import { Hono } from 'hono'
import type { GatewayEnv } from '../environment.ts'
import type { GatewayServices } from '../services.ts'
import { SiloError } from '#shared/errors/silo-error.ts'

/** How the vectors of a collection are searched here, dataset by dataset. */
export function vaultIndexRoutes(services: GatewayServices): Hono<GatewayEnv> {
  const app = new Hono<GatewayEnv>()
  app.get('/collections/:id/index', async (context) => {
    const id = context.req.param('id')
    const known = await services.vault.collections()
    if (!services.vaultIndex || !known.some((collection) => collection.id === id))
      throw new SiloError('collection_unknown')
    const datasets = await services.vaultIndex.datasets(id, context.req.raw.signal)
    return context.json({ datasets })
  })
  return app
}
