import type { Log } from '#companion/observe/log.ts'
import type { PassageAnswer, PassageSource } from '#shared/contracts/passage-source.ts'
import type { Reranker } from '#shared/contracts/reranker.ts'
import type { VaultStore } from '#shared/contracts/vault-store.ts'
import type { SearchHit } from '#shared/domain/vault.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import type { SearchFilters, SearchResponse, Understood, Unreachable } from '#shared/protocol/search.ts' // prettier-ignore
import { fuse } from '#shared/vault/fusion.ts'
import type { KnownOwner } from '#shared/vault/owner-expressions.ts'
import { understandQuery, type QueryMeaning } from '#shared/vault/understand.ts'
import type { Embedder } from './embedder.ts'
import { keyOf, mergeAnswers, withoutRepeats } from './retrieval-merge.ts'
import { withSections } from './retrieval-section.ts'

export interface RetrievalInit {
  readonly embedder: Embedder
  readonly store: Pick<VaultStore, 'chunksOf'>
  /** The datasets that lie here; always asked. */
  readonly local: PassageSource
  /** Ids of all collections that may be asked about, wherever they lie. */
  readonly collections: () => readonly string[]
  /** What a caller may read; absent: everything. Asked for every question. */
  readonly allowed?: (caller: string) => readonly string[]
  readonly owners: () => readonly KnownOwner[]
  /** Orders the best of what was found; closed with the service. */
  readonly reranker?: Reranker
  readonly log?: Log
  readonly now?: () => Date
}

export interface RetrievalRequest {
  readonly query: string
  /** Empty: all the caller may read. */
  readonly collectionIds: readonly string[]
  readonly limit: number
  readonly filters?: SearchFilters
  readonly ignore?: readonly string[]
  readonly understand?: boolean
  readonly local?: boolean
  /** `self` or the device that asks. */
  readonly caller?: string
}

/** Characters of a question that are embedded: as many as the model reads. */
const maxEmbedded = 1000
/** Passages of each source that are ranked again together. */
const pool = 50
/** Of the list of what fits a time that may be meant, beside the list of all. */
const timeWeight = 1

/**
 * Answers questions with passages: understands what a query says besides what it asks, asks every source, merges,
 * ranks, and tells whether what was found answers at all.
 */
export class Retrieval implements AsyncDisposable {
  readonly #init: RetrievalInit
  readonly #sources: PassageSource[] = []

  constructor(init: RetrievalInit) {
    this.#init = init
  }

  /** Other companions, asked live unless the question is for local data only. @returns how to take it out again */
  addSource(source: PassageSource): () => void {
    this.#sources.push(source)
    return () => {
      const at = this.#sources.indexOf(source)
      if (at >= 0) this.#sources.splice(at, 1)
    }
  }

  /**
   * The best passages first. A filter that was understood and leaves nothing that fits is dropped, and said to be.
   * @throws SiloError collection_unknown (also one that may not be read), and what the embedding model throws
   */
  async search(request: RetrievalRequest, signal: AbortSignal): Promise<SearchResponse> {
    const collectionIds = this.#scope(request)
    const meaning = this.#understand(request)
    const nothing = { hits: [], understood: [...meaning.understood], found: false, unreachable: [] }
    if (collectionIds.length === 0) return nothing

    let answer: Answer | undefined
    for (const understood of attempts(meaning.understood)) {
      signal.throwIfAborted()
      const dropped = understood.filter(({ use }) => use === 'dropped')
      // Words that are no filter after all are part of the question again.
      const ignore = [...(request.ignore ?? []), ...dropped.map(({ id }) => id)]
      const { text } = dropped.length ? this.#understand({ ...request, ignore }) : meaning
      const tried = await this.#ask({ ...request, collectionIds }, text, understood, signal)
      // The narrowest that fits; where nothing does, the narrowest that finds anything.
      if (!answer || (!answer.found && (tried.found || answer.hits.length === 0))) answer = tried
      if (answer.found) break
    }
    if (!answer) return nothing
    return {
      hits: withoutRepeats(answer.hits, request.limit),
      understood: [...answer.understood],
      found: answer.found,
      unreachable: [...answer.unreachable],
    }
  }

