import type { PeerRoads } from '#companion/link/peer-roads.ts'
import type { Log } from '#companion/observe/log.ts'
import type { Access } from '#shared/domain/sharing.ts'
import type { Collection, Holder } from '#shared/domain/vault.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import type { HeldDataset, TeamCompanion } from '#shared/protocol/team.ts'
import { union } from './granted.ts'
import type { Policies } from './policies.ts'
import type { KnownOffer, TeamRecords } from './team-records.ts'

/** What is used of the vault: the collections that lie here, with the documents of each device. */
export interface Shelf {
  list(): readonly { readonly id: string; readonly name: string }[]
  /** Makes the collection, or gives it another name. */
  put(id: string, name: string): void
  /** Takes all that is here of a collection. */
  remove(id: string): Promise<void>
  /** What lies here by device, this one included. */
  parts(id: string): readonly { owner: string; documents: number; chunks: number }[]
}

/** What is used of replication. */
export interface Copies {
  /** Takes the others' part of a collection from this disk, and what the records know of it. */
  drop(collectionId: string): Promise<void>
}

export interface TeamCollectionsInit {
  readonly self: string
  readonly selfName: string
  readonly policies: Pick<Policies, 'accessOf' | 'get' | 'list' | 'isOwn'>
  readonly roads: Pick<PeerRoads, 'list' | 'find' | 'get'>
  readonly records: TeamRecords
  readonly shelf: Shelf
  readonly copies: Copies
  /** A collection came, went, or is known otherwise. */
  onChange(collectionId: string): void
  readonly log: Log
}

/** Who can be asked for one device's part of a collection that is not here. */
export interface LivePart {
  readonly collectionId: string
  readonly owner: string
  readonly ownerName: string
  /** Companions that have it, the owner itself first. */
  readonly holders: readonly string[]
}

/** The collections of this companion and of those it is paired with, as one list. */
export class TeamCollections {
  readonly #init: TeamCollectionsInit
  #offers: readonly KnownOffer[]
  #reconciling: Promise<void> = Promise.resolve()

  constructor(init: TeamCollectionsInit) {
    this.#init = init
    this.#offers = init.records.offers()
  }

