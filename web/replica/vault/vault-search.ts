import type { SearchHit } from '#shared/domain/vault.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import type { SearchFilters } from '#shared/protocol/search.ts'
import { fitFeatures, fitProbability, fitThreshold } from '#shared/vault/fit.ts'
import { fuse } from '#shared/vault/fusion.ts'
import { withoutRepeats } from '#shared/vault/passage-merge.ts'
import { rankPassages, textWeight } from '#shared/vault/rank.ts'
import { Best } from './best.ts'
import { leaseTime, noteCopy, vaultCopies } from './copies.ts'
import { cosines, searchDense } from './dense.ts'
import { fittingRows } from './filters.ts'
import { searchText } from './full-text.ts'
import { leaseDays, leaseOf } from './lease.ts'
import type { LoadedCollection, LoadedSegment } from './loaded-collection.ts'
import type { VaultCopy } from './records.ts'
import type { Shelf } from './shelf.ts'

export interface VaultQuery {
  /** What is asked, without words that were taken as filters. */
  readonly text: string
  /** Of `text`, by the model the copies' vectors are of; without it only words are searched. */
  readonly vector?: Float32Array
  /** Of which model `vector` is. */
  readonly modelId?: string
  /** Empty: all copies. */
  readonly collectionIds: readonly string[]
  readonly filters?: SearchFilters
  readonly limit: number
}

export interface VaultAnswer {
  /** Best first. */
  readonly hits: SearchHit[]
  /** False: nothing here answers; the hits are merely what is nearest. */
  readonly found: boolean
}

/** Candidates that are ranked, and passages by which is judged what is usual for a question: as on the companion. */
const poolSize = 50
const sampleSize = 200
/** Searches of a copy are noted at most so often, ms. */
const noteEvery = 60_000

/**
 * The best passages of this device's copies, by the companion's own rules.
 * @throws SiloError replica_expired where nothing asked for may be used any more, collection_unknown where none is here
 */
export async function searchVault(
  shelf: Shelf,
  query: VaultQuery,
  signal: AbortSignal,
): Promise<VaultAnswer> {
  const now = await leaseTime()
  const wanted = new Set(query.collectionIds)
  const here = (await vaultCopies()).filter(({ id }) => wanted.size === 0 || wanted.has(id))
  if (here.length === 0) {
    if (wanted.size > 0) throw new SiloError('collection_unknown')
    return { hits: [], found: false }
  }
  const valid = here.filter((copy) => leaseOf(copy, now) === 'valid')
  if (valid.length === 0) throw new SiloError('replica_expired', { params: { days: leaseDays } })
  const ids = valid.map(({ id }) => id)
  for (const copy of valid) void noteUse(copy, now)
  return shelf.reading(ids, () => searchCopies(shelf, query, valid, signal))
}

async function searchCopies(
  shelf: Shelf,
  query: VaultQuery,
  copies: readonly VaultCopy[],
  signal: AbortSignal,
): Promise<VaultAnswer> {
  const { text, vector, filters = {}, limit } = query
  const collections = new Map<LoadedSegment, LoadedCollection>()
  const comparable: LoadedSegment[] = []
  for (const { id, modelId } of copies) {
    signal.throwIfAborted()
    const { collection } = await shelf.load(id)
    for (const segment of collection.segments) collections.set(segment, collection)
    if (query.modelId === undefined || modelId === query.modelId)
      comparable.push(...collection.segments)
  }
  signal.throwIfAborted()
  const fits = fittingRows(collections, filters)
  const pool = Math.max(poolSize, limit)
  const dense = new Best<LoadedSegment>(pool * 2)
  if (vector) searchDense(comparable, vector, dense, fits)
  const words = new Best<LoadedSegment>(pool * 2)
  searchText([...collections.keys()], text, words, fits)

  const order = new Map([...collections.keys()].map((segment, index) => [segment, index]))
  const lists = [dense.sorted(), words.sorted()] as const
  const fused = fuse(lists, ({ of, row }) => `${order.get(of)}/${row}`, [1, textWeight])
  const near = new Map(lists[0].map(({ of, row, score }) => [`${order.get(of)}/${row}`, score]))
  // All at once: most of the time of a search would be waiting for one text after the other.
  const candidates = await Promise.all(
    fused.slice(0, pool).map(async ({ item, score, ranks: [denseRank, textRank] }) => {
      const similarity = near.get(`${order.get(item.of)}/${item.row}`)
      return {
        ...(await hitOf(shelf, collections.get(item.of)!, item.of, item.row)),
        score,
        ...(denseRank === undefined ? {} : { denseRank }),
        ...(textRank === undefined ? {} : { textRank }),
        ...(similarity === undefined ? {} : { similarity }),
      }
    }),
  )
  signal.throwIfAborted()
  // By words alone nothing says how near a passage is: it is taken for an answer, in the order of its words.
  if (!vector) return { hits: withoutRepeats(candidates, limit), found: candidates.length > 0 }
  const hits = rankPassages(text, candidates).map(({ hit, score }) => ({ ...hit, score }))
  const background = cosines(comparable, vector, sampleSize)
  const found = hits.length > 0 && fitProbability(fitFeatures({ question: text, hits, background })) >= fitThreshold // prettier-ignore
  return { hits: withoutRepeats(hits, limit), found }
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
