import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import { Hono } from 'hono'
import type { GatewayEnv } from '../environment.ts'
import type { GatewayServices } from '../services.ts'
import { SiloError } from '#shared/errors/silo-error.ts'

/** Models for browsers: what is here, and the bytes, in any range. */
export function pageModelRoutes({ pageModels }: GatewayServices): Hono<GatewayEnv> {
  const app = new Hono<GatewayEnv>()

  app.get('/page-models', async (context) =>
    context.json({ models: (await pageModels?.list()) ?? [] }),
  )

  app.get('/page-models/:id/files/:name', async (context) => {
    const { id, name } = context.req.param()
    if (!pageModels) throw new SiloError('model_unknown', { params: { model: id } })
    const { path, file } = await pageModels.find(id, name, context.req.raw.signal)
    const tag = `"${file.sha256}"`
    const headers = new Headers({
      'Content-Type': 'application/octet-stream',
      'Accept-Ranges': 'bytes',
      ETag: tag,
    })
    // A tag that is not this file's means another file was begun: it gets all of this one.
    const given = context.req.header('if-range')
    const asked = given === undefined || given === tag ? context.req.header('range') : undefined
    const range = rangeOf(asked, file.size)
    if (range === 'unsatisfiable') {
      headers.set('Content-Range', `bytes */${file.size}`)
      return new Response(null, { status: 416, headers })
    }
    const { start, end } = range ?? { start: 0, end: file.size - 1 }
    headers.set('Content-Length', String(end - start + 1))
    if (range) headers.set('Content-Range', `bytes ${start}-${end}/${file.size}`)
    const body = context.req.method === 'HEAD' ? null : createReadStream(path, { start, end })
    return new Response(body && (Readable.toWeb(body) as ReadableStream), {
      status: range ? 206 : 200,
      headers,
    })
  })
  return app
}

/** One range of bytes; anything else that is well-formed is answered with the whole file, as the standard allows. */
function rangeOf(
  header: string | undefined,
  size: number,
): { start: number; end: number } | 'unsatisfiable' | undefined {
  const found = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? '')
  if (!found || (found[1] === '' && found[2] === '')) return undefined
  const [, from = '', to = ''] = found
  if (from === '') {
    const last = Math.min(Number(to), size)
    return last === 0 ? 'unsatisfiable' : { start: size - last, end: size - 1 }
  }
  const start = Number(from)
  const end = to === '' ? size - 1 : Math.min(Number(to), size - 1)
  return start >= size || end < start ? 'unsatisfiable' : { start, end }
}
