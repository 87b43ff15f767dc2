import { Hono } from 'hono'
import type { GatewayEnv } from '../environment.ts'
import { readJson } from '../openai/body.ts'
import { spaceOf } from '../permission.ts'
import type { EngineService, GatewayServices } from '../services.ts'
import { engineIdSchema } from '#shared/domain/engine-choice.ts'
import { parseInput } from '#shared/errors/parse.ts'
import { installEngineSchema } from '#shared/protocol/engines.ts'

/** What runs the models of this machine. For owners. Installing is a run. */
export function engineRoutes(
  engines: EngineService,
  { runs }: Pick<GatewayServices, 'runs'>,
): Hono<GatewayEnv> {
  const app = new Hono<GatewayEnv>()

  app.get('/engines', (context) => context.json(engines.list()))

  app.post('/engines/look', async (context) => {
    await engines.look(context.req.raw.signal)
    return context.json(engines.list())
  })

  app.post('/engines/:engine', async (context) => {
    const engine = parseInput(engineIdSchema, context.req.param('engine'))
    const { id } = parseInput(installEngineSchema, await readJson(context))
    const run = runs.start({
      id,
      kind: 'download',
      subject: engine,
      space: spaceOf(context.get('caller')),
      request: { id, engine },
      execute: engines.installing(engine, id),
    })
    return context.json({ run }, 202)
  })
  return app
}
