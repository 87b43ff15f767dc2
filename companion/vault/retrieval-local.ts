import type { PassageAnswer, PassageRequest, PassageSource } from '#shared/contracts/passage-source.ts' // prettier-ignore
import type { StoreHit, VaultStore } from '#shared/contracts/vault-store.ts'
import type { SearchHit } from '#shared/domain/vault.ts'
import { fitFeatures, fitProbability, fitThreshold, type FitFeatures } from '#shared/vault/fit.ts'
import { rankPassages, textWeight } from '#shared/vault/rank.ts'
import type { DocumentCatalogue } from './retrieval-ports.ts'

export interface LocalPassagesInit {
  readonly store: VaultStore
  readonly documents: DocumentCatalogue
  /** How a device is called. */
  readonly nameOf: (deviceId: string) => string | undefined
}

/** Hits looked at beyond those wanted: what is usual for a question shows only in many. */
const poolSize = 50
/** More documents than this are not named one by one in a query: more is fetched and the rest passed over. */
const maxNamed = 5000
const sampleSize = 200
const sampleMs = 5 * 60_000

/** What an answer rests on, for measuring. */
export interface LocalAnswer extends PassageAnswer {
  readonly features: FitFeatures
}

/** The datasets that lie on this companion, its own and those received. */
export class LocalPassages implements PassageSource {
  readonly id = 'local'
  readonly #init: LocalPassagesInit
  readonly #samples = new Map<string, { at: number; vectors: Promise<Float32Array[]> }>()

  constructor(init: LocalPassagesInit) {
    this.#init = init
  }

  async search(request: PassageRequest, signal: AbortSignal): Promise<LocalAnswer> {
    const { store, documents } = this.#init
    const { collectionIds, filters, text, vector } = request
    const named = documents.matching(collectionIds, filters)
    const many = named !== undefined && named.length > maxNamed
    const limit = Math.max(poolSize, request.limit)
    const [found, sample] = await Promise.all([
      store.search(
        {
          collectionIds,
          text,
          vector,
          limit: many ? limit * 10 : limit,
          textWeight,
          ...(filters.owners ? { owners: filters.owners } : {}),
          ...(named && !many ? { documentIds: named } : {}),
        },
        signal,
      ),
      this.#sample(collectionIds, signal),
    ])
    const wanted = many ? new Set(named) : undefined
    const candidates = found
      .filter((hit) => wanted?.has(hit.chunk.documentId) ?? true)
      .slice(0, limit)
      .flatMap((hit) => this.#hit(hit) ?? [])
    const hits = rankPassages(text, candidates).map(({ hit, score }) => ({ ...hit, score }))
    const background = sample.map((other) => dot(vector, other))
    const features = fitFeatures({ question: text, hits, background })
    const fits = hits.length > 0 && fitProbability(features) >= fitThreshold
    return { hits, found: fits, unreachable: [], features }
  }

  /** A chunk whose document is gone from the records is about to be removed. */
  #hit(hit: StoreHit): SearchHit | undefined {
    const { chunk, owner } = hit
    const document = this.#init.documents.document(chunk.documentId, owner)
    if (!document) return undefined
    const ownerName = this.#init.nameOf(owner)
    return {
      documentId: document.id,
      collectionId: hit.collectionId,
      chunkId: chunk.id,
      title: document.title,
      path: document.path,
      ...(chunk.page > 0 ? { page: chunk.page } : {}),
      headings: [...chunk.headings],
      start: chunk.start,
      end: chunk.end,
      text: chunk.text,
      ordinal: chunk.ordinal,
      owner,
      ...(ownerName === undefined ? {} : { ownerName }),
      ...(document.kind === undefined ? {} : { kind: document.kind }),
      ...(document.date === undefined ? {} : { date: document.date }),
      modifiedAt: document.modifiedAt,
      score: hit.score,
      ...(hit.denseRank === undefined ? {} : { denseRank: hit.denseRank }),
      ...(hit.textRank === undefined ? {} : { textRank: hit.textRank }),
      ...(hit.similarity === undefined ? {} : { similarity: hit.similarity }),
      ...(hit.textScore === undefined ? {} : { textScore: hit.textScore }),
    }
  }

  /** Drawn anew every few minutes: what is usual in a vault changes slowly. */
  #sample(collectionIds: readonly string[], signal: AbortSignal): Promise<Float32Array[]> {
    const key = collectionIds.toSorted().join(' ')
    const kept = this.#samples.get(key)
    if (kept && Date.now() - kept.at < sampleMs) return kept.vectors
    if (this.#samples.size > 100) this.#samples.clear()
    const vectors = this.#init.store.sample(collectionIds, sampleSize, signal)
    this.#samples.set(key, { at: Date.now(), vectors })
    vectors.then(
      // A collection that is only being filled is looked at again.
      (found) => found.length < sampleSize && this.#samples.delete(key),
      () => this.#samples.delete(key),
    )
    return vectors
  }
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let at = 0; at < a.length; at++) sum += a[at]! * b[at]!
  return sum
}
