import { Hono } from 'hono'
import type { GatewayEnv } from '../environment.ts'
import { readJson } from '../openai/body.ts'
import type { SafetyService } from '../services.ts'
import { parseInput } from '#shared/errors/parse.ts'
import { startBackupSchema } from '#shared/protocol/safety.ts'

/** How the data folder is kept safe, and backups of it. */
export function safetyRoutes(safety: SafetyService): Hono<GatewayEnv> {
  const app = new Hono<GatewayEnv>()
  app.get('/safety', (context) => context.json(safety.state()))
  app.post('/backups', async (context) => {
    const request = parseInput(startBackupSchema, await readJson(context))
    return context.json({ run: await safety.startBackup(request) }, 202)
  })
  return app
}
