import { Hono } from 'hono'
import * as v from 'valibot'
import type { GatewayContext, GatewayEnv } from '../environment.ts'
import { readJson } from '../openai/body.ts'
import type { AgentGateway } from '../services.ts'
import { idSchema } from '#shared/domain/ids.ts'
import { parseInput } from '#shared/errors/parse.ts'
import type { Language } from '#shared/errors/silo-error.ts'
import { intentRequestSchema, putSkillSchema } from '#shared/protocol/agent.ts'

const mostTasks = 500

const taskQuery = v.object({
  conversation: v.optional(idSchema),
  limit: v.optional(v.pipe(v.string(), v.regex(/^\d{1,4}$/), v.transform(Number)), '50'),
})

/** Tasks of the agent, the skills and tools it has, and where an instruction would go. */
export function agentRoutes({ service }: AgentGateway): Hono<GatewayEnv> {
  const app = new Hono<GatewayEnv>()

  app.post('/intent', async (context) => {
    const { text, collectionIds } = parseInput(intentRequestSchema, await readJson(context))
    return context.json({ intent: await service.intent(text, collectionIds, context.req.raw.signal) }) // prettier-ignore
  })

  app.get('/tasks', (context) => {
    const { conversation, limit } = parseInput(taskQuery, context.req.query())
    return context.json({
      tasks: service.list({
        limit: Math.min(limit, mostTasks),
        ...(conversation === undefined ? {} : { conversationId: conversation }),
      }),
    })
  })
  app.get('/tasks/:id', (context) => context.json(service.get(context.req.param('id'))))
  app.post('/tasks/:id/pause', (context) =>
    context.json({ task: service.pause(context.req.param('id')) }),
  )
  app.post('/tasks/:id/resume', (context) =>
    context.json({ task: service.unpause(context.req.param('id')) }),
  )

  app.get('/skills', (context) => context.json({ skills: service.skills(languageFor(context)) }))
  app.put('/skills/:id', async (context) => {
    const { source } = parseInput(putSkillSchema, await readJson(context))
    return context.json({ skill: service.putSkill(context.req.param('id'), source) })
  })
  app.delete('/skills/:id', (context) => {
    service.removeSkill(context.req.param('id'))
    return context.body(null, 204)
  })

  app.get('/tools', (context) => context.json({ tools: service.tools(languageFor(context)) }))
  return app
}

function languageFor(context: GatewayContext): Language {
  const wanted = context.req.query('language') ?? context.req.header('accept-language') ?? ''
  return wanted.toLowerCase().startsWith('zh') ? 'zh' : 'en'
}
