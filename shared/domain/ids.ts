import * as v from 'valibot'

/** Ids are chosen by the client, so that a repeated request is recognised. 8 to 64 of `[A-Za-z0-9_-]`. */
export const idSchema = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{8,64}$/))

/** Content hashes are lower-case hex SHA-256. */
export const sha256Schema = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/))

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'

/**
 * A time-ordered id: 10 characters of milliseconds, 16 of randomness (80 bits), Crockford base 32.
 * `getRandomValues` is used because `randomUUID` is missing on insecure LAN origins.
 */
export function newId(now: number = Date.now()): string {
  let time = ''
  for (let rest = now, i = 0; i < 10; i++, rest = Math.floor(rest / 32)) {
    time = alphabet[rest % 32] + time
  }
  let random = ''
  for (const byte of globalThis.crypto.getRandomValues(new Uint8Array(16)))
    random += alphabet[byte & 31]
  return time + random
}
