import type { DBSchema, IDBPDatabase } from 'idb'
import * as v from 'valibot'
import { addressSchema, peerIdSchema, roleSchema, transportKindSchema } from '#shared/domain/device.ts' // prettier-ignore
import type { CompanionAddress, Role, TransportKind } from '#shared/domain/device.ts'
import { hasDatabase } from '#web/replica/present.ts'

const knownCompanionSchema = v.object({
  id: peerIdSchema,
  name: v.string(),
  /** Best first. */
  addresses: v.array(addressSchema),
  /** What this device may do there. */
  role: roleSchema,
  pairedAt: v.number(),
  /** Ms since 1970; 0 until the first connection. */
  lastUsedAt: v.number(),
  /** The address and road that worked last. */
  lastAddress: v.optional(addressSchema),
  lastRoad: v.optional(transportKindSchema),
  /** When WebRTC last failed although another road worked. */
  webrtcFailedAt: v.optional(v.number()),
})
/** A companion this browser is paired with. */
export type KnownCompanion = v.InferOutput<typeof knownCompanionSchema>

/** Where this page looks for its companion: at its own origin, or a paired one by its id. */
export type Choice = 'here' | (string & {})

interface Schema extends DBSchema {
  companions: { key: string; value: unknown }
  choice: { key: 'choice'; value: string }
}

const databaseName = 'silo-companions'
/** Addresses kept of one companion; it tells its present ones at each connection. */
const keptAddresses = 12

/**
 * The companions this browser is paired with, kept in IndexedDB and shared by its tabs. Losing it loses no data,
 * only the pairing.
 */
class CompanionBook {
  #list = $state.raw<readonly KnownCompanion[]>([])
  #choice = $state<Choice>()
  #loaded: Promise<void> | undefined
  #database: Promise<IDBPDatabase<Schema>> | undefined
  readonly #listeners = new Set<() => void>()

  /** The one used last comes first. Empty until `load` has resolved. */
  get list(): readonly KnownCompanion[] {
    return this.#list
  }

  /** What the person chose; undefined where the page decides itself. */
  get choice(): Choice | undefined {
    return this.#choice
  }

  find(id: string): KnownCompanion | undefined {
    return this.#list.find((companion) => companion.id === id)
  }

  /** Reads the book once. Never throws: a browser that stores nothing has an empty book. */
  load(): Promise<void> {
    this.#loaded ??= this.#read()
    return this.#loaded
  }

  /** Calls `listener` when the choice, or what can be chosen, changed. Returns the end of it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Adds a companion after pairing, or again with another role, and chooses it. */
  async add(companion: CompanionAddress, role: Role): Promise<KnownCompanion> {
    await this.load()
    const { id, name, addresses } = companion
    const known: KnownCompanion = {
      id,
      name,
      addresses: addresses.slice(0, keptAddresses),
      role,
      pairedAt: Date.now(),
      lastUsedAt: 0,
    }
    await this.#keep(known)
    await this.choose(id)
    return known
  }

  /** Takes in what a companion said of itself, or another one of it. Unknown ids are ignored. */
  async update(id: string, patch: Partial<Omit<KnownCompanion, 'id'>>): Promise<void> {
    await this.load()
    const known = this.find(id)
    if (!known) return
    const addresses = patch.addresses?.length ? patch.addresses : known.addresses
    await this.#keep({ ...known, ...patch, addresses: addresses.slice(0, keptAddresses) })
  }

  /** Notes that a companion was reached, and how. */
  async used(id: string, address: string, road: TransportKind): Promise<void> {
    const now = Date.now()
    await this.update(id, {
      lastUsedAt: now,
      lastAddress: address,
      lastRoad: road,
      ...(road === 'webrtc' ? { webrtcFailedAt: undefined } : {}),
    })
  }

  /** Forgets a companion in this browser. The companion's own book is not changed by that. */
  async forget(id: string): Promise<void> {
    await this.load()
    this.#list = this.#list.filter((companion) => companion.id !== id)
    if (this.#choice === id) await this.choose(undefined)
    else this.#announce()
    await this.#store((db) => db.delete('companions', id))
  }

  /** Chooses which companion this page uses; undefined lets the page decide. */
  async choose(choice: Choice | undefined): Promise<void> {
    await this.load()
    this.#choice = choice
    this.#announce()
    await this.#store((db) =>
      choice === undefined ? db.delete('choice', 'choice') : db.put('choice', choice, 'choice'),
    )
  }

  async #read(): Promise<void> {
    try {
      if (!(await hasDatabase(databaseName))) return
      const db = await this.#open()
      const [records, choice] = await Promise.all([db.getAll('companions'), db.get('choice', 'choice')]) // prettier-ignore
      // A record of another version that no longer parses is a companion to pair with again.
      this.#list = records
        .map((record) => v.safeParse(knownCompanionSchema, record))
        .flatMap(({ success, output }) => (success ? [output as KnownCompanion] : []))
        .toSorted(byUse)
      this.#choice = choice === 'here' || (choice && this.find(choice)) ? choice : undefined
    } catch {
      this.#database = undefined
    }
  }

  async #keep(known: KnownCompanion): Promise<void> {
    const others = this.#list.filter(({ id }) => id !== known.id)
    this.#list = [known, ...others].toSorted(byUse)
    await this.#store((db) => db.put('companions', known, known.id))
  }

  #announce(): void {
    for (const listener of this.#listeners) listener()
  }

  async #store(write: (db: IDBPDatabase<Schema>) => Promise<unknown>): Promise<void> {
    try {
      await write(await this.#open())
    } catch {
      this.#database = undefined
    }
  }

  #open(): Promise<IDBPDatabase<Schema>> {
    this.#database ??= import('idb').then(({ openDB }) =>
      openDB<Schema>(databaseName, 1, {
        upgrade(db) {
          db.createObjectStore('companions')
          db.createObjectStore('choice')
        },
        terminated: () => {
          this.#database = undefined
        },
      }),
    )
    return this.#database
  }
}

function byUse(a: KnownCompanion, b: KnownCompanion): number {
  return b.lastUsedAt - a.lastUsedAt || b.pairedAt - a.pairedAt
}

export const book = new CompanionBook()
