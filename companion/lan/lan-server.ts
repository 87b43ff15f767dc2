import { createServer as createHttpServer, type Server } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import type { GatewayEnv, LanRoad } from '#companion/gateway/environment.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { isLanAddress } from './interfaces.ts'
import type { ServerCertificate } from './local-ca.ts'

export interface LanServerOptions {
  /** The gateway's app. */
  readonly app: { fetch(request: Request, bindings: GatewayEnv['Bindings']): Response | Promise<Response> } // prettier-ignore
  /** The page that explains the certificate; `port` is the one of the app. */
  readonly install: (request: Request, port: number) => Response | Promise<Response>
  /** Port of the app; 0 takes any free ones for app and page. */
  readonly port: number
  /** Names and addresses under which the app is reached. */
  readonly accepts: LanRoad['accepts']
  readonly certificate: ServerCertificate
  /** Address to bind; all of IPv4 unless a test says otherwise. */
  readonly host?: string
}

/** The page of explanations has a port of its own, this far from the app's: between them lie those of the link. */
export const installPortOffset = 3

const limits = { requestTimeout: 60_000, headersTimeout: 20_000, keepAliveTimeout: 10_000, noDelay: true } // prettier-ignore

/**
 * The app over HTTPS for the local network, and beside it over HTTP the page that explains how to trust it.
 * Connections from or to public addresses are ended before a byte is read.
 */
export class LanServer {
  readonly #secure: ReturnType<typeof createHttpsServer>
  readonly #plain: Server

  private constructor(secure: ReturnType<typeof createHttpsServer>, plain: Server) {
    this.#secure = secure
    this.#plain = plain
  }

  /** @throws SiloError lan_port_in_use */
  static async listen(options: LanServerOptions): Promise<LanServer> {
    const { app, install, accepts, certificate, host = '0.0.0.0' } = options
    let port = options.port
    const answer = getRequestListener((request) => app.fetch(request, { lan: { port, accepts } }))
    const explain = getRequestListener((request) => install(request, port))
    const { key, chain: cert } = certificate
    const secure = createHttpsServer({ key, cert, minVersion: 'TLSv1.2', handshakeTimeout: 20_000, ...limits }) // prettier-ignore
    secure.on('request', (request, response) => void answer(request, response))
    const plain = createHttpServer(limits, (request, response) => void explain(request, response))
    for (const server of [secure, plain]) server.on('connection', refuseStrangers)
    try {
      port = await listen(secure, host, options.port)
      await listen(plain, host, options.port === 0 ? 0 : options.port + installPortOffset)
    } catch (error) {
      await Promise.all([close(secure), close(plain)])
      throw error
    }
    return new LanServer(secure, plain)
  }

  get port(): number {
    return portOf(this.#secure)
  }

  get installPort(): number {
    return portOf(this.#plain)
  }

  /** From the next connection on. */
  setCertificate({ key, chain }: ServerCertificate): void {
    this.#secure.setSecureContext({ key, cert: chain, minVersion: 'TLSv1.2' })
  }

  /** Ends every connection and frees both ports. */
  async close(): Promise<void> {
    await Promise.all([close(this.#secure), close(this.#plain)])
  }
}

type AnyServer = Server | ReturnType<typeof createHttpsServer>

function refuseStrangers(socket: Socket): void {
  if (!isLanAddress(socket.localAddress ?? '') || !isLanAddress(socket.remoteAddress ?? '')) socket.destroy() // prettier-ignore
}

function listen(server: AnyServer, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) =>
      reject(new SiloError('lan_port_in_use', { params: { port }, cause })),
    )
    server.listen(port, host, () => resolve(portOf(server)))
  })
}

function portOf(server: AnyServer): number {
  return (server.address() as AddressInfo).port
}

async function close(server: AnyServer): Promise<void> {
  if (!server.listening) return
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  server.closeAllConnections()
  await closed
}
