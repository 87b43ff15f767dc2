import type { SearchHit } from '#shared/domain/vault.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { fuse } from '#shared/vault/fusion.ts'
import { Best } from './best.ts'
import { leaseTime, noteCopy, vaultCopies } from './copies.ts'
import { searchDense } from './dense.ts'
import { searchText } from './full-text.ts'
import { leaseDays, leaseOf } from './lease.ts'
import type { LoadedCollection, LoadedSegment } from './loaded-collection.ts'
import type { VaultCopy } from './records.ts'
import type { Shelf } from './shelf.ts'

export interface VaultQuery {
  readonly text: string
  /** Of `text`, by the model the copies' vectors are of; without it only words are searched. */
  readonly vector?: Float32Array
  /** Of which model `vector` is. */
  readonly modelId?: string
  /** Empty: all copies. */
  readonly collectionIds: readonly string[]
  readonly limit: number
}

/** Candidates of each list that fusion sees, per hit wanted: as on the companion. */
const candidates = 4
/** Searches of a copy are noted at most so often, ms. */
const noteEvery = 60_000

/**
 * The best passages of this device's copies first.
 * @throws SiloError replica_expired where nothing asked for may be used any more, collection_unknown where none is here
 */
export async function searchVault(
  shelf: Shelf,
  query: VaultQuery,
  signal: AbortSignal,
): Promise<SearchHit[]> {
  const now = await leaseTime()
  const wanted = new Set(query.collectionIds)
  const here = (await vaultCopies()).filter(({ id }) => wanted.size === 0 || wanted.has(id))
  if (here.length === 0) {
    if (wanted.size > 0) throw new SiloError('collection_unknown')
    return []
  }
  const valid = here.filter((copy) => leaseOf(copy, now) === 'valid')
  if (valid.length === 0) throw new SiloError('replica_expired', { params: { days: leaseDays } })
  const ids = valid.map(({ id }) => id)
  return shelf.reading(ids, () => searchCopies(shelf, query, valid, now, signal))
}

async function searchCopies(
  shelf: Shelf,
  query: VaultQuery,
  valid: readonly VaultCopy[],
  now: number,
  signal: AbortSignal,
): Promise<SearchHit[]> {
  const collections = new Map<LoadedSegment, LoadedCollection>()
  const comparable: LoadedSegment[] = []
  for (const copy of valid) {
    signal.throwIfAborted()
    const { collection } = await shelf.load(copy.id)
    for (const segment of collection.segments) collections.set(segment, collection)
    if (query.modelId === undefined || copy.modelId === query.modelId)
      comparable.push(...collection.segments)
    void noteUse(copy, now)
  }
  signal.throwIfAborted()
  const dense = new Best<LoadedSegment>(query.limit * candidates)
  if (query.vector) searchDense(comparable, query.vector, dense)
  const text = new Best<LoadedSegment>(query.limit * candidates)
  searchText([...collections.keys()], query.text, text)

  const order = new Map([...collections.keys()].map((segment, index) => [segment, index]))
  const fused = fuse([dense.sorted(), text.sorted()], ({ of, row }) => `${order.get(of)}/${row}`)
  const hits: SearchHit[] = []
  for (const { item, score, ranks } of fused.slice(0, query.limit)) {
    signal.throwIfAborted()
    const [denseRank, textRank] = ranks
    hits.push({
      ...(await hitOf(shelf, collections.get(item.of)!, item.of, item.row)),
      score,
      ...(denseRank === undefined ? {} : { denseRank }),
      ...(textRank === undefined ? {} : { textRank }),
    })
  }
  return hits
}

async function hitOf(
  shelf: Shelf,
  collection: LoadedCollection,
  loaded: LoadedSegment,
  row: number,
): Promise<Omit<SearchHit, 'score'>> {
  const [chunkId, headings, text] = await shelf.text(collection.id, loaded, row)
  const { columns, entries } = loaded.segment
  const own = entries[loaded.entryOf[row]!]!.document
  // A later page may have renamed it.
  const { id, title, path, owner, kind, date, modifiedAt } = collection.documents.get(own.id)?.document ?? own // prettier-ignore
  const page = columns.page[row]!
  return {
    documentId: id,
    collectionId: collection.id,
    chunkId,
    title,
    path,
    ...(page > 0 ? { page } : {}),
    headings,
    start: columns.start[row]!,
    end: columns.end[row]!,
    text,
    modifiedAt,
    ...(owner === undefined ? {} : { owner }),
    ...(kind === undefined ? {} : { kind }),
    ...(date === undefined ? {} : { date }),
  }
}

async function noteUse({ id, usedAt }: VaultCopy, now: number): Promise<void> {
  if (now - usedAt < noteEvery) return
  await noteCopy(id, (copy) => ({ ...copy, usedAt: now })).catch(() => {})
}
