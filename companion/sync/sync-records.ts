import type { DatabaseSync } from 'node:sqlite'
import * as v from 'valibot'
import { migrate, transaction } from '#companion/records/database.ts'
import { syncAddressSchema, syncTypeSchema, type AddSyncDevice, type PatchSyncDevice, type PatchSyncFolder, type SyncType } from '#shared/protocol/sync.ts' // prettier-ignore

/** A device that runs Syncthing, as it was configured. */
export interface DeviceRecord {
  /** Its id as text. */
  readonly id: string
  readonly name: string
  readonly addresses: readonly string[]
  readonly paused: boolean
  readonly lastSeenAt?: number
}

export interface FolderRecord {
  readonly id: string
  readonly label: string
  readonly kind: 'notes' | 'files'
  /** Absolute. */
  readonly path: string
  readonly type: SyncType
  readonly paused: boolean
  /** Syncthing ids and peer ids. */
  readonly devices: readonly string[]
  /** Ms since 1970 when nothing was lacking last. */
  readonly syncedAt?: number
}

const textsSchema = v.array(v.string())
const addressesSchema = v.array(syncAddressSchema)
const kindSchema = v.picklist(['notes', 'files'])

/** Which folders are synchronised with whom: the configuration, and what is remembered of the devices. */
export class SyncRecords {
  readonly #database: DatabaseSync

  constructor(database: DatabaseSync) {
    this.#database = database
    migrate(database, 'sync', [
      `CREATE TABLE sync_devices (
         id TEXT PRIMARY KEY, name TEXT NOT NULL, addresses TEXT NOT NULL, paused INTEGER NOT NULL, last_seen INTEGER) STRICT;
       CREATE TABLE sync_folders (
         id TEXT PRIMARY KEY, label TEXT NOT NULL, kind TEXT NOT NULL, path TEXT NOT NULL, type TEXT NOT NULL,
         paused INTEGER NOT NULL, devices TEXT NOT NULL, synced_at INTEGER) STRICT;
       CREATE TABLE sync_companions (peer TEXT PRIMARY KEY, bep_id BLOB NOT NULL, last_seen INTEGER NOT NULL) STRICT;`,
    ])
  }

  devices(): DeviceRecord[] {
    return this.#database
      .prepare('SELECT * FROM sync_devices ORDER BY name, id')
      .all()
      .map((row) => ({
        id: String(row.id),
        name: String(row.name),
        addresses: v.parse(addressesSchema, JSON.parse(String(row.addresses))),
        paused: row.paused === 1,
        ...(row.last_seen === null ? {} : { lastSeenAt: Number(row.last_seen) }),
      }))
  }

  addDevice({ id, name, addresses }: AddSyncDevice): void {
    this.#database
      .prepare('INSERT INTO sync_devices (id, name, addresses, paused) VALUES (?, ?, ?, 0)')
      .run(id, name, JSON.stringify(addresses))
  }

  patchDevice(device: DeviceRecord, changes: PatchSyncDevice): void {
    const { name, addresses, paused } = { ...device, ...defined(changes) }
    this.#database
      .prepare('UPDATE sync_devices SET name = ?, addresses = ?, paused = ? WHERE id = ?')
      .run(name, JSON.stringify(addresses), paused ? 1 : 0, device.id)
  }

  sawDevice(id: string, at: number): void {
    this.#database.prepare('UPDATE sync_devices SET last_seen = ? WHERE id = ?').run(at, id)
  }

  /** Also takes it out of the folders it shares. */
  removeDevice(id: string): void {
    transaction(this.#database, () => {
      this.#database.prepare('DELETE FROM sync_devices WHERE id = ?').run(id)
      for (const folder of this.folders()) {
        if (!folder.devices.includes(id)) continue
        const devices = folder.devices.filter((device) => device !== id)
        this.patchFolder(folder, { devices })
      }
    })
  }

  folders(): FolderRecord[] {
    return this.#database
      .prepare('SELECT * FROM sync_folders ORDER BY id')
      .all()
      .map((row) => ({
        id: String(row.id),
        label: String(row.label),
        kind: v.parse(kindSchema, row.kind),
        path: String(row.path),
        type: v.parse(syncTypeSchema, row.type),
        paused: row.paused === 1,
        devices: v.parse(textsSchema, JSON.parse(String(row.devices))),
        ...(row.synced_at === null ? {} : { syncedAt: Number(row.synced_at) }),
      }))
  }

  addFolder(folder: Omit<FolderRecord, 'paused' | 'syncedAt'>): void {
    const { id, label, kind, path, type, devices } = folder
    this.#database
      .prepare(
        'INSERT INTO sync_folders (id, label, kind, path, type, paused, devices) VALUES (?, ?, ?, ?, ?, 0, ?)',
      )
      .run(id, label, kind, path, type, JSON.stringify(devices))
  }

  patchFolder(folder: FolderRecord, changes: PatchSyncFolder): void {
    const { label, type, paused, devices } = { ...folder, ...defined(changes) }
    this.#database
      .prepare('UPDATE sync_folders SET label = ?, type = ?, paused = ?, devices = ? WHERE id = ?')
      .run(label, type, paused ? 1 : 0, JSON.stringify(devices), folder.id)
  }

  syncedFolder(id: string, at: number): void {
    this.#database.prepare('UPDATE sync_folders SET synced_at = ? WHERE id = ?').run(at, id)
  }

  removeFolder(id: string): void {
    this.#database.prepare('DELETE FROM sync_folders WHERE id = ?').run(id)
  }

  /** The device id that a companion has proved. */
  bepIdOf(peerId: string): Uint8Array | undefined {
    const row = this.#database.prepare('SELECT bep_id FROM sync_companions WHERE peer = ?').get(peerId) // prettier-ignore
    return row?.bep_id instanceof Uint8Array ? row.bep_id : undefined
  }

  companions(): { peerId: string; bepId: Uint8Array }[] {
    return this.#database
      .prepare('SELECT peer, bep_id FROM sync_companions')
      .all()
      .map((row) => ({ peerId: String(row.peer), bepId: row.bep_id as Uint8Array }))
  }

  sawCompanion(peerId: string, bepId: Uint8Array, at: number): void {
    this.#database
      .prepare(
        'INSERT INTO sync_companions (peer, bep_id, last_seen) VALUES (?, ?, ?) ON CONFLICT (peer) DO UPDATE SET bep_id = excluded.bep_id, last_seen = excluded.last_seen',
      )
      .run(peerId, bepId, at)
  }

  lastSeen(peerId: string): number | undefined {
    const row = this.#database.prepare('SELECT last_seen FROM sync_companions WHERE peer = ?').get(peerId) // prettier-ignore
    return row ? Number(row.last_seen) : undefined
  }
}

/** Without the fields that are there but undefined: those change nothing. */
function defined<T extends object>(changes: T): { [Key in keyof T]-?: Exclude<T[Key], undefined> } {
  return Object.fromEntries(
    Object.entries(changes).filter(([, value]) => value !== undefined),
  ) as never
}
