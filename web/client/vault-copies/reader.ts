import type { Document, DocumentText, SearchHit } from '#shared/domain/vault.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { vaultCopies } from '#web/replica/vault/copies.ts'
import { VaultWorker } from '#web/replica/vault/vault-worker.ts'
import { pageModels } from '../page-engine.svelte.ts'

/** The worker of this tab: for searches and for the sync. */
export const vaultWorker = new VaultWorker()

export interface FoundHere {
  readonly hits: SearchHit[]
  /** Why the question was compared by its words only; absent where it was also by its meaning. */
  readonly wordsOnly?: 'no-model' | 'failed'
}

/** How long the embedding model may take for a question, with its loading, ms. */
const embedLimit = 90_000

/**
 * Searches this device's copies, by meaning where their embedding model is on this device and by words.
 * @throws SiloError replica_expired, collection_unknown, page_storage_failed, cancelled
 */
export async function searchCopies(
  request: { query: string; collectionIds: readonly string[]; limit: number },
  signal: AbortSignal,
): Promise<FoundHere> {
  const { query, collectionIds, limit } = request
  const wanted = new Set(collectionIds)
  const copies = (await vaultCopies()).filter(({ id }) => wanted.size === 0 || wanted.has(id))
  const modelId = copies.find((copy) => copy.modelId !== undefined)?.modelId
  const embedded = await embed(query, modelId, signal)
  const vector = embedded instanceof Float32Array ? { vector: embedded } : {}
  const hits = await vaultWorker.call(
    'search',
    {
      text: query,
      collectionIds: [...collectionIds],
      limit,
      ...vector,
      ...(modelId === undefined ? {} : { modelId }),
    },
    { signal },
  )
  return { hits, ...(embedded instanceof Float32Array ? {} : { wordsOnly: embedded }) }
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
