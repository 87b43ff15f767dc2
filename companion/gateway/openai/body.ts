import type { Context } from 'hono'
import { SiloError } from '#shared/errors/silo-error.ts'

/** The request body as parsed JSON. @throws SiloError invalid_json; what the gateway throws for its size passes through */
export async function readJson(context: Context): Promise<unknown> {
  const text = await context.req.text()
  try {
    return JSON.parse(text) as unknown
  } catch (error) {
    throw new SiloError('invalid_json', { cause: error })
  }
}
