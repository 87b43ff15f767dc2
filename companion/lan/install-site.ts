import type { LanRoad } from '#companion/gateway/environment.ts'
import type { Language } from '#shared/errors/silo-error.ts'
import { appleProfile } from './apple-profile.ts'
import { installPolicy, renderInstallPage } from './install-page.ts'
import type { System } from './install-texts.ts'
import type { LocalCa } from './local-ca.ts'

export interface InstallSiteOptions {
  readonly ca: Pick<LocalCa, 'der' | 'pem' | 'fingerprint'>
  /** The authority's name. */
  readonly authority: string
  /** Names and addresses under which the companion is reached. */
  readonly accepts: LanRoad['accepts']
  /** Port of the page itself. */
  readonly port: () => number
  /** A name that stays when the address changes; what the page leads to first. */
  readonly stableName: () => string | undefined
}

const common = {
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
}

/**
 * What is served over plain HTTP: the page that explains the certificate, the certificate, and the way to the app
 * over HTTPS. Neither the app nor its API is here.
 */
export function createInstallSite(
  options: InstallSiteOptions,
): (request: Request, appPort: number) => Response {
  const { ca, authority } = options
  const files: Record<string, { type: string; body: string | Uint8Array<ArrayBuffer> }> = {
    '/silo-ca.crt': { type: 'application/x-x509-ca-cert', body: ca.der },
    '/silo-ca.pem': { type: 'application/x-pem-file', body: ca.pem },
    '/silo-ca.mobileconfig': {
      type: 'application/x-apple-aspen-config',
      body: appleProfile(ca, authority),
    },
  }
  return (request, appPort) => {
    const url = new URL(request.url)
    const name = hostOf(request.headers.get('host') ?? '', options)
    if (name === undefined) return plain(403, 'Requests for this host name are refused.')
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return plain(405, 'GET or HEAD', { Allow: 'GET, HEAD' })
    const appUrl = `https://${name}:${appPort}`
    const file = Object.hasOwn(files, url.pathname) ? files[url.pathname] : undefined
    if (file)
      return new Response(file.body, {
        headers: {
          ...common,
          'Content-Type': file.type,
          // Safari offers to install a profile only where it is not a download.
          ...(url.pathname.endsWith('.mobileconfig')
            ? {}
            : { 'Content-Disposition': `attachment; filename="${url.pathname.slice(1)}"` }),
        },
      })
    if (url.pathname === '/') {
      const stable = options.stableName()
      const page = renderInstallPage({
        language: languageOf(url.searchParams.get('lang') ?? request.headers.get('accept-language')), // prettier-ignore
        system: systemOf(request.headers.get('user-agent') ?? ''),
        fingerprint: ca.fingerprint,
        authority,
        appUrl: `${appUrl}/`,
        stableUrl:
          stable === undefined || isName(name) ? undefined : `https://${stable}:${appPort}/`,
      })
      const type = 'text/html; charset=utf-8'
      return new Response(page, {
        headers: {
          ...common,
          'Content-Type': type,
          'Content-Security-Policy': installPolicy,
          Vary: 'Accept-Language, User-Agent',
        },
      })
    }
    if (/^\/(api|v1)(\/|$)/.test(url.pathname)) return plain(404, 'There is nothing at this address.') // prettier-ignore
    return new Response(null, {
      status: 302,
      // A path of two slashes would name another host.
      headers: { ...common, Location: appUrl + url.pathname.replace(/^\/{2,}/, '/') + url.search },
    })
  }
}

function plain(status: number, text: string, headers: Record<string, string> = {}): Response {
  const type = 'text/plain; charset=utf-8'
  return new Response(`${text}\n`, { status, headers: { ...common, 'Content-Type': type, ...headers } }) // prettier-ignore
}

function hostOf(header: string, { accepts, port }: InstallSiteOptions): string | undefined {
  const match = /^([a-z0-9.-]+)(?::(\d+))?$/.exec(header.toLowerCase())
  const name = match?.[1]
  return name !== undefined && Number(match?.[2] ?? 80) === port() && accepts(name)
    ? name
    : undefined
}

function isName(host: string): boolean {
  return !/^[\d.]+$/.test(host)
}

/** `zh` or `en`, whichever the reader wants more; English where it wants neither. */
export function languageOf(header: string | null): Language {
  const wishes = (header ?? '').split(',').map((part) => {
    const [tag = '', ...parameters] = part.trim().split(';')
    const quality = parameters.map((text) => /^\s*q=([\d.]+)/.exec(text)?.[1]).find(Boolean)
    return { language: tag.slice(0, 2).toLowerCase(), quality: Number(quality ?? 1) }
  })
  const known = wishes.filter(({ language, quality }) => quality > 0 && (language === 'zh' || language === 'en')) // prettier-ignore
  return known.toSorted((a, b) => b.quality - a.quality)[0]?.language === 'zh' ? 'zh' : 'en'
}

export function systemOf(userAgent: string): System | undefined {
  if (/iPhone|iPad|iPod/.test(userAgent)) return 'ios'
  if (/Android/.test(userAgent)) return 'android'
  if (/Windows/.test(userAgent)) return 'windows'
  if (/Macintosh/.test(userAgent)) return 'macos'
  return /Linux|X11|CrOS/.test(userAgent) ? 'linux' : undefined
}
