import { Hono } from 'hono'
import type { GatewayEnv } from '../environment.ts'
import { readJson } from '../openai/body.ts'
import type { AgentGateway } from '../services.ts'
import { idSchema } from '#shared/domain/ids.ts'
import { parseInput } from '#shared/errors/parse.ts'
import { putScheduleSchema } from '#shared/protocol/agent.ts'

/** What is done at set times. */
export function scheduleRoutes({ schedules }: AgentGateway): Hono<GatewayEnv> {
  const app = new Hono<GatewayEnv>()
  app.get('/schedules', (context) => context.json({ schedules: schedules.list() }))
  app.put('/schedules/:id', async (context) => {
    const id = parseInput(idSchema, context.req.param('id'))
    return context.json({ schedule: schedules.put(id, parseInput(putScheduleSchema, await readJson(context))) }) // prettier-ignore
  })
  app.delete('/schedules/:id', (context) => {
    schedules.remove(context.req.param('id'))
    return context.body(null, 204)
  })
  app.post('/schedules/:id/run', (context) =>
    context.json({ run: schedules.runNow(context.req.param('id')) }, 202),
  )
  return app
}
