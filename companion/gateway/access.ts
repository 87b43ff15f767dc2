import type { MiddlewareHandler } from 'hono'
import { getCookie, setCookie } from 'hono/cookie'
import { SiloError } from '#shared/errors/silo-error.ts'
import type { GatewayContext, GatewayEnv, LanRoad } from './environment.ts'
import type { Caller, GatewayServices } from './services.ts'

const cookieSeconds = 400 * 24 * 3600
const loopbackHosts = new Set(['localhost', '127.0.0.1', '[::1]'])
/** By these, clients of an Ollama-style server find the models; an API key opens them as it opens /v1. */
const detectionPaths = new Set(['/api/version', '/api/tags', '/api/show'])

type Access = Pick<
  GatewayServices,
  'startToken' | 'port' | 'allowedHosts' | 'keys' | 'sameSecret' | 'settings'
>

/** Requests that reach the local address under a foreign name or from a foreign page are refused. */
export function sameSite(services: Access): MiddlewareHandler<GatewayEnv> {
  return async (context, next) => {
    // Another road than local HTTP has named its caller and has no Host.
    if (context.env?.caller) return next()
    const host = context.req.header('host') ?? new URL(context.req.url).host
    const lan = context.env?.lan
    const ours = lan ? isLanHost(host.toLowerCase(), lan) : isOurHost(host.toLowerCase(), services)
    if (!ours) throw new SiloError('forbidden_host')
    const origin = context.req.header('origin')
    const isOwn = origin === `https://${host}` || (!lan && origin === `http://${host}`)
    if (origin !== undefined && !isOwn) throw new SiloError('forbidden_origin')
    const site = context.req.header('sec-fetch-site')
    const isPage = !/^\/(api|v1)(\/|$)/.test(context.req.path)
    if (!isPage && site !== undefined && site !== 'same-origin' && site !== 'none')
      throw new SiloError('forbidden_origin')
    return next()
  }
}

/** Lets the caller through that has the start token, or an API key where keys are accepted. */
export function authenticate(services: Access): MiddlewareHandler<GatewayEnv> {
  return async (context, next) => {
    const caller = context.env?.caller ?? callerOf(context, services)
    if (!caller) throw new SiloError('unauthorized')
    const path = context.req.path
    if (caller.kind === 'api-key' && !path.startsWith('/v1/') && !detectionPaths.has(path))
      throw new SiloError('forbidden')
    context.set('caller', caller)
    return next()
  }
}

/** `?token=` on any page: a right one signs the browser in; either way the token leaves the address. */
export function signIn(services: Access): MiddlewareHandler<GatewayEnv> {
  return async (context, next) => {
    const token = context.req.query('token')
    const { path } = context.req
    if (token === undefined || context.req.method !== 'GET' || /^\/(api|v1)(\/|$)/.test(path))
      return next()
    if (services.sameSecret(token, services.startToken))
      setCookie(context, cookieName(context, services), services.startToken, {
        httpOnly: true,
        secure: context.env?.lan !== undefined,
        sameSite: 'Strict',
        path: '/',
        maxAge: cookieSeconds,
      })
    const url = new URL(context.req.url)
    url.searchParams.delete('token')
    context.header('Cache-Control', 'no-store')
    // The first visit goes where the app would send it, without loading the workbench first.
    if (url.pathname === '/' && !services.settings.get().onboarded) url.pathname = '/welcome'
    // A path of two slashes would name another host.
    return context.redirect(`${url.pathname.replace(/^\/{2,}/, '/')}${url.search}`, 302)
  }
}

function callerOf(context: GatewayContext, services: Access): Caller | undefined {
  const bearer = /^Bearer\s+(\S+)\s*$/i.exec(context.req.header('authorization') ?? '')?.[1]
  if (bearer !== undefined) {
    if (services.sameSecret(bearer, services.startToken)) return { kind: 'owner' }
    const key = services.keys.verify(bearer)
    return key && { kind: 'api-key', keyId: key.id, name: key.name }
  }
  const cookie = getCookie(context, cookieName(context, services))
  if (cookie !== undefined && services.sameSecret(cookie, services.startToken))
    return { kind: 'owner' }
  return undefined
}

/** Cookies know no ports: each server has a name of its own. */
function cookieName(context: GatewayContext, services: Access): string {
  return `silo_${context.env?.lan?.port ?? services.port()}`
}

/** Exactly the names and addresses the LAN server has, with its port: a name that was rebound to it is none. */
function isLanHost(host: string, lan: LanRoad): boolean {
  const match = /^([a-z0-9.-]+)(?::(\d+))?$/.exec(host)
  return match !== null && Number(match[2] ?? 443) === lan.port && lan.accepts(match[1]!)
}

function isOurHost(host: string, services: Access): boolean {
  const match = /^(\[[0-9a-f:]+\]|[^:]+)(?::(\d+))?$/.exec(host)
  if (!match) return false
  const [, name = '', port] = match
  if (services.allowedHosts.includes(name) || services.allowedHosts.includes(host)) return true
  return loopbackHosts.has(name) && Number(port ?? 80) === services.port()
}
