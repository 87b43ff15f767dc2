import { setTimeout as sleep } from 'node:timers/promises'
import type { PeerRoads } from '#companion/link/peer-roads.ts'
import type { Log } from '#companion/observe/log.ts'
import type { SignedPolicy } from '#shared/domain/sharing.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import type { HeldDataset, Offer, Offers } from '#shared/protocol/team.ts'
import { reaches } from './granted.ts'
import type { Policies } from './policies.ts'
import type { TeamRecords } from './team-records.ts'

export interface ExchangeInit {
  /** Peer id of this companion. */
  readonly self: string
  readonly policies: Pick<Policies, 'accessOf' | 'get' | 'list' | 'accept' | 'onChange'>
  readonly roads: PeerRoads
  readonly records: TeamRecords
  /** What lies here of a collection: this device's own dataset and copies of others'. */
  datasets(collectionId: string): readonly HeldDataset[]
  /** Something is known of the others that was not. */
  onChange(): void
  readonly log: Log
}

/** Changes that come together are told together, ms. */
const settleMs = 30
const limitMs = 15_000
/** After a failure, ms; a new connection tells all anyway. */
const retryMs = 5000
/** Below what a request may have. */
const maxBytes = 1_500_000

/**
 * Tells every connected companion what it may read here, with the policies that say so, as soon as either changes; and
 * takes in what they tell. A policy reaches devices that its home never meets by way of those in between.
 */
export class Exchange implements AsyncDisposable {
  readonly #init: ExchangeInit
  /** What each companion was told last on this connection. */
  readonly #last = new Map<string, string>()
  readonly #telling = new Map<string, Promise<void>>()
  readonly #dirty = new Set<string>()
  readonly #end = new AbortController()
  readonly #stops: (() => void)[]

  constructor(init: ExchangeInit) {
    this.#init = init
    this.#stops = [
      init.roads.onChange((peerId) => {
        if (init.roads.get(peerId)) return this.#tell(peerId)
        this.#last.delete(peerId)
        const companion = init.roads.find(peerId)
        if (!companion) init.records.forgetPeer(peerId)
        // Who shuts this companion out lets it read nothing any more.
        if (companion?.state === 'refused') init.records.replaceOffers(peerId, [])
        init.onChange()
      }),
      init.policies.onChange(() => this.tellAll()),
    ]
    this.tellAll()
  }

  /** Something that is offered may have changed. */
  tellAll(): void {
    for (const { id } of this.#init.roads.list()) if (this.#init.roads.get(id)) this.#tell(id)
  }

  /** Everything a companion may read here, and what it may no longer. */
  offersFor(peerId: string): Offers {
    const { policies, records } = this.#init
    const offers = policies.list().flatMap((signed): Offer[] => {
      const { collectionId } = signed.policy
      const access = policies.accessOf(collectionId, peerId)
      if (!access) return []
      return [{ signed, access, datasets: [...this.#init.datasets(collectionId)] }]
    })
    const offered = new Set(offers.map(({ signed }) => signed.policy.collectionId))
    const withdrawn = records
      .told(peerId)
      .filter((id) => !offered.has(id))
      .flatMap((id) => policies.get(id) ?? [])
    return { offers, withdrawn }
  }

  /** What a paired companion tells. @throws SiloError forbidden where it is none */
  receive(peerId: string, { offers, withdrawn }: Offers): void {
    const { roads, records, policies } = this.#init
    const companion = roads.find(peerId)
    if (!companion) throw new SiloError('forbidden')
    for (const signed of [...offers.map((offer) => offer.signed), ...withdrawn])
      this.#accept(signed, peerId)
    const known = offers.flatMap(({ signed, access, datasets }) => {
      const { collectionId } = signed.policy
      const policy = policies.get(collectionId)?.policy
      if (!policy || policy.removed || policy.home !== signed.policy.home) return []
      // Who may not have the collection itself has nothing to say of it.
      const sends = policies.accessOf(collectionId, peerId)
      if (peerId !== policy.home && companion.role !== 'owner' && !sends) return []
      const believed = datasets.filter(({ deviceId }) => {
        if (deviceId === this.#init.self) return false
        if (peerId === policy.home || companion.role === 'owner') return true
        const mayWrite =
          deviceId === policy.home ||
          reaches(policies.accessOf(collectionId, deviceId)?.level, 'write')
        return mayWrite && (deviceId === peerId || sends?.copy === true)
      })
      return [{ collectionId, access, datasets: believed }]
    })
    records.replaceOffers(peerId, known)
    this.#init.onChange()
  }

  /** Resolves when everybody who can be reached has been told. For tests. */
  async settled(): Promise<void> {
    while (this.#telling.size > 0) await Promise.all(this.#telling.values())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort(new SiloError('shutting_down'))
    for (const stop of this.#stops) stop()
    await Promise.all(this.#telling.values())
  }

  #accept(signed: SignedPolicy, from: string): void {
    try {
      this.#init.policies.accept(signed, from)
    } catch (error) {
      const { collectionId } = signed.policy
      this.#init.log.warn('a policy was refused', { device: from, collectionId, error })
    }
  }

  #tell(peerId: string): void {
    if (this.#end.signal.aborted) return
    this.#dirty.add(peerId)
    if (this.#telling.has(peerId)) return
    const telling = this.#tellUntilClean(peerId).finally(() => this.#telling.delete(peerId))
    this.#telling.set(peerId, telling)
  }

  async #tellUntilClean(peerId: string): Promise<void> {
    while (this.#dirty.has(peerId)) {
      const { signal } = this.#end
      await sleep(settleMs, undefined, { signal }).catch(() => {})
      this.#dirty.delete(peerId)
      if (signal.aborted) return
      try {
        await this.#send(peerId)
      } catch (error) {
        this.#init.log.debug('a companion could not be told', { device: peerId, error })
        await sleep(retryMs, undefined, { signal }).catch(() => {})
        if (this.#init.roads.get(peerId)) this.#dirty.add(peerId)
      }
    }
  }

  async #send(peerId: string): Promise<void> {
    const road = this.#init.roads.get(peerId)
    if (!road) return
    const told = this.offersFor(peerId)
    const body = JSON.stringify(told)
    if (body === this.#last.get(peerId)) return
    if (body.length > maxBytes) return this.#init.log.error('too much is shared to be told', { device: peerId, bytes: body.length }) // prettier-ignore
    const ids = told.offers.map(({ signed }) => signed.policy.collectionId)
    // Noted before it is known to have arrived: whoever may have heard of it is to hear when it is over.
    this.#init.records.setTold(peerId, [...new Set([...this.#init.records.told(peerId), ...ids])])
    const headers = { 'content-type': 'application/json' }
    const request = { method: 'POST', path: '/api/team/offers', headers, body }
    const limit = AbortSignal.any([this.#end.signal, AbortSignal.timeout(limitMs)])
    const response = await road.request(request, limit)
    await response.body?.cancel()
    if (!response.ok) throw new SiloError('bad_response', { cause: response.status })
    this.#last.set(peerId, body)
    this.#init.records.setTold(peerId, ids)
  }
}
