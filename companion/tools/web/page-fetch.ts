import type { Announcement } from '#companion/observe/outbound.ts'
import { SiloError } from '#shared/errors/silo-error.ts'

export interface PageFetch {
  /** The only way out: refuses what may not leave, and writes it down. */
  announce<T>(announcement: Announcement, work: () => Promise<T>): Promise<T>
  /** Addresses in this house may be asked too. Never for what a model names. */
  readonly house?: boolean
}

export interface FetchedPage {
  /** Where it came from after all redirects. */
  readonly url: string
  readonly mediaType: string
  readonly text: string
}

const mostBytes = 4 * 1024 * 1024
const mostRedirects = 5
const limitMs = 20_000
const agent = 'Silo (reads single pages for a person)'

/**
 * Asks one page, its redirects one by one: each is judged as if it had been named first.
 * @throws SiloError fetch_failed, switch_off, egress_refused; the signal's reason
 */
export async function fetchPage(
  given: string,
  init: {
    readonly kind: 'fetch' | 'search'
    readonly method?: 'GET' | 'POST'
    readonly headers?: Readonly<Record<string, string>>
    readonly body?: string
    readonly signal: AbortSignal
  },
  { announce, house = false }: PageFetch,
): Promise<FetchedPage> {
  let url = webAddress(given)
  const limit = AbortSignal.any([init.signal, AbortSignal.timeout(limitMs)])
  for (let redirects = 0; ; redirects++) {
    const { hostname: host } = url
    try {
      const purpose = init.kind === 'search' ? 'web_search' : 'web_fetch'
      const found = await announce({ kind: init.kind, host, purpose, publicOnly: !house }, () =>
        ask(url, init, limit),
      )
      if ('page' in found) return found.page
      if (redirects >= mostRedirects) throw failed(host, 'too many redirects')
      const next = webAddress(new URL(found.location, url).href)
      // A key is for the host it was given for.
      if (next.host !== url.host && init.headers) throw failed(host, `redirects to ${next.host}`)
      url = next
    } catch (cause) {
      init.signal.throwIfAborted()
      const known = knownError(cause)
      if (known) throw known
      throw failed(host, limit.aborted ? `no answer in ${limitMs / 1000} s` : messageOf(cause), cause) // prettier-ignore
    }
  }
}

/** @throws SiloError fetch_failed */
export function webAddress(given: string): URL {
  const url = URL.canParse(given) ? new URL(given) : undefined
  if (!url || !/^https?:$/.test(url.protocol)) throw failed(given.slice(0, 100), 'not a web address') // prettier-ignore
  if (url.username || url.password) throw failed(url.hostname, 'a password in the address')
  url.hash = ''
  return url
}

async function ask(
  url: URL,
  { method = 'GET', headers = {}, body }: Parameters<typeof fetchPage>[1],
  signal: AbortSignal,
): Promise<{ page: FetchedPage } | { location: string }> {
  const response = await fetch(url, {
    method,
    redirect: 'manual',
    signal,
    headers: { accept: 'text/html, text/*, application/json', 'user-agent': agent, ...headers },
    ...(body === undefined ? {} : { body }),
  })
  const location = response.headers.get('location')
  if (response.status >= 300 && response.status < 400 && location) {
    await response.body?.cancel()
    return { location }
  }
  const mediaType = response.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase() ?? ''
  const isText = /^(text\/|application\/(.+\+)?(json|xml)$)/.test(mediaType)
  if (!response.ok || !isText) {
    await response.body?.cancel()
    throw failed(url.hostname, response.ok ? `not text: ${mediaType || 'unknown'}` : `HTTP ${response.status}`) // prettier-ignore
  }
  return { page: { url: url.href, mediaType, text: await textOf(response, url.hostname) } }
}

async function textOf(response: Response, host: string): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength
    // What has come is thrown away with the rest: half a page misleads. Leaving the loop ends the connection.
    if (size > mostBytes) throw failed(host, `more than ${mostBytes / 1024 / 1024} MB`)
    chunks.push(chunk)
  }
  const charset = /charset=["']?([\w-]+)/i.exec(response.headers.get('content-type') ?? '')?.[1]
  return decoderOf(charset).decode(Buffer.concat(chunks))
}

function decoderOf(charset = 'utf-8'): TextDecoder {
  try {
    return new TextDecoder(charset)
  } catch {
    return new TextDecoder()
  }
}

function failed(host: string, detail: string, cause?: unknown): SiloError {
  return new SiloError('fetch_failed', { params: { host, detail }, cause })
}

/** What the guard refused with lies within what `fetch` throws. */
function knownError(error: unknown): SiloError | undefined {
  for (let each: unknown = error, depth = 0; each instanceof Error && depth < 5; depth++) {
    if (each instanceof SiloError) return each
    each = each.cause
  }
  return undefined
}

function messageOf(error: unknown): string {
  const { cause } = error as { cause?: { code?: unknown; message?: unknown } }
  return String(cause?.code ?? cause?.message ?? (error as Error).message).slice(0, 200)
}
