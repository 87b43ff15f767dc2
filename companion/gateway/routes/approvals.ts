import { Hono } from 'hono'
import * as v from 'valibot'
import type { GatewayEnv } from '../environment.ts'
import { readJson } from '../openai/body.ts'
import { authorOf } from '../rights.ts'
import type { AgentGateway } from '../services.ts'
import { approvalAnswerSchema, changeEditSchema } from '#shared/domain/approval.ts'
import { parseInput } from '#shared/errors/parse.ts'
import { SiloError } from '#shared/errors/silo-error.ts'

const previewSchema = v.object({
  edits: v.optional(v.pipe(v.array(changeEditSchema), v.maxLength(10_000)), []),
})

/** What tasks ask, and the answers: from the companion or from any device of an owner. */
export function approvalRoutes({ service, picture }: AgentGateway): Hono<GatewayEnv> {
  const { approvals } = service
  const app = new Hono<GatewayEnv>()

  app.get('/approvals', (context) =>
    context.json({ approvals: approvals.list({ open: context.req.query('state') !== 'all' }) }),
  )

  app.get('/approvals/:id', (context) =>
    context.json({ approval: approvals.get(context.req.param('id')) }),
  )

  app.post('/approvals/:id/answer', async (context) => {
    const answer = parseInput(approvalAnswerSchema, await readJson(context))
    const by = authorOf(context.get('caller'))
    return context.json({ approval: service.answer(context.req.param('id'), answer, by) })
  })

  app.post('/approvals/:id/preview', async (context) => {
    const { edits } = parseInput(previewSchema, await readJson(context))
    return context.json({ plan: approvals.preview(context.req.param('id'), edits) })
  })

  app.get('/approvals/:id/changes/:changeId/picture', async (context) => {
    const { body } = approvals.get(context.req.param('id'))
    const changes = body.kind === 'changes' ? body.plan.changes : []
    const change = changes.find(({ id }) => id === context.req.param('changeId'))
    const path = change && (change.type === 'move' ? change.from : change.type === 'trash' || change.type === 'replace' ? change.path : undefined) // prettier-ignore
    const bytes = path === undefined ? undefined : await picture?.(path, context.req.raw.signal)
    if (!bytes) throw new SiloError('not_found')
    return context.body(new Uint8Array(bytes), 200, {
      'Content-Type': 'image/png',
      'Content-Security-Policy': 'sandbox',
      'Cache-Control': 'private, max-age=3600',
    })
  })
  return app
}
