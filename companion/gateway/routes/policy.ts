import { Hono } from 'hono'
import * as v from 'valibot'
import type { GatewayEnv } from '../environment.ts'
import { readJson } from '../openai/body.ts'
import { authorOf } from '../rights.ts'
import type { GatewayServices } from '../services.ts'
import { switchNameSchema } from '#shared/domain/capability.ts'
import { parseInput } from '#shared/errors/parse.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { createGrantSchema, putSwitchSchema } from '#shared/protocol/agent.ts'

const defaultMinutes = 60

/** What the agent may use without asking, and its two switches. */
export function policyRoutes(policy: NonNullable<GatewayServices['policy']>): Hono<GatewayEnv> {
  const app = new Hono<GatewayEnv>()
  const now = () => ({ grants: policy.grants(), switches: policy.switches() })
  app.get('/policy', (context) => context.json(now()))
  app.put('/policy/switches/:name', async (context) => {
    const name = v.safeParse(switchNameSchema, context.req.param('name'))
    if (!name.success) throw new SiloError('not_found')
    const { on, minutes } = parseInput(putSwitchSchema, await readJson(context))
    policy.setSwitch(name.output, on, minutes ?? defaultMinutes, authorOf(context.get('caller')))
    return context.json(now())
  })
  app.post('/policy/grants', async (context) => {
    const grant = parseInput(createGrantSchema, await readJson(context))
    await policy.grant(grant, authorOf(context.get('caller')))
    return context.json(now(), 201)
  })
  app.delete('/policy/grants/:id', (context) => {
    policy.removeGrant(context.req.param('id'))
    return context.body(null, 204)
  })
  return app
}
