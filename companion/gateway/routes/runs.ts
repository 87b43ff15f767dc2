import { Hono } from 'hono'
import * as v from 'valibot'
import type { GatewayContext, GatewayEnv } from '../environment.ts'
import { eventStream } from '../event-stream.ts'
import { readJson } from '../openai/body.ts'
import { requireCollections, requireStart, roleOf, Sight, spaceOf } from '../permission.ts'
import { withoutUnreadable } from '../redaction.ts'
import { rightsOf, type Rights } from '../rights.ts'
import type { GatewayServices } from '../services.ts'
import { parseInput } from '#shared/errors/parse.ts'
import { startRunSchema } from '#shared/protocol/api.ts'
import type { RunEvent } from '#shared/protocol/run-event.ts'
import type { StreamMessage } from '#shared/protocol/stream.ts'
import { protocolVersion } from '#shared/protocol/version.ts'

const afterSchema = v.optional(
  v.pipe(v.string(), v.regex(/^(-1|\d{1,9})$/), v.transform(Number)),
  '-1',
)

/** Starting, following and cancelling runs, and the one event stream of the UI. */
export function runRoutes(services: GatewayServices): Hono<GatewayEnv> {
  const { runs } = services
  const sightOf = (context: GatewayContext) => new Sight(context.get('caller'), services)
  const app = new Hono<GatewayEnv>()

  app.post('/runs', async (context) => {
    const request = parseInput(startRunSchema, await readJson(context))
    const caller = context.get('caller')
    const rights = rightsOf(context, services)
    requireStart(caller, request, rights)
    // What was readable when the conversation began may not be any more.
    if (request.kind === 'chat') {
      const { collectionIds } = services.conversations.get(request.conversationId, spaceOf(caller))
      requireCollections(rights, collectionIds)
    }
    return context.json({ run: services.startRun(request, spaceOf(caller)) }, 202)
  })

  app.get('/runs', (context) => {
    const sight = sightOf(context)
    const listed = runs.list({ activeOnly: context.req.query('active') === '1' })
    return context.json({ runs: listed.filter(({ id }) => sight.seesRun(id)) })
  })

  app.get('/runs/:id/events', (context) => {
    const { after } = parseInput(v.object({ after: afterSchema }), {
      after: context.req.header('last-event-id') ?? context.req.query('after'),
    })
    const id = context.req.param('id')
    const sight = sightOf(context)
    sight.requireRun(id)
    const run = runs.get(id)
    const rights = rightsOf(context, services)
    if ((context.req.header('accept') ?? '').includes('text/event-stream'))
      return follow(services, id, after, sight, rights)
    const events = runs.events(id, after).map((event) => withoutUnreadable(event, rights))
    return context.json({ run, events })
  })

  app.post('/runs/:id/cancel', (context) => {
    const id = context.req.param('id')
    sightOf(context).requireCancel(id)
    return context.json({ run: runs.cancel(id) }, 202)
  })

  app.get('/events', (context) => {
    const sight = sightOf(context)
    const rights = rightsOf(context, services)
    return eventStream(({ send }) => {
      const message = (value: StreamMessage): void => send(value)
      message({ type: 'hello', companionId: services.companionId, protocolVersion })
      const ends = [
        runs.subscribe((event) => {
          if (sight.seesRun(event.runId))
            message({ type: 'run-event', event: withoutUnreadable(event, rights) })
        }),
        services.changes.subscribe((published) => {
          const change = sight.change(published)
          if (change) message({ type: 'change', change })
        }),
      ]
      return () => ends.forEach((end) => end())
    })
  })

  app.get('/status', async (context: GatewayContext) => {
    const status = await services.status()
    const sight = sightOf(context)
    const readable = new Set(rightsOf(context, services).readable())
    const collections = (await services.vault.collections()).filter(({ id }) => readable.has(id))
    return context.json({
      ...status,
      vault: {
        collections: collections.length,
        documents: collections.reduce((sum, { documents }) => sum + documents, 0),
        chunks: collections.reduce((sum, { chunks }) => sum + chunks, 0),
      },
      activeRuns: status.activeRuns.filter(({ id }) => sight.seesRun(id)),
      // Where the data lies is the owners' business.
      home: roleOf(context.get('caller')) === 'owner' ? status.home : '',
    })
  })
  return app
}

/**
 * The log from `after` on, then what comes, to the end of the run or of the right to see it. Nothing is missed: both
 * happen in one tick.
 */
function follow(
  { runs, team }: GatewayServices,
  runId: string,
  after: number,
  sight: Sight,
  rights: Rights,
): Response {
  return eventStream(({ send, close }) => {
    let last = after
    const deliver = (event: RunEvent): void => {
      if (event.runId !== runId || event.seq <= last) return
      if (!sight.seesRun(runId)) return close()
      last = event.seq
      send(withoutUnreadable(event, rights), event.seq)
      if (event.body.type === 'run-ended') close()
    }
    const ends = [
      runs.subscribe(deliver),
      team.policies.onChange(() => {
        if (!sight.seesRun(runId)) close()
      }),
    ]
    for (;;) {
      const events = runs.events(runId, last)
      if (events.length === 0) break
      events.forEach(deliver)
    }
    if (runs.get(runId).outcome !== undefined) close()
    return () => ends.forEach((end) => end())
  })
}
