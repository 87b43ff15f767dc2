import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type { GatewayEnv } from '../environment.ts'
import { readJson } from '../openai/body.ts'
import type { Clips } from '#companion/clip/clips.ts'
import { parseInput } from '#shared/errors/parse.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { clipSchema, maxClipBytes } from '#shared/protocol/notes.ts'

/** Quotes and line breaks of HTML take two bytes in JSON. */
const bodyBytes = 2 * maxClipBytes

/** A page is larger than other requests: its own limit holds. */
export function isClip(method: string, path: string): boolean {
  return method === 'POST' && path === '/api/clips'
}

/** Web pages that a browser sends, kept as notes. */
export function clipRoutes(clips: Clips): Hono<GatewayEnv> {
  const app = new Hono<GatewayEnv>()
  const limited = bodyLimit({
    maxSize: bodyBytes,
    onError() {
      throw new SiloError('body_too_large', { params: { limit: bodyBytes } })
    },
  })
  app.post('/clips', limited, async (context) => {
    const clip = parseInput(clipSchema, await readJson(context))
    return context.json({ note: await clips.keep(clip, context.req.raw.signal) }, 201)
  })
  return app
}
