import { Hono } from 'hono'
import * as v from 'valibot'
import type { Uploads } from '#companion/uploads/uploads.ts'
import type { GatewayEnv } from '../environment.ts'
import { readJson } from '../openai/body.ts'
import { spaceOf } from '../permission.ts'
import { rightsOf } from '../rights.ts'
import type { GatewayServices } from '../services.ts'
import { parseInput } from '#shared/errors/parse.ts'
import { createUploadSchema } from '#shared/protocol/upload.ts'

const partQuery = v.object({
  offset: v.pipe(v.string(), v.regex(/^\d{1,15}$/), v.transform(Number)),
})

/** Requests whose body is a part of a file: they are measured while they are written, not held in memory. */
export function isUploadPart(method: string, path: string): boolean {
  return method === 'PATCH' && /^\/api\/uploads\/[^/]+$/.test(path)
}

/** Files that a device sends into a collection. */
export function uploadRoutes(
  uploads: Uploads,
  services: Pick<GatewayServices, 'team'>,
): Hono<GatewayEnv> {
  const app = new Hono<GatewayEnv>()

  app.get('/uploads', (context) =>
    context.json({ uploads: uploads.list(spaceOf(context.get('caller'))) }),
  )

  app.post('/uploads', async (context) => {
    const request = parseInput(createUploadSchema, await readJson(context))
    rightsOf(context, services).require(request.collectionId, 'write', 'write')
    return context.json({ upload: await uploads.create(request, spaceOf(context.get('caller'))) }, 201) // prettier-ignore
  })

  app.get('/uploads/:id', (context) =>
    context.json({ upload: uploads.get(context.req.param('id'), spaceOf(context.get('caller'))) }),
  )

  app.patch('/uploads/:id', async (context) => {
    const { offset } = parseInput(partQuery, context.req.query())
    const { body, signal } = context.req.raw
    const space = spaceOf(context.get('caller'))
    const id = context.req.param('id')
    const { collectionId } = uploads.get(id, space)
    const rights = rightsOf(context, services)
    const upload = await rights.during([collectionId], 'write', 'write', signal, (signal) =>
      uploads.write(id, space, offset, body, signal),
    )
    return context.json({ upload })
  })

  app.post('/uploads/:id/complete', async (context) => {
    const space = spaceOf(context.get('caller'))
    // Checking a large file goes on when the caller goes away: it asks again.
    const signal = AbortSignal.timeout(15 * 60_000)
    const id = context.req.param('id')
    const { collectionId, size, name } = uploads.get(id, space)
    const rights = rightsOf(context, services)
    const upload = await rights.during([collectionId], 'write', 'write', signal, (signal) =>
      uploads.complete(id, space, signal),
    )
    rights.note({ action: 'write', collectionIds: [collectionId], allowed: true, count: size, detail: name }) // prettier-ignore
    return context.json({ upload })
  })

  app.delete('/uploads/:id', async (context) => {
    await uploads.cancel(context.req.param('id'), spaceOf(context.get('caller')))
    return context.body(null, 204)
  })
  return app
}
