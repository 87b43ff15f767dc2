import { createHash, randomBytes } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import { migrate } from '#companion/records/database.ts'
import { newId } from '#shared/domain/ids.ts'
import type { ApiKey } from '#shared/domain/settings.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { sameSecret } from './secret-file.ts'

/** How old `usedAt` may be before a use is written down again, ms. */
const usedAtGranularity = 60_000

/** Keys for `/v1`. The secret is shown once; its SHA-256 is what is kept (the secret has 256 random bits). */
export class KeyStore {
  readonly #database: DatabaseSync

  constructor(database: DatabaseSync) {
    this.#database = database
    migrate(database, 'keys', [
      `CREATE TABLE api_keys (
        id TEXT PRIMARY KEY, name TEXT NOT NULL, prefix TEXT NOT NULL, hash TEXT NOT NULL UNIQUE,
        created_at INTEGER NOT NULL, used_at INTEGER
      ) STRICT`,
    ])
  }

  list(): ApiKey[] {
    return this.#database
      .prepare('SELECT * FROM api_keys ORDER BY created_at DESC')
      .all()
      .map(keyOf)
  }

  create(name: string): { key: ApiKey; secret: string } {
    const secret = `sk-silo-${randomBytes(32).toString('base64url')}`
    const key: ApiKey = { id: newId(), name, prefix: secret.slice(0, 14), createdAt: Date.now() }
    this.#database
      .prepare('INSERT INTO api_keys (id, name, prefix, hash, created_at) VALUES (?, ?, ?, ?, ?)')
      .run(key.id, name, key.prefix, hashOf(secret), key.createdAt)
    return { key, secret }
  }

  /** @throws SiloError key_unknown */
  remove(id: string): void {
    const { changes } = this.#database.prepare('DELETE FROM api_keys WHERE id = ?').run(id)
    if (Number(changes) === 0) throw new SiloError('key_unknown')
  }

  /** The key this secret belongs to, or undefined. */
  verify(secret: string, now: number = Date.now()): ApiKey | undefined {
    const hash = hashOf(secret)
    const row = this.#database.prepare('SELECT * FROM api_keys WHERE hash = ?').get(hash)
    if (!row || !sameSecret(String(row.hash), hash)) return undefined
    const key = keyOf(row)
    if ((key.usedAt ?? 0) < now - usedAtGranularity)
      this.#database.prepare('UPDATE api_keys SET used_at = ? WHERE id = ?').run(now, key.id)
    return key
  }
}

function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex')
}

function keyOf(row: Record<string, unknown>): ApiKey {
  return {
    id: String(row.id),
    name: String(row.name),
    prefix: String(row.prefix),
    createdAt: Number(row.created_at),
    ...(row.used_at === null ? {} : { usedAt: Number(row.used_at) }),
  }
}
