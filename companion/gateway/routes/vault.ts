import { Hono } from 'hono'
import * as v from 'valibot'
import type { GatewayEnv } from '../environment.ts'
import { listFolder } from '../folders.ts'
import { readJson } from '../openai/body.ts'
import { roleOf } from '../permission.ts'
import type { GatewayServices } from '../services.ts'
import { parseInput } from '#shared/errors/parse.ts'
import {
  createCollectionSchema,
  patchCollectionSchema,
  searchRequestSchema,
} from '#shared/protocol/api.ts'

const count = (max: number, fallback: string) =>
  v.optional(
    v.pipe(v.string(), v.regex(/^\d{1,12}$/), v.transform(Number), v.maxValue(max)),
    fallback,
  )
const documentsQuery = v.object({
  query: v.optional(v.pipe(v.string(), v.maxLength(500)), ''),
  offset: count(1e9, '0'),
  limit: count(500, '100'),
})
const textQuery = v.object({ start: count(1e12, '0'), length: count(200_000, '20000') })
const folderQuery = v.object({ path: v.optional(v.pipe(v.string(), v.maxLength(4096))) })

/** Collections, their documents, search, and the folder picker. */
export function vaultRoutes(services: GatewayServices): Hono<GatewayEnv> {
  const { vault, changes, conversations } = services
  const app = new Hono<GatewayEnv>()

  app.get('/collections', async (context) =>
    context.json({
      collections: roleOf(context.get('caller')) === 'guest' ? [] : await vault.collections(),
    }),
  )

  app.post('/collections', async (context) => {
    const request = parseInput(createCollectionSchema, await readJson(context))
    const collection = await vault.createCollection(request)
    changes.publish('vault', collection.id)
    return context.json({ collection })
  })

  app.patch('/collections/:id', async (context) => {
    const { name } = parseInput(patchCollectionSchema, await readJson(context))
    const collection = await vault.renameCollection(context.req.param('id'), name)
    changes.publish('vault', collection.id)
    return context.json({ collection })
  })

  app.delete('/collections/:id', async (context) => {
    const id = context.req.param('id')
    // An ingest into it would fill what is being removed.
    for (const run of services.runs.list({ activeOnly: true }))
      if (run.kind === 'ingest' && run.subject === id) {
        services.runs.cancel(run.id)
        await services.runs.finished(run.id)
      }
    await vault.removeCollection(id)
    conversations.forgetCollection(id)
    changes.publish('vault', id)
    changes.publish('conversations')
    return context.body(null, 204)
  })

  app.get('/collections/:id/documents', async (context) => {
    const page = parseInput(documentsQuery, context.req.query())
    return context.json(await vault.documents(context.req.param('id'), page))
  })

  app.get('/collections/:id/problems', async (context) =>
    context.json({ problems: await vault.problems(context.req.param('id')) }),
  )

  app.get('/documents/:id/text', async (context) => {
    const range = parseInput(textQuery, context.req.query())
    return context.json(await vault.documentText(context.req.param('id'), range))
  })

  app.post('/search', async (context) => {
    const request = parseInput(searchRequestSchema, await readJson(context))
    return context.json({ hits: await vault.search(request, context.req.raw.signal) })
  })

  app.get('/folders', async (context) => {
    const { path } = parseInput(folderQuery, context.req.query())
    return context.json(await listFolder(path))
  })
  return app
}
