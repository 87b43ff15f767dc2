import type { Document, DocumentText, SearchHit } from '#shared/domain/vault.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import type { SearchFilters, Understood } from '#shared/protocol/search.ts'
import { understandQuery, type QueryMeaning } from '#shared/vault/understand.ts'
import { vaultCopies } from '#web/replica/vault/copies.ts'
import { VaultWorker } from '#web/replica/vault/vault-worker.ts'
import { pageModels } from '../page-engine.svelte.ts'

/** The worker of this tab: for searches and for the sync. */
export const vaultWorker = new VaultWorker()

export interface FoundHere {
  /** Best first. */
  readonly hits: SearchHit[]
  readonly understood: Understood[]
  /** False: nothing here answers; `hits` are merely what is nearest. */
  readonly found: boolean
  /** Why the question was compared by its words only; absent where it was also by its meaning. */
  readonly wordsOnly?: 'no-model' | 'failed'
}

export interface SearchHere {
  readonly query: string
  readonly collectionIds: readonly string[]
  readonly limit: number
  readonly filters?: SearchFilters
  readonly ignore?: readonly string[]
  readonly understand?: boolean
}

/** How long the embedding model may take for a question, with its loading, ms. */
const embedLimit = 90_000

/**
 * Searches this device's copies as the companion would: what the question says of time and kind narrows it, meanings
 * are compared where the embedding model is on this device, and words.
 * @throws SiloError replica_expired, collection_unknown, page_storage_failed, cancelled
 */
export async function searchCopies(request: SearchHere, signal: AbortSignal): Promise<FoundHere> {
  const { query, ignore = [], understand = true } = request
  const meaningOf = (ignored: readonly string[]): QueryMeaning =>
    understand
      ? understandQuery(query, { now: new Date(), owners: [], ignore: ignored })
      : { text: query, understood: [] }
  const meaning = meaningOf(ignore)
  const first = await ask(request, meaning, signal)
  const only = meaning.understood.filter(({ use }) => use === 'only')
  if (first.found || only.length === 0) return first
  // Words that are no filter after all are part of the question again, and are said to be.
  const plain = meaningOf([...ignore, ...only.map(({ id }) => id)])
  const second = await ask(request, plain, signal)
  if (!second.found && first.hits.length > 0) return first
  const dropped = only.map((part): Understood => ({ ...part, use: 'dropped' }))
  return { ...second, understood: [...second.understood, ...dropped] }
}

async function ask(
  { collectionIds, limit, filters = {} }: SearchHere,
  { text, understood }: QueryMeaning,
  signal: AbortSignal,
): Promise<FoundHere> {
  const wanted = new Set(collectionIds)
  const copies = (await vaultCopies()).filter(({ id }) => wanted.size === 0 || wanted.has(id))
  const modelId = copies.find((copy) => copy.modelId !== undefined)?.modelId
  const embedded = await embed(text, modelId, signal)
  const near = embedded instanceof Float32Array
  const narrowed = Object.assign({}, filters, ...understood.flatMap((part) => (part.use === 'only' ? part.filters : []))) // prettier-ignore
  const { hits, found } = await vaultWorker.call(
    'search',
    {
      text,
      collectionIds: [...collectionIds],
      filters: narrowed as SearchFilters,
      limit,
      ...(near ? { vector: embedded } : {}),
      ...(modelId === undefined ? {} : { modelId }),
    },
    { signal },
  )
  return { hits, found, understood: [...understood], ...(near ? {} : { wordsOnly: embedded }) }
}

export function documentsOfCopy(
  collectionId: string,
  page: { query: string; offset: number; limit: number },
): Promise<{ documents: Document[]; total: number }> {
  return vaultWorker.call('documents', { collectionId, page })
}

export function textOfCopy(
  id: string,
  range: { start: number; length: number },
): Promise<DocumentText> {
  return vaultWorker.call('text', { id, range })
}

/** The vector of a question by the copies' own model; or why there is none. */
async function embed(
  query: string,
  modelId: string | undefined,
  signal: AbortSignal,
): Promise<Float32Array | NonNullable<FoundHere['wordsOnly']>> {
  if (modelId === undefined) return 'no-model'
  await pageModels.start().catch(() => {})
  const state = pageModels.models.find(({ model }) => model.id === modelId)
  if (!state?.installed || state.model.task !== 'embed') return 'no-model'
  const limited = AbortSignal.any([signal, AbortSignal.timeout(embedLimit)])
  try {
    const loaded = await pageModels.load(modelId, { signal: limited })
    // As the companion embeds it: prefix, form, and no more than it reads.
    const text = `query: ${query.slice(0, 1000).normalize('NFKC')}`
    const [vector] = await loaded.embed([text], limited)
    return vector ? unit(vector) : 'failed'
  } catch {
    if (signal.aborted) throw new SiloError('cancelled')
    return 'failed'
  }
}

function unit(vector: Float32Array): Float32Array {
  const norm = Math.hypot(...vector)
  return norm > 0 ? vector.map((value) => value / norm) : vector
}
