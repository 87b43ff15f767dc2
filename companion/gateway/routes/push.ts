import { Hono } from 'hono'
import type { Push } from '#companion/push/push.ts'
import type { GatewayContext, GatewayEnv } from '../environment.ts'
import { readJson } from '../openai/body.ts'
import { parseInput } from '#shared/errors/parse.ts'
import { subscribePushSchema, unsubscribePushSchema } from '#shared/protocol/push.ts'

/** Web Push for the browser that asks; off unless an owner switched it on. */
export function pushRoutes(push: Push): Hono<GatewayEnv> {
  const app = new Hono<GatewayEnv>()

  app.get('/push', (context) => context.json(push.info()))

  app.post('/push', async (context) => {
    const { subscription, language } = parseInput(subscribePushSchema, await readJson(context))
    await push.subscribe({ subscription, language, ...deviceOf(context) })
    return context.body(null, 204)
  })

  app.delete('/push', async (context) => {
    const { endpoint } = parseInput(unsubscribePushSchema, await readJson(context))
    push.unsubscribe(endpoint, deviceOf(context).deviceId)
    return context.body(null, 204)
  })
  return app
}

function deviceOf(context: GatewayContext): { deviceId: string; deviceName: string } {
  const caller = context.get('caller')
  return caller.kind === 'device'
    ? { deviceId: caller.deviceId, deviceName: caller.name }
    : { deviceId: '', deviceName: '' }
}
