import { Hono } from 'hono'
import type { GatewayEnv } from '../environment.ts'
import { readJson } from '../openai/body.ts'
import type { IngestService } from '../services.ts'
import { parseInput } from '#shared/errors/parse.ts'
import {
  checkRequestSchema,
  retrySchema,
  rootSchema,
  watchedSchema,
} from '#shared/protocol/ingest.ts'

/** How collections are read: holding, going on, trying again, watching; and the check of the vault. */
export function ingestRoutes(ingest: IngestService): Hono<GatewayEnv> {
  const app = new Hono<GatewayEnv>()

  app.post('/collections/:id/pause', (context) =>
    context.json({ collection: ingest.pause(context.req.param('id')) }),
  )

  app.post('/collections/:id/resume', (context) =>
    context.json(ingest.resume(context.req.param('id'))),
  )

  app.post('/collections/:id/retry', async (context) => {
    const { paths } = parseInput(retrySchema, await readJson(context))
    return context.json({ run: ingest.retry(context.req.param('id'), paths) }, 202)
  })

  app.put('/collections/:id/watched', async (context) => {
    const { watched } = parseInput(watchedSchema, await readJson(context))
    return context.json({ collection: ingest.setWatched(context.req.param('id'), watched) })
  })

  app.get('/collections/:id/watch', (context) =>
    context.json({ roots: ingest.watchState(context.req.param('id')) }),
  )

  app.delete('/collections/:id/roots', (context) => {
    const { path } = parseInput(rootSchema, context.req.query())
    return context.json(ingest.removeRoot(context.req.param('id'), path))
  })

  app.post('/vault/check', async (context) => {
    const { id, repair } = parseInput(checkRequestSchema, await readJson(context))
    return context.json({ run: ingest.check(id, repair) }, 202)
  })

  app.get('/vault/check', (context) => context.json({ report: ingest.lastCheck() ?? null }))
  return app
}
