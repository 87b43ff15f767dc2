import type * as v from 'valibot'
import { SiloError, toSiloError } from '#shared/errors/silo-error.ts'
import { request, type RequestOptions, type Road } from './api.ts'
import { connection } from './stream.svelte.ts'

const away = new Set(['offline', 'page-only', 'revoked'])

/**
 * As `request`, for what reads the vault: while no companion can be reached, this device's copies answer.
 * @throws SiloError what the companion says; where it is away and the copies have it not, companion_unreachable
 */
export async function requestVault<S extends v.GenericSchema>(
  path: string,
  schema: S,
  options: RequestOptions = {},
): Promise<v.InferOutput<S>> {
  let failure = new SiloError('companion_unreachable')
  if (!away.has(connection.state)) {
    try {
      return await request(path, schema, options)
    } catch (cause) {
      failure = toSiloError(cause, 'page')
      if (!['companion_unreachable', 'timeout'].includes(failure.code)) throw failure
    }
  }
  try {
    return await request(path, schema, { ...options, road: await copies() })
  } catch (cause) {
    const error = toSiloError(cause, 'page')
    // What is not here may be there.
    if (['collection_unknown', 'document_unknown'].includes(error.code)) throw failure
    throw error
  }
}

async function copies(): Promise<Road> {
  return (await import('./vault-copies/vault-road.ts')).vaultRoad
}
