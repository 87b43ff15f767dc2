/** The parts of the service worker that need no worker: what a request is, and what a file needs. */
export type Kind = 'file' | 'page' | 'share' | 'pass'

export interface RequestTraits {
  readonly method: string
  readonly mode: string
  readonly destination: string
}

/**
 * `file`: part of the build, stored. `page`: a page of the app. `share`: what another app gives to this one.
 * `pass`: none of the worker's business.
 */
export function kindOf(
  request: RequestTraits,
  url: URL,
  build: {
    readonly origin: string
    readonly immutablePaths: ReadonlySet<string>
    readonly assetPaths: ReadonlySet<string>
  },
): Kind {
  if (url.origin !== build.origin) return 'pass'
  if (request.method === 'POST' && request.mode === 'navigate' && url.pathname === '/share')
    return 'share'
  if (request.method !== 'GET') return 'pass'
  if (/^\/(api|v1)(\/|$)/.test(url.pathname)) return 'pass'
  if (build.immutablePaths.has(url.pathname) || build.assetPaths.has(url.pathname)) return 'file'
  // A page address with a start token is answered with a redirect and a cookie: only the companion can.
  const isPage = request.mode === 'navigate' && request.destination === 'document'
  return isPage && !url.searchParams.has('token') ? 'page' : 'pass'
}

/** Absolute paths of the scripts and styles that the page names. */
export function resourcesOf(html: string): string[] {
  return [...html.matchAll(/(?:href|src)="(\/[^"?#]+)"|import\("(\/[^"?#]+)"\)/g)].map(
    ([, linked, imported]) => linked ?? imported ?? '',
  )
}

/** Absolute paths of the modules that `source`, a built module at `path`, imports statically. */
export function importsOf(source: string, path: string): string[] {
  const found = source.matchAll(/(?:^|[;}\s])(?:import|export)\s*(?:[\w*{][^;'"()]*?from\s*)?["'](\.{1,2}\/[^"']+|\/[^"']+)["']/g) // prettier-ignore
  return [...found].map(([, target = '']) => new URL(target, `http://build${path}`).pathname)
}
