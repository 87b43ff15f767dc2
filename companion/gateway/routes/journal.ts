import { Hono } from 'hono'
import type { GatewayEnv } from '../environment.ts'
import { readJson } from '../openai/body.ts'
import type { GatewayServices } from '../services.ts'
import type { ChangeBatch } from '#shared/domain/agent-task.ts'
import { parseInput } from '#shared/errors/parse.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { undoRequestSchema } from '#shared/protocol/agent.ts'

const mostBatches = 200

/** The changes that tasks made, and the way back. */
export function journalRoutes(journal: NonNullable<GatewayServices['journal']>): Hono<GatewayEnv> {
  const app = new Hono<GatewayEnv>()
  app.get('/batches', (context) => {
    const asked = Number(context.req.query('limit') ?? mostBatches)
    const limit = Number.isInteger(asked) ? Math.min(Math.max(1, asked), mostBatches) : mostBatches
    return context.json({ batches: journal.list({ limit }) })
  })
  for (const way of ['undo', 'redo'] as const) {
    app.post(`/batches/:id/${way}`, async (context) => {
      const { changeIds } = parseInput(undoRequestSchema, await readJson(context))
      // What a person asked for is finished though the page goes away.
      const batch = await journal[way](context.req.param('id'), changeIds, new AbortController().signal) // prettier-ignore
      return context.json({ batch })
    })
    app.post(`/tasks/:id/${way}`, async (context) => {
      const found = journal.list({ taskId: context.req.param('id'), limit: -1 })
      if (found.length === 0) throw new SiloError('batch_unknown')
      const batches: ChangeBatch[] = []
      for (const { id } of way === 'undo' ? found : found.toReversed())
        batches.push(await journal[way](id, undefined, new AbortController().signal))
      return context.json({ batches })
    })
  }
  return app
}
