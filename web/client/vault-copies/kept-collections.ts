import type { Collection } from '#shared/domain/vault.ts'
import { toSiloError } from '#shared/errors/silo-error.ts'
import { vaultCopies } from '#web/replica/vault/copies.ts'
import { connection } from '../stream.svelte.ts'
import { collectionOf } from './vault-road.ts'

/** The collections that have a copy here, where `cause` says that no companion can be asked; else undefined. */
export async function collectionsHere(cause: unknown): Promise<Collection[] | undefined> {
  const { code } = toSiloError(cause, 'page')
  const away = connection.state === 'page-only' || ['companion_unreachable', 'timeout'].includes(code) // prettier-ignore
  if (!away) return undefined
  const copies = await vaultCopies()
  return copies.length > 0 ? copies.map(collectionOf) : undefined
}
