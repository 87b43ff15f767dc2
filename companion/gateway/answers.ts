import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { SiloError, toSiloError, toWire } from '#shared/errors/silo-error.ts'
import { newId } from '#shared/domain/ids.ts'
import type { Log } from '#companion/observe/log.ts'
import type { GatewayContext } from './environment.ts'
import { errorResponse } from './openai/errors.ts'

/** The one place where an error becomes an answer. What is unknown is logged under the id the client sees. */
export function answerError(error: unknown, context: GatewayContext, log: Log): Response {
  const errorId = newId()
  const known = toSiloError(error, errorId)
  const place = { method: context.req.method, path: context.req.path }
  if (known.code === 'internal') log.error('request failed', { ...place, errorId, error })
  else if (known.httpStatus >= 500)
    log.warn('request failed', { ...place, code: known.code, error })
  else log.debug('request refused', { ...place, code: known.code })
  context.header('Cache-Control', 'no-store')
  if (context.req.path.startsWith('/v1/')) return errorResponse(context, known)
  return context.json({ error: toWire(known) }, known.httpStatus as ContentfulStatusCode)
}

/**
 * Says for an unmatched address whether it is unknown or only does not take the method.
 * `routes` are the app's own; patterns are Hono's (`:name` is one segment).
 */
export function refusalOf(
  routes: readonly { method: string; path: string }[],
): (path: string) => { error: SiloError; allow: string[] } {
  const patterns = routes
    .filter((route) => route.method !== 'ALL' && !route.path.includes('*'))
    .map((route) => ({
      method: route.method,
      pattern: new RegExp(`^${route.path.replace(/:\w+(\{[^}]*\})?/g, '[^/]+')}$`),
    }))
  return (path) => {
    const allow = patterns.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method)
    return { error: new SiloError(allow.length > 0 ? 'method_not_allowed' : 'not_found'), allow }
  }
}
