import { generateKeyPairSync } from 'node:crypto'
import * as v from 'valibot'
import type { SecretText } from '#companion/config/secret-text.ts'

const part = (length: number) =>
  v.pipe(v.string(), v.regex(new RegExp(`^[A-Za-z0-9_-]{${length}}$`)))
const keysSchema = v.object({ publicKey: part(87), privateKey: part(43) })
/** P-256, base64url: the uncompressed point, and the secret number. */
export type PushKeys = v.InferOutput<typeof keysSchema>

/** The key pair by which push services know this companion (RFC 8292), made once. */
export function pushKeys(stored: SecretText): PushKeys {
  const text = stored.read()
  try {
    const keys = v.safeParse(keysSchema, text === undefined ? undefined : JSON.parse(text))
    if (keys.success) return keys.output
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  const keys = newKeys()
  stored.write(JSON.stringify(keys))
  return keys
}

function newKeys(): PushKeys {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { x = '', y = '', d = '' } = privateKey.export({ format: 'jwk' })
  const point = Buffer.concat([
    Buffer.from([4]),
    Buffer.from(x, 'base64url'),
    Buffer.from(y, 'base64url'),
  ])
  return { publicKey: point.toString('base64url'), privateKey: d }
}
