import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import type { Hono } from 'hono'
import { SiloError } from '#shared/errors/silo-error.ts'
import type { GatewayEnv } from './environment.ts'

export interface HttpServer {
  readonly port: number
  /** Stops listening and ends every connection. */
  close(): Promise<void>
}

/**
 * Serves the app on node:http. A request must arrive within a minute; an answer may take as long as it takes.
 * @throws SiloError port_in_use, config_invalid where the address is none of this machine
 */
export async function listen(
  app: Hono<GatewayEnv>,
  address: { host: string; port: number },
): Promise<HttpServer> {
  // Node's bindings are not passed on: a local request must never bring a caller of its own.
  const handler = getRequestListener((request) => app.fetch(request, {}))
  const server: Server = createServer(
    { requestTimeout: 60_000, headersTimeout: 20_000, keepAliveTimeout: 10_000, noDelay: true },
    (request, response) => void handler(request, response),
  )
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      if (cause.code === 'EADDRINUSE' || cause.code === 'EACCES')
        reject(new SiloError('port_in_use', { params: { port: address.port }, cause }))
      else
        reject(
          new SiloError('config_invalid', {
            params: { detail: `SILO_HOST: ${cause.code ?? cause.message}` },
            field: 'SILO_HOST',
            cause,
          }),
        )
    })
    server.listen(address.port, address.host, resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      await closed
    },
  }
}
