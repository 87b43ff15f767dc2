import { Hono } from 'hono'
import type { GatewayEnv } from '../environment.ts'
import { deviceOf } from '../rights.ts'
import type { ReplicaFeed } from '#companion/replica/replica-feed.ts'
import { idSchema } from '#shared/domain/ids.ts'
import { parseInput } from '#shared/errors/parse.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { replicaPageType } from '#shared/protocol/replica-page.ts'
import { replicaQuerySchema } from '#shared/protocol/replica.ts'

/** What devices that answer by themselves copy of the vault. Who may is decided in the feed, page by page. */
export function replicaRoutes(replica: ReplicaFeed): Hono<GatewayEnv> {
  const app = new Hono<GatewayEnv>()

  app.get('/replica', (context) => context.json(replica.list(deviceOf(context.get('caller')))))

  app.get('/replica/:collection/feed', async (context) => {
    const collectionId = parseInput(idSchema, context.req.param('collection'))
    const { since, epoch, change, chunks, limit } = parseInput(replicaQuerySchema, context.req.query()) // prettier-ignore
    if ((change === undefined) !== (chunks === undefined))
      throw new SiloError('bad_request', { params: { detail: 'change: expected with chunks' }, field: 'change' }) // prettier-ignore
    const part = change === undefined || chunks === undefined ? {} : { part: { change, chunks } }
    const page = await replica.page(
      {
        collectionId,
        cursor: { since, ...part },
        epoch,
        limit,
        device: deviceOf(context.get('caller')),
      },
      context.req.raw.signal,
    )
    return context.body(page, 200, {
      'Content-Type': replicaPageType,
      'Content-Length': String(page.length),
    })
  })
  return app
}
