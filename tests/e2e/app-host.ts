import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { getRequestListener } from '@hono/node-server'
import { Hono } from 'hono'
import type { GatewayEnv } from '#companion/gateway/environment.ts'
import { securityHeaders } from '#companion/gateway/security-headers.ts'
import { StaticFiles } from '#companion/gateway/static-files.ts'

export interface AppHost {
  /** `http://localhost:PORT`, which browsers take for secure. */
  readonly url: string
  /** Paths of requests that no file answers, as of an API. */
  readonly unanswered: string[]
  close(): Promise<void>
}

/**
 * The built app at an origin of its own, with the headers the companion sends and no companion behind: what is not a
 * file or a page is answered with a page that says 404, as static hosts do.
 */
export async function hostApp(): Promise<AppHost> {
  const files = new StaticFiles(join(import.meta.dirname, '..', '..', 'build', 'web'))
  const unanswered: string[] = []
  const app = new Hono<GatewayEnv>()
  app.use(securityHeaders)
  app.all('*', async (context) => {
    const found = await files.answer(context)
    if (found) return found
    unanswered.push(context.req.path)
    return context.html('<h1>404: there is nothing here</h1>', 404)
  })
  const handler = getRequestListener((request) => app.fetch(request, {}))
  const server = createServer((request, response) => void handler(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}`,
    unanswered,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      await closed
    },
  }
}
