import type { DatabaseSync } from 'node:sqlite'
import { migrate, transaction } from '#companion/records/database.ts'
import type { PairedDevice, Role, TransportKind } from '#shared/domain/device.ts'
import { SiloError } from '#shared/errors/silo-error.ts'

/** A device of the book, without whether it is connected now. */
export type BookEntry = Omit<PairedDevice, 'connected'>

export interface PinnedPeer {
  readonly id: string
  readonly address: string
  readonly seenAt: number
}

/** A device that is there already is only noted to be seen this often, ms. */
const seenEveryMs = 60_000
/** An address of a companion that worked is tried again for this long, ms. */
const keepGoodMs = 30 * 24 * 3600_000
const maxAddresses = 24

/** The paired devices, and the companions whose address a person gave. */
export class DeviceBook {
  readonly #database: DatabaseSync

  constructor(database: DatabaseSync) {
    this.#database = database
    migrate(database, 'link', [
      `CREATE TABLE paired_devices (
        id TEXT PRIMARY KEY, name TEXT NOT NULL, kind TEXT NOT NULL, role TEXT NOT NULL, platform TEXT,
        paired_at INTEGER NOT NULL, last_seen_at INTEGER, last_road TEXT
      ) STRICT;
      CREATE TABLE pinned_peers (id TEXT PRIMARY KEY, address TEXT NOT NULL, seen_at INTEGER NOT NULL) STRICT`,
      `CREATE TABLE companion_addresses (
        id TEXT NOT NULL REFERENCES paired_devices (id) ON DELETE CASCADE, address TEXT NOT NULL,
        good_at INTEGER NOT NULL, PRIMARY KEY (id, address)
      ) STRICT`,
    ])
  }

  list(): BookEntry[] {
    return this.#database.prepare('SELECT * FROM paired_devices ORDER BY paired_at, id').all().map(entryOf) // prettier-ignore
  }

  get(id: string): BookEntry | undefined {
    const row = this.#database.prepare('SELECT * FROM paired_devices WHERE id = ?').get(id)
    return row && entryOf(row)
  }

  /** Adds a device. One that was there keeps the time it was first paired. */
  put(device: {
    id: string
    name: string
    kind: PairedDevice['kind']
    role: Role
    platform?: string | undefined
  }): BookEntry {
    const now = Date.now()
    this.#database
      .prepare(
        `INSERT INTO paired_devices (id, name, kind, role, platform, paired_at, last_seen_at)
         VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET
         name = excluded.name, kind = excluded.kind, role = excluded.role, platform = excluded.platform,
         last_seen_at = excluded.last_seen_at`,
      )
      .run(device.id, device.name, device.kind, device.role, device.platform ?? null, now, now)
    return this.get(device.id)!
  }

  /** @throws SiloError device_unknown */
  patch(id: string, changes: { name?: string; role?: Role }): BookEntry {
    const known = this.get(id)
    if (!known) throw new SiloError('device_unknown')
    this.#database
      .prepare('UPDATE paired_devices SET name = ?, role = ? WHERE id = ?')
      .run(changes.name ?? known.name, changes.role ?? known.role, id)
    return this.get(id)!
  }

  /** @throws SiloError device_unknown */
  remove(id: string): void {
    const { changes } = this.#database.prepare('DELETE FROM paired_devices WHERE id = ?').run(id)
    if (Number(changes) === 0) throw new SiloError('device_unknown')
  }

  /** Notes that a device is there. True when that is news. */
  seen(id: string, road: TransportKind): boolean {
    const now = Date.now()
    const { changes } = this.#database
      .prepare(
        `UPDATE paired_devices SET last_seen_at = ?, last_road = ?
         WHERE id = ? AND (last_seen_at IS NULL OR last_seen_at < ? OR last_road IS NOT ?)`,
      )
      .run(now, road, id, now - seenEveryMs, road)
    return Number(changes) > 0
  }

  /** Where a companion can be dialled, the address that worked last first. */
  addresses(id: string): string[] {
    return this.#database
      .prepare('SELECT address FROM companion_addresses WHERE id = ? ORDER BY good_at DESC, rowid')
      .all(id)
      .map((row) => String(row.address))
  }

  /** What a companion says of where it is: replaces all but the addresses that have worked within a month. */
  learnAddresses(id: string, addresses: readonly string[]): void {
    if (!this.get(id)) return
    transaction(this.#database, () => {
      this.#database
        .prepare('DELETE FROM companion_addresses WHERE id = ? AND good_at < ?')
        .run(id, Date.now() - keepGoodMs)
      const insert = this.#database.prepare('INSERT OR IGNORE INTO companion_addresses VALUES (?, ?, 0)') // prettier-ignore
      for (const address of addresses.slice(0, maxAddresses)) insert.run(id, address)
    })
  }

  /** Notes that a companion was reached there. */
  goodAddress(id: string, address: string): void {
    if (!this.get(id)) return
    this.#database
      .prepare(
        `INSERT INTO companion_addresses VALUES (?, ?, ?) ON CONFLICT (id, address) DO UPDATE SET good_at = excluded.good_at`,
      )
      .run(id, address, Date.now())
  }

  pins(): PinnedPeer[] {
    return this.#database
      .prepare('SELECT * FROM pinned_peers ORDER BY id')
      .all()
      .map((row) => ({ id: String(row.id), address: String(row.address), seenAt: Number(row.seen_at) })) // prettier-ignore
  }

  pin(id: string, address: string): void {
    this.#database
      .prepare(
        `INSERT INTO pinned_peers VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET
         address = excluded.address, seen_at = excluded.seen_at`,
      )
      .run(id, address, Date.now())
  }

  /** True when it was pinned. */
  unpin(id: string): boolean {
    const { changes } = this.#database.prepare('DELETE FROM pinned_peers WHERE id = ?').run(id)
    return Number(changes) > 0
  }
}

function entryOf(row: Record<string, unknown>): BookEntry {
  return {
    id: String(row.id),
    name: String(row.name),
    kind: row.kind as BookEntry['kind'],
    role: row.role as Role,
    ...(row.platform === null ? {} : { platform: String(row.platform) }),
    pairedAt: Number(row.paired_at),
    ...(row.last_seen_at === null ? {} : { lastSeenAt: Number(row.last_seen_at) }),
    ...(row.last_road === null ? {} : { lastRoad: row.last_road as TransportKind }),
  }
}
