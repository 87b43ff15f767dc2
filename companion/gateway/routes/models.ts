import { Hono } from 'hono'
import type { GatewayEnv } from '../environment.ts'
import { readJson } from '../openai/body.ts'
import type { GatewayServices } from '../services.ts'
import { parseInput } from '#shared/errors/parse.ts'
import { importModelSchema } from '#shared/protocol/api.ts'

/** The models of this machine. A download is a run. */
export function modelRoutes({ models, changes }: GatewayServices): Hono<GatewayEnv> {
  const app = new Hono<GatewayEnv>()

  app.get('/models', (context) => context.json({ models: models.list() }))

  app.get('/models/found', async (context) =>
    context.json({ files: await models.found(context.req.raw.signal) }),
  )

  app.post('/models/import', async (context) => {
    const request = parseInput(importModelSchema, await readJson(context))
    const model = await models.import(request, context.req.raw.signal)
    changes.publish('models', model.entry.id)
    return context.json({ model })
  })

  app.delete('/models/:id', async (context) => {
    const model = await models.remove(context.req.param('id'))
    changes.publish('models', model.entry.id)
    return context.json({ model })
  })
  return app
}
