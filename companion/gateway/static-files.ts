import { createHash } from 'node:crypto'
import { createReadStream, type Stats } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { extname, join, resolve, sep } from 'node:path'
import { Readable } from 'node:stream'
import type { GatewayContext } from './environment.ts'
import { appPolicy, frameHeaders } from './security-headers.ts'

const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.webmanifest': 'application/manifest+json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.woff': 'font/woff',
  '.ttf': 'font/ttf',
  '.wasm': 'application/wasm',
  '.txt': 'text/plain; charset=utf-8',
}
const encodings = [
  { name: 'br', suffix: '.br' },
  { name: 'gzip', suffix: '.gz' },
]

/** Serves the built app: precompressed where it can be, and index.html for every page address. */
export class StaticFiles {
  readonly #root: string
  #policy: { changedAt: number; text: string } | undefined

  constructor(root: string) {
    this.#root = resolve(root)
  }

  /** The file at the request's path, the app's page where a page is asked for, or undefined. */
  async answer(context: GatewayContext): Promise<Response | undefined> {
    const path = safePath(context.req.path)
    if (path === undefined) return undefined
    const file = path === '/' ? undefined : await this.#file(path)
    if (file) return this.#send(context, path, file)
    if (path !== '/' && !isPageRequest(context, path)) return undefined
    const index = await this.#file('/index.html')
    return index && this.#send(context, '/index.html', index)
  }

  async #file(path: string): Promise<{ full: string; stats: Stats } | undefined> {
    const full = join(this.#root, path)
    if (!full.startsWith(this.#root + sep)) return undefined
    const stats = await stat(full).catch(() => undefined)
    return stats?.isFile() ? { full, stats } : undefined
  }

  async #send(
    context: GatewayContext,
    path: string,
    file: { full: string; stats: Stats },
  ): Promise<Response> {
    const headers = new Headers({ Vary: 'Accept-Encoding' })
    headers.set('Content-Type', types[extname(path)] ?? 'application/octet-stream')
    headers.set('Cache-Control', path.startsWith('/_app/immutable/') ? 'public, max-age=31536000, immutable' : 'no-cache') // prettier-ignore
    if (path === '/index.html')
      headers.set('Content-Security-Policy', await this.#appPolicy(file.full, file.stats))
    // A worker's own fetches obey the policy of its script, not that of the page.
    else if (/\.m?js$/.test(path)) headers.set('Content-Security-Policy', appPolicy([]))
    else if (path.endsWith('.html'))
      for (const [name, value] of Object.entries(frameHeaders)) headers.set(name, value)
    const tag = `W/"${file.stats.size.toString(36)}-${file.stats.mtimeMs.toString(36)}"`
    headers.set('ETag', tag)
    if (context.req.header('if-none-match') === tag)
      return new Response(null, { status: 304, headers })

    const accepted = (context.req.header('accept-encoding') ?? '').split(',').map((part) => part.split(';')[0]!.trim()) // prettier-ignore
    let { full, stats } = file
    for (const { name, suffix } of encodings) {
      if (!accepted.includes(name)) continue
      const packed = await this.#file(path + suffix)
      // A file changed since it was packed would be served in its old form.
      if (!packed || packed.stats.mtimeMs < file.stats.mtimeMs - 2000) continue
      headers.set('Content-Encoding', name)
      ;({ full, stats } = packed)
      break
    }
    headers.set('Content-Length', String(stats.size))
    const body =
      context.req.method === 'HEAD'
        ? null
        : stats.size < 1_000_000
          ? new Uint8Array(await readFile(full))
          : (Readable.toWeb(createReadStream(full)) as ReadableStream)
    return new Response(body, { headers })
  }

  /** The page's policy with the hashes of its inline scripts; computed anew when the app was rebuilt. */
  async #appPolicy(full: string, stats: Stats): Promise<string> {
    if (this.#policy?.changedAt === stats.mtimeMs) return this.#policy.text
    const html = await readFile(full, 'utf8')
    const hashes: string[] = []
    for (const [, attributes = '', script = ''] of html.matchAll(
      /<script([^>]*)>([\s\S]*?)<\/script>/gi,
    ))
      // prettier-ignore
      if (!/\bsrc\s*=/.test(attributes) && script !== '')
        hashes.push(`sha256-${createHash('sha256').update(script).digest('base64')}`)
    this.#policy = { changedAt: stats.mtimeMs, text: appPolicy(hashes, { sockets: true }) }
    return this.#policy.text
  }
}

function safePath(path: string): string | undefined {
  let decoded: string
  try {
    decoded = decodeURIComponent(path)
  } catch {
    return undefined
  }
  if (/[\0\\]/.test(decoded) || decoded.split('/').includes('..')) return undefined
  return decoded
}

function isPageRequest(context: GatewayContext, path: string): boolean {
  if (/\.\w{1,12}$/.test(path)) return false
  return (
    context.req.header('sec-fetch-dest') === 'document' ||
    (context.req.header('accept') ?? '').includes('text/html')
  )
}
