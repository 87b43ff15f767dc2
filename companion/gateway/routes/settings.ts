import { Hono } from 'hono'
import type { GatewayEnv } from '../environment.ts'
import { readJson } from '../openai/body.ts'
import type { GatewayServices } from '../services.ts'
import { parseInput } from '#shared/errors/parse.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { createKeySchema, patchSettingsSchema } from '#shared/protocol/api.ts'

/** Settings and API keys. */
export function settingsRoutes(services: GatewayServices): Hono<GatewayEnv> {
  const { settings, keys, changes } = services
  const app = new Hono<GatewayEnv>()

  const requireModel = (id: string | undefined, task: 'chat' | 'embed', field: string): void => {
    if (id === undefined) return
    const entry = services.models.list().find((model) => model.entry.id === id)?.entry
    if (!entry) throw new SiloError('model_unknown', { params: { model: id }, field })
    if (entry.task !== task)
      throw new SiloError('model_wrong_task', { params: { model: id, task }, field })
  }

  app.get('/settings', (context) => context.json({ settings: settings.get() }))

  app.patch('/settings', async (context) => {
    const patch = parseInput(patchSettingsSchema, await readJson(context))
    requireModel(patch.chatModelId, 'chat', 'chatModelId')
    requireModel(patch.embedModelId, 'embed', 'embedModelId')
    const next = settings.patch(patch)
    if (patch.kvPagesBytes !== undefined) await services.computedContext?.limit()
    if (patch.engine !== undefined) services.engines?.changed()
    changes.publish('settings')
    return context.json({ settings: next })
  })

  app.get('/keys', (context) => context.json({ keys: keys.list() }))

  app.post('/keys', async (context) => {
    const { name } = parseInput(createKeySchema, await readJson(context))
    const created = keys.create(name)
    changes.publish('settings')
    return context.json(created, 201)
  })

  app.delete('/keys/:id', (context) => {
    keys.remove(context.req.param('id'))
    changes.publish('settings')
    return context.body(null, 204)
  })
  return app
}