  /** What this companion may do with another's collection by its role there, which no policy says. */
  given(collectionId: string, home: string): Access | undefined {
    const { roads } = this.#init
    const believed = this.#offers.filter(
      (offer) =>
        offer.collectionId === collectionId &&
        // One's own other computer speaks for what it has, too.
        (offer.peerId === home || roads.find(offer.peerId)?.role === 'owner'),
    )
    return union(believed.map(({ access }) => access))
  }

  /**
   * Brings the vault in line with the policies and with what the companions say: collections that may be read are
   * there, those that may not are gone with their copies. Resolves when it is so; safe to call often.
   */
  reconcile(): Promise<void> {
    this.#offers = this.#init.records.offers()
    this.#reconciling = this.#reconciling
      .then(() => this.#reconcile())
      .catch((error: unknown) =>
        this.#init.log.error('the collections of others could not be brought up to date', {
          error,
        }),
      )
    return this.#reconciling
  }

  /** Resolves when what was begun is done. */
  settled(): Promise<void> {
    return this.#reconciling
  }

  /** Whether the others' part of a collection is to be kept here, as far as that is allowed. */
  keepsCopy(collectionId: string): boolean {
    if (!this.#mayCopy(collectionId)) return false
    const chosen = this.#init.records.keepsCopy(collectionId)
    if (chosen !== undefined) return chosen
    const home = this.#init.policies.get(collectionId)?.policy.home
    if (home === this.#init.self) return true
    return home !== undefined && this.#init.roads.find(home)?.role === 'owner'
  }

  /** @throws SiloError collection_unknown; access_missing where the grant has no copy */
  async chooseCopy(collectionId: string, keep: boolean): Promise<void> {
    if (!this.#init.policies.accessOf(collectionId, 'self')) throw new SiloError('collection_unknown') // prettier-ignore
    if (keep && !this.#mayCopy(collectionId)) throw new SiloError('access_missing')
    this.#init.records.chooseCopy(collectionId, keep)
    await this.reconcile()
    this.#init.onChange(collectionId)
  }

  /**
   * Takes a collection of another home off this computer as far as that can be: it is still asked live. False where
   * there is more to take: it may no longer be read, or this device has added documents to it.
   */
  async dropCopy(collectionId: string): Promise<boolean> {
    const readable = this.#init.policies.accessOf(collectionId, 'self') !== undefined
    if (!readable || this.ownDocuments(collectionId) > 0) return false
    await this.chooseCopy(collectionId, false)
    return true
  }

  /** The devices whose part of a collection is offered by others, with the companions that have it. */
  offered(collectionId: string): ReadonlyMap<string, { dataset: HeldDataset; holders: string[] }> {
    const parts = new Map<string, { dataset: HeldDataset; holders: string[] }>()
    for (const offer of this.#offers)
      if (offer.collectionId === collectionId)
        for (const dataset of offer.datasets) {
          const known = parts.get(dataset.deviceId)
          const own = offer.peerId === dataset.deviceId
          // What the owner says of its documents counts, and it is asked first.
          if (!known) parts.set(dataset.deviceId, { dataset, holders: [offer.peerId] })
          else {
            if (own) known.dataset = dataset
            if (own) known.holders.unshift(offer.peerId)
            else known.holders.push(offer.peerId)
          }
        }
    return parts
  }

  /** The parts of these collections that are not here and that the others say they have. */
  liveParts(collectionIds: readonly string[]): LivePart[] {
    return collectionIds.flatMap((collectionId) => {
      const synced = this.#init.records.synced(collectionId)
      return [...this.offered(collectionId)]
        .filter(([owner, { dataset }]) => !synced.has(owner) && dataset.documents > 0)
        .map(([owner, { dataset, holders }]) => ({
          collectionId,
          owner,
          ownerName: this.nameOf(owner, dataset.name),
          holders,
        }))
    })
  }

  /** A device's name: only those of paired companions are believed, others are as they were told. */
  nameOf(device: string, told = ''): string {
    if (device === this.#init.self) return this.#init.selfName
    return this.#init.roads.find(device)?.name ?? (told || device.slice(-8))
  }

  /** The owner's name as far as anybody here has heard of it. */
  ownerName(device: string): string {
    const told = this.#offers.flatMap(({ datasets }) => datasets).find(({ deviceId }) => deviceId === device) // prettier-ignore
    return this.nameOf(device, told?.name)
  }

  /** The datasets of a collection that lie here, as others are told of them. */
  held(collectionId: string): HeldDataset[] {
    return this.#init.shelf
      .parts(collectionId)
      .map(({ owner, documents, chunks }) => ({
        deviceId: owner,
        name: this.ownerName(owner),
        documents,
        chunks,
      }))
      .sort((a, b) => (a.deviceId < b.deviceId ? -1 : 1))
  }

  /** How many documents this device has added itself. */
  ownDocuments(collectionId: string): number {
    const own = this.#init.shelf.parts(collectionId).find(({ owner }) => owner === this.#init.self)
    return own?.documents ?? 0
  }

  /** What is known of a collection beyond this computer, for a caller who may read it. */
  describe(collection: Collection): Collection {
    const { policies, records, self } = this.#init
    const policy = policies.get(collection.id)?.policy
    const parts = this.#init.shelf.parts(collection.id)
    const synced = records.synced(collection.id)
    const offered = this.offered(collection.id)
    const here = new Set([...parts.map(({ owner }) => owner), ...synced.keys()])
    const owners = [...new Set([self, ...here, ...offered.keys()])]
    const holders = owners.flatMap((owner): Holder[] => {
      const part = parts.find((each) => each.owner === owner)
      const known = offered.get(owner)?.dataset
      const documents = part?.documents ?? known?.documents ?? 0
      if (owner === self && documents === 0 && policy?.home !== self) return []
      const syncedAt = synced.get(owner)
      return [
        {
          deviceId: owner,
          name: this.nameOf(owner, known?.name),
          online: owner === self || this.#init.roads.get(owner) !== undefined,
          documents,
          ...(syncedAt === undefined ? {} : { syncedAt }),
        },
      ]
    })
    const isOwn = policy === undefined || policy.home === self
    const live = owners.filter((owner) => owner !== self && !here.has(owner))
    const more = live.flatMap((owner) => offered.get(owner)?.dataset ?? [])
    return {
      ...collection,
      documents: collection.documents + more.reduce((sum, { documents }) => sum + documents, 0),
      chunks: collection.chunks + more.reduce((sum, { chunks }) => sum + chunks, 0),
      ...(policy ? { home: policy.home } : {}),
      source: isOwn ? 'own' : this.keepsCopy(collection.id) || here.size > 0 ? 'copy' : 'live',
      holders,
      ...(isOwn && holders.length < 2 ? {} : { keepCopy: this.keepsCopy(collection.id), mayCopy: this.#mayCopy(collection.id) }), // prettier-ignore
    }
  }

  companions(): TeamCompanion[] {
    const { policies, roads } = this.#init
    return roads.list().map(({ id, name, role, state, since, address }) => ({
      id,
      name,
      role,
      state,
      ...(since === undefined ? {} : { since }),
      ...(address === undefined ? {} : { address }),
      theirs: this.#offers
        .filter(
          ({ peerId, collectionId }) =>
            peerId === id && policies.get(collectionId)?.policy.home === id,
        ) // prettier-ignore
        .map(({ collectionId }) => collectionId),
      ours: policies
        .list()
        .map(({ policy }) => policy.collectionId)
        .filter((each) => policies.isOwn(each) && policies.accessOf(each, id)),
    }))
  }

  #mayCopy(collectionId: string): boolean {
    return this.#init.policies.accessOf(collectionId, 'self')?.copy === true
  }

  async #reconcile(): Promise<void> {
    const { policies, shelf, records, copies, onChange } = this.#init
    const names = new Map(shelf.list().map(({ id, name }) => [id, name]))
    for (const { policy } of policies.list()) {
      const { collectionId: id, name } = policy
      if (policies.isOwn(id)) continue
      // A home that lets this companion in no more has taken back what its policies said before.
      const shutOut = this.#init.roads.find(policy.home)?.state === 'refused'
      if (!shutOut && policies.accessOf(id, 'self')) {
        if (names.get(id) !== name) {
          shelf.put(id, name)
          onChange(id)
        }
        if (!this.keepsCopy(id) && records.synced(id).size > 0) await copies.drop(id)
        continue
      }
      if (!names.has(id)) continue
      await copies.drop(id)
      // What was written here is this device's own, whatever became of the collection.
      const own = shelf.parts(id).some(({ owner, documents }) => owner === this.#init.self && documents > 0) // prettier-ignore
      if (!own) await shelf.remove(id)
      onChange(id)
    }
  }
}