  /** The same passages with the sections they stand in, as far as `tokens` reach for all together. */
  widen(hits: readonly SearchHit[], tokens: number, signal: AbortSignal): Promise<SearchHit[]> {
    return withSections(hits, tokens, this.#init.store, signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#init.reranker?.[Symbol.asyncDispose]()
  }

  #scope({ collectionIds, caller = 'self' }: RetrievalRequest): readonly string[] {
    const held = new Set(this.#init.collections())
    const allowed = this.#init.allowed?.(caller)
    const known = allowed ? allowed.filter((id) => held.has(id)) : [...held]
    if (collectionIds.length === 0) return known
    for (const id of collectionIds)
      if (!known.includes(id)) throw new SiloError('collection_unknown')
    return [...new Set(collectionIds)]
  }

  #understand({ query, ignore = [], understand = true }: RetrievalRequest): QueryMeaning {
    if (!understand) return { text: query, understood: [] }
    const now = this.#init.now?.() ?? new Date()
    return understandQuery(query, { now, owners: this.#init.owners(), ignore })
  }

  async #ask(
    request: RetrievalRequest,
    text: string,
    understood: readonly Understood[],
    signal: AbortSignal,
  ): Promise<Answer> {
    const [vector] = await this.#init.embedder.embed([text.slice(0, maxEmbedded)], 'query', signal)
    if (!vector) throw new SiloError('internal')
    const only = understood.filter(({ use }) => use === 'only').map(({ filters }) => filters)
    const filters = [...only, request.filters ?? {}].reduce<SearchFilters>(narrower, {})
    const { collectionIds, caller = 'self' } = request
    const asked = { text, vector, collectionIds, filters, limit: Math.max(pool, request.limit), caller } // prettier-ignore
    const sources = [this.#init.local, ...(request.local ? [] : this.#sources)]
    const answers: PassageAnswer[] = await Promise.all(
      sources.map((source) => source.search(asked, signal)),
    )
    let hits = mergeAnswers(answers, text)
    const used = understood.map((part): Understood => {
      if (part.use !== 'first') return part
      const fitting = hits.filter((hit) => isWithin(hit, part.filters))
      if (fitting.length === 0) return { ...part, use: 'dropped' }
      // Nothing is left out: what fits gains.
      hits = fuse([hits, fitting], keyOf, [1, timeWeight]).map(({ item }) => item)
      return part
    })
    hits = await this.#rerank(text, hits, signal)
    return {
      hits,
      understood: used,
      found: answers.some(({ found }) => found),
      unreachable: answers.flatMap(({ unreachable }) => unreachable),
    }
  }

  /** By a model that reads question and passage together, where there is one. It ranks; it does not hide. */
  async #rerank(
    question: string,
    hits: readonly SearchHit[],
    signal: AbortSignal,
  ): Promise<SearchHit[]> {
    const { reranker } = this.#init
    if (!reranker || hits.length < 2) return [...hits]
    const read = hits.slice(0, reranker.maxPassages)
    const passages = read.map(({ title, headings, text }) => ({ context: [title, ...headings].join(' › '), text })) // prettier-ignore
    let scores: readonly number[]
    try {
      scores = await reranker.score(question, passages, signal)
    } catch (error) {
      signal.throwIfAborted()
      // Without it the answer is less well ordered, not wrong.
      this.#init.log?.warn('the reranker failed', { error })
      return [...hits]
    }
    const order = read.map((hit, at) => ({ hit, score: scores[at] ?? -Infinity }))
    order.sort((a, b) => b.score - a.score)
    return [...order.map(({ hit }) => hit), ...hits.slice(read.length)]
  }
}

interface Answer {
  readonly hits: readonly SearchHit[]
  readonly understood: readonly Understood[]
  readonly found: boolean
  readonly unreachable: readonly Unreachable[]
}

/** All filters; then without each one alone, times first, as they are the most often wrong; then without any. */
function* attempts(understood: readonly Understood[]): Generator<Understood[]> {
  yield [...understood]
  const only = ['time', 'type', 'kind', 'owner'].flatMap((kind) =>
    understood.filter((part) => part.kind === kind && part.use === 'only'),
  )
  const without = (gone: readonly Understood[]): Understood[] =>
    understood.map((part) => (gone.includes(part) ? { ...part, use: 'dropped' } : part))
  if (only.length > 1) for (const part of only) yield without([part])
  if (only.length > 0) yield without(only)
}

function both<T>(one?: readonly T[], other?: readonly T[]): T[] | undefined {
  if (!one || !other) return one || other ? [...(one ?? other ?? [])] : undefined
  return one.filter((value) => other.includes(value))
}

function narrower(a: SearchFilters, b: SearchFilters): SearchFilters {
  const owners = both(a.owners, b.owners)
  const kinds = both(a.kinds, b.kinds)
  const types = both(a.types, b.types)
  const since = Math.max(a.since ?? -Infinity, b.since ?? -Infinity)
  const until = Math.min(a.until ?? Infinity, b.until ?? Infinity)
  return {
    ...(owners ? { owners } : {}),
    ...(kinds ? { kinds } : {}),
    ...(types ? { types } : {}),
    ...(since === -Infinity ? {} : { since }),
    ...(until === Infinity ? {} : { until }),
  }
}

/** Whether a passage's document bears a date, or was last changed, in the time meant. */
function isWithin({ date, modifiedAt }: SearchHit, { since, until }: SearchFilters): boolean {
  const at = date ?? modifiedAt
  return at !== undefined && at >= (since ?? -Infinity) && at < (until ?? Infinity)
}
