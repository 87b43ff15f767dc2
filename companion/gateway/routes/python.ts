import { Hono } from 'hono'
import type { GatewayEnv } from '../environment.ts'
import { readJson } from '../openai/body.ts'
import { spaceOf } from '../permission.ts'
import type { GatewayServices } from '../services.ts'
import type { PackageService } from '#companion/sandbox/package-service.ts'
import { parseInput } from '#shared/errors/parse.ts'
import { addPythonPackagesSchema } from '#shared/protocol/python.ts'

/** What Python in the sandbox can import. For owners: elsewhere it is decided who may ask. */
export function pythonRoutes(
  packages: PackageService,
  { runs }: Pick<GatewayServices, 'runs'>,
): Hono<GatewayEnv> {
  const app = new Hono<GatewayEnv>()

  app.get('/python/packages', async (context) => context.json({ imports: await packages.list() }))

  app.post('/python/packages', async (context) => {
    const request = parseInput(addPythonPackagesSchema, await readJson(context))
    const run = runs.start({
      id: request.id,
      kind: 'download',
      subject: request.packages.join(', '),
      space: spaceOf(context.get('caller')),
      request,
      execute: packages.fetching(request.packages),
    })
    return context.json({ run }, 202)
  })
  return app
}
