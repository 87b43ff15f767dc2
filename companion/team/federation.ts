import * as v from 'valibot'
import type { PeerRoads } from '#companion/link/peer-roads.ts'
import type { Log } from '#companion/observe/log.ts'
import { documentTextSchema, type DocumentText, type SearchHit } from '#shared/domain/vault.ts'
import { fromWire, SiloError, wireErrorSchema } from '#shared/errors/silo-error.ts'
import type { PassageAnswer, PassageRequest, PassageSource } from '#shared/contracts/passage-source.ts' // prettier-ignore
import { searchResponseSchema, type Unreachable } from '#shared/protocol/search.ts'
import type { Policies } from './policies.ts'
import type { LivePart, TeamCollections } from './team-collections.ts'
import type { RemoteDocument, TeamRecords } from './team-records.ts'

export interface FederationInit {
  readonly self: string
  readonly policies: Pick<Policies, 'accessOf'>
  readonly roads: Pick<PeerRoads, 'get'>
  readonly collections: Pick<TeamCollections, 'liveParts' | 'offered' | 'ownerName'>
  readonly records: Pick<TeamRecords, 'document' | 'rememberDocuments'>
  readonly log: Log
  /** How long one holder may take to answer, ms. */
  readonly holderLimitMs?: number
}

/** Long enough to load a model that is not in memory. */
const holderLimitMs = 6000
const textLimitMs = 10_000
/** What one request may ask for. */
const mostHits = 50
const failureSchema = v.object({ error: wireErrorSchema })
const refusals = new Set(['collection_unknown', 'access_missing', 'forbidden', 'document_unknown'])

/**
 * Asks the companions that hold what this one may read but has no copy of. They answer from what they hold and by what
 * this companion may; it asks only for what its own caller may read, so that nobody gets more by asking through it.
 */
export class Federation implements PassageSource {
  readonly id = 'team'
  readonly #init: FederationInit

  constructor(init: FederationInit) {
    this.#init = init
  }

  async search(request: PassageRequest, signal: AbortSignal): Promise<PassageAnswer> {
    const { policies, collections, roads } = this.#init
    const { owners } = request.filters
    const allowed = request.collectionIds.filter((id) => policies.accessOf(id, request.caller))
    const parts = collections
      .liveParts(allowed)
      .filter(({ owner }) => owners === undefined || owners.includes(owner))
    const byHolder = new Map<string, LivePart[]>()
    const unreachable = new Map<string, Unreachable>()
    for (const part of parts) {
      const holder = part.holders.find((id) => roads.get(id))
      if (holder === undefined) unreachable.set(part.owner, missing(part, 'holder_away'))
      else byHolder.set(holder, [...(byHolder.get(holder) ?? []), part])
    }
    const answers = await Promise.all(
      [...byHolder].map(async ([holder, asked]) => {
        try {
          return await this.#askHolder(holder, asked, request, signal)
        } catch (error) {
          signal.throwIfAborted()
          this.#init.log.debug('a holder could not be asked', { device: holder, error })
          const code = error instanceof SiloError ? error.code : 'bad_response'
          for (const part of asked) unreachable.set(part.owner, missing(part, code))
          return { hits: [], found: false }
        }
      }),
    )
    return {
      // What one holder holds to be an answer comes before what another merely found nearest.
      hits: answers.toSorted((a, b) => Number(b.found) - Number(a.found)).flatMap(({ hits }) => hits), // prettier-ignore
      found: answers.some(({ found }) => found),
      unreachable: [...unreachable.values()],
    }
  }

