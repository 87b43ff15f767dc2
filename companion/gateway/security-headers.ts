import type { MiddlewareHandler } from 'hono'
import type { GatewayEnv } from './environment.ts'

/**
 * The policy of the app's own page; `scriptHashes` are those of its inline scripts. `sockets` lets it reach paired
 * companions by WebSocket: these lie at any address and port of the network, which no narrower source names.
 */
export function appPolicy(
  scriptHashes: readonly string[],
  { sockets = false }: { sockets?: boolean } = {},
): string {
  const scripts = ["'self'", "'wasm-unsafe-eval'", ...scriptHashes.map((hash) => `'${hash}'`)]
  return [
    "default-src 'self'",
    `script-src ${scripts.join(' ')}`,
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:",
    "font-src 'self' data:",
    `connect-src 'self'${sockets ? ' ws: wss:' : ''}`,
    "worker-src 'self' blob:",
    "frame-src 'self' blob:",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
}

/**
 * The policy of pages that show artifacts: an origin of its own, scripts of the page itself, no network.
 * The app frames them, and nothing else does.
 */
const framePolicy = [
  'sandbox allow-scripts',
  "default-src 'none'",
  "script-src 'unsafe-inline' 'unsafe-eval' blob: data:",
  "style-src 'unsafe-inline'",
  'img-src data: blob:',
  'font-src data:',
  'media-src data: blob:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'self'",
].join('; ')

/**
 * Headers of the page artifacts run in. A content policy stops requests, but neither peer connections nor the
 * connection a browser opens ahead of a navigation it then refuses; an empty allow-list of connections does.
 */
export const frameHeaders: Readonly<Record<string, string>> = {
  'Content-Security-Policy': framePolicy,
  'Connection-Allowlist': '()',
}

/** The policy of everything that is data. */
const dataPolicy = "default-src 'none'; sandbox; frame-ancestors 'none'"

/** Headers every answer carries; a route that needs another policy has set it before. */
export const securityHeaders: MiddlewareHandler<GatewayEnv> = async (context, next) => {
  await next()
  const headers = context.res.headers
  if (!headers.has('Content-Security-Policy')) headers.set('Content-Security-Policy', dataPolicy)
  headers.set('X-Content-Type-Options', 'nosniff')
  headers.set('Referrer-Policy', 'no-referrer')
  headers.set('Cross-Origin-Opener-Policy', 'same-origin')
  headers.set('Cross-Origin-Embedder-Policy', 'require-corp')
  headers.set('Cross-Origin-Resource-Policy', 'same-origin')
  // The app's own page may ask for the microphone (voice) and the camera (pairing codes); pages it frames may not.
  headers.set(
    'Permissions-Policy',
    'camera=(self), microphone=(self), geolocation=(), payment=(), usb=()',
  )
}
