import { generateKeyPairSync } from 'node:crypto'
import { chmodSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import * as v from 'valibot'

const part = (length: number) =>
  v.pipe(v.string(), v.regex(new RegExp(`^[A-Za-z0-9_-]{${length}}$`)))
const keysSchema = v.object({ publicKey: part(87), privateKey: part(43) })
/** P-256, base64url: the uncompressed point, and the secret number. */
export type PushKeys = v.InferOutput<typeof keysSchema>

/** The key pair by which push services know this companion (RFC 8292), made once; mode 0600. */
export function pushKeys(path: string): PushKeys {
  try {
    const keys = v.safeParse(keysSchema, JSON.parse(readFileSync(path, 'utf8')))
    if (keys.success) {
      chmodSync(path, 0o600)
      return keys.output
    }
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    if (!missing && !(error instanceof SyntaxError)) throw error
  }
  const keys = newKeys()
  writeFileSync(`${path}.new`, JSON.stringify(keys), { mode: 0o600 })
  renameSync(`${path}.new`, path)
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
