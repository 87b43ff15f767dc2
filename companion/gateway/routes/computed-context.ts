import { Hono } from 'hono'
import type * as v from 'valibot'
import type { GatewayEnv } from '../environment.ts'
import type { ComputedContext } from '../services.ts'
import type { computedContextSchema } from '#shared/protocol/api.ts'

/** What models computed of conversations and keep on disk. */
export function computedContextRoutes(computed: ComputedContext): Hono<GatewayEnv> {
  const app = new Hono<GatewayEnv>()

  app.get('/computed-context', async (context) => {
    const usage: v.InferOutput<typeof computedContextSchema> = await computed.usage()
    return context.json(usage)
  })

  app.delete('/computed-context', async (context) => {
    await computed.forget()
    return context.body(null, 204)
  })
  return app
}