  /**
   * The text of a document that was cited and is not here; undefined where nothing is known of it.
   * @throws SiloError holder_away, what the holder answers, the signal's reason
   */
  async documentText(
    id: string,
    range: { start: number; length: number },
    device: string,
    signal: AbortSignal,
  ): Promise<DocumentText | undefined> {
    const { policies, records, collections, roads } = this.#init
    const known = records.document(id)
    if (!known || !policies.accessOf(known.collectionId, device)) return undefined
    const others = collections.offered(known.collectionId).get(known.owner)?.holders ?? []
    const holder = [known.peerId, ...others].find((each) => roads.get(each))
    const name = collections.ownerName(known.owner)
    if (holder === undefined) throw new SiloError('holder_away', { params: { name } })
    const query = `start=${range.start}&length=${range.length}`
    const answer = await this.#request(
      holder,
      { method: 'GET', path: `/api/documents/${encodeURIComponent(id)}/text?${query}` },
      documentTextSchema,
      AbortSignal.any([signal, AbortSignal.timeout(textLimitMs)]),
    )
    const { collectionId, owner } = known
    return { ...answer, document: { ...answer.document, id, collectionId, owner } }
  }

  async #askHolder(
    holder: string,
    parts: readonly LivePart[],
    question: PassageRequest,
    signal: AbortSignal,
  ): Promise<{ hits: SearchHit[]; found: boolean }> {
    const owners = [...new Set(parts.map(({ owner }) => owner))]
    const collectionIds = [...new Set(parts.map(({ collectionId }) => collectionId))]
    const limit = AbortSignal.any([signal, AbortSignal.timeout(this.#init.holderLimitMs ?? holderLimitMs)]) // prettier-ignore
    const body = {
      query: question.text,
      collectionIds,
      limit: Math.min(question.limit, mostHits),
      filters: { ...question.filters, owners },
      // What the words mean was found out here already.
      understand: false,
      local: true,
    }
    const answer = await this.#request(
      holder,
      { method: 'POST', path: '/api/search', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }, // prettier-ignore
      searchResponseSchema,
      limit,
    ).catch((error: unknown) => {
      if (!limit.aborted || signal.aborted) throw error
      const seconds = (this.#init.holderLimitMs ?? holderLimitMs) / 1000
      throw new SiloError('timeout', { params: { seconds }, cause: error })
    })
    const documents = new Map<string, RemoteDocument>()
    const hits = answer.hits.flatMap((hit): SearchHit[] => {
      // It answers for what it was asked, and for nothing else.
      const named = hit.owner ?? holder
      const part = parts.find((each) => each.collectionId === hit.collectionId && each.owner === named) // prettier-ignore
      if (!part) return []
      const { collectionId, owner, ownerName } = part
      documents.set(hit.documentId, { collectionId, owner, peerId: holder })
      return [{ ...hit, owner, ownerName }]
    })
    this.#init.records.rememberDocuments(documents)
    return { hits: hits.slice(0, mostHits), found: answer.found && hits.length > 0 }
  }

  async #request<S extends v.GenericSchema>(
    holder: string,
    request: { method: string; path: string; body?: string; headers?: Record<string, string> },
    schema: S,
    signal: AbortSignal,
  ): Promise<v.InferOutput<S>> {
    const road = this.#init.roads.get(holder)
    if (!road) throw new SiloError('peer_unreachable', { params: { address: holder } })
    const response = await road.request(request, signal)
    const body: unknown = await response.json().catch((cause: unknown) => {
      signal.throwIfAborted()
      throw new SiloError('bad_response', { cause })
    })
    if (!response.ok) {
      const failure = v.safeParse(failureSchema, body)
      const error = failure.success ? fromWire(failure.output.error) : undefined
      // What it does not let this companion read is, here, a right that was lost.
      if (error && refusals.has(error.code)) throw new SiloError('access_missing', { cause: error })
      throw error ?? new SiloError('bad_response')
    }
    const parsed = v.safeParse(schema, body)
    if (!parsed.success) throw new SiloError('bad_response', { cause: parsed.issues[0]?.message })
    return parsed.output
  }
}

function missing(part: LivePart, code: string): Unreachable {
  return { deviceId: part.owner, name: part.ownerName, code }
}
