import { randomBytes, timingSafeEqual, createHash } from 'node:crypto'
import { chmodSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Writes a file only its owner may read, in one step: a reader sees the old content or the new. */
export function writeSecret(path: string, text: string): void {
  const temporary = `${path}.${process.pid}.new`
  writeFileSync(temporary, text, { mode: 0o600 })
  renameSync(temporary, path)
}

/** The start token of this home (256 bits, base64url), made at the first start (docs/decisions/0005). */
export function startToken(home: string): string {
  const path = join(home, 'token')
  try {
    const token = readFileSync(path, 'utf8').trim()
    if (/^[A-Za-z0-9_-]{43}$/.test(token)) {
      chmodSync(path, 0o600)
      return token
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  const token = randomBytes(32).toString('base64url')
  writeSecret(path, `${token}\n`)
  return token
}

/** Compares without telling by its duration where the first difference is, nor how long `expected` is. */
export function sameSecret(given: string, expected: string): boolean {
  return timingSafeEqual(digest(given), digest(expected))
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
