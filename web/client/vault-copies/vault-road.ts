import * as v from 'valibot'
import { newId } from '#shared/domain/ids.ts'
import type { Collection } from '#shared/domain/vault.ts'
import { parseInput } from '#shared/errors/parse.ts'
import { SiloError, toSiloError, toWire } from '#shared/errors/silo-error.ts'
import { searchRequestSchema } from '#shared/protocol/api.ts'
import { vaultCopies } from '#web/replica/vault/copies.ts'
import type { VaultCopy } from '#web/replica/vault/records.ts'
import { documentsOfCopy, searchCopies, textOfCopy } from './reader.ts'

const number = v.pipe(v.string(), v.regex(/^\d{1,12}$/), v.transform(Number))
const documentsQuery = v.object({
  query: v.optional(v.pipe(v.string(), v.maxLength(500)), ''),
  offset: v.optional(number, '0'),
  limit: v.optional(number, '100'),
})
const textQuery = v.object({ start: v.optional(number, '0'), length: v.optional(number, '20000') })

/**
 * The part of the companion's API that reads the vault, answered from this device's copies: same paths, same schemas,
 * same errors. Never rejects: errors are answers.
 */
export async function vaultRoad(path: string, init: RequestInit = {}): Promise<Response> {
  try {
    return await answer(new URL(path, 'http://page'), init)
  } catch (cause) {
    const error = toSiloError(cause, newId())
    return Response.json({ error: toWire(error) }, { status: error.httpStatus })
  }
}

async function answer(url: URL, init: RequestInit): Promise<Response> {
  const [, , kind, id = '', part] = url.pathname.split('/').map(decodeURIComponent)
  const query = Object.fromEntries(url.searchParams)
  switch ([init.method ?? 'GET', kind, id === '' ? '' : ':id', part].filter(Boolean).join(' ')) {
    case 'GET collections':
      return Response.json({ collections: (await vaultCopies()).map(collectionOf) })
    case 'GET collections :id documents':
      return Response.json(await documentsOfCopy(id, parseInput(documentsQuery, query)))
    case 'GET collections :id problems':
      return Response.json({ problems: [] })
    case 'GET documents :id text':
      return Response.json(await textOfCopy(id, parseInput(textQuery, query)))
    case 'POST search': {
      const request = parseInput(searchRequestSchema, JSON.parse(String(init.body)))
      const answer = await searchCopies(request, init.signal ?? new AbortController().signal)
      return Response.json({ ...answer, unreachable: [] })
    }
    default:
      throw new SiloError('companion_unreachable')
  }
}

/** A copy as the companion lists the collection: to be read, and nothing else. */
export function collectionOf({
  id,
  name,
  chosenAt,
  documents,
  chunks,
  syncedAt,
}: VaultCopy): Collection {
  return {
    id,
    name,
    createdAt: chosenAt,
    roots: [],
    documents,
    chunks,
    problems: 0,
    ...(syncedAt === undefined ? {} : { ingestedAt: syncedAt }),
    source: 'copy',
    access: { level: 'read', copy: true },
  }
}
