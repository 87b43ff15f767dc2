import type { DatabaseSync } from 'node:sqlite'
import type { PeerRoads } from '#companion/link/peer-roads.ts'
import type { Log } from '#companion/observe/log.ts'
import { formatSyncthingId, parseSyncthingId } from '#shared/domain/syncthing-id.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import type { AddSyncDevice, AddSyncFolder, PatchSyncDevice, PatchSyncFolder, SyncAction, SyncState } from '#shared/protocol/sync.ts' // prettier-ignore
import type { FolderInCluster } from './bep-peer.ts'
import type { BepConnection, BepTimes } from './bep/connection.ts'
import type { BepIdentity } from './bep/identity.ts'
import type { Stranger } from './bep/tls.ts'
import { Connections, type ConnectionsInit } from './connections.ts'
import { syncFolderPath } from './folder-path.ts'
import type { FolderEngine, FolderInit } from './folder-engine.ts'
import type { MountedFolder, SyncMounts, SyncParty } from './mounted-folder.ts'
import { SyncSession } from './session.ts'
import type { FolderRecord, SyncRecords } from './sync-records.ts'
import { deviceView, folderView } from './sync-view.ts'

export interface SyncServiceInit {
  readonly identity: BepIdentity
  /** This device's name and the version of Silo. */
  readonly own: ConnectionsInit['own']
  readonly ownPeerId: string
  readonly records: SyncRecords
  /** Of the folders' indexes. */
  readonly database: DatabaseSync
  /** The data folder: nothing in it but the notes is a folder to be shared. */
  readonly home: string
  readonly notesPath: string
  /** True while the notes lie encrypted on the disk: then they are of no use to anybody else. */
  notesEncrypted?(): boolean
  openFolder(init: FolderInit): FolderEngine
  readonly roads?: PeerRoads
  discovery?: ConnectionsInit['discovery']
  readonly port: number
  readonly host?: string
  readonly log: Log
  /** Something in `state` is another; at most a few times a second. */
  onChange(): void
  /** Everything is closed: nobody uses the database of the indexes any more. */
  onClosed?(): void
  readonly times?: Partial<BepTimes>
  readonly redialMs?: number
}

export interface Connected {
  readonly session: SyncSession
  readonly connection: BepConnection
  readonly address: string | undefined
}

export interface Offer {
  readonly folderId: string
  readonly label: string
  readonly deviceId: string
  readonly at: number
}

/** A connection that stands and over which something came lately is kept; another one is refused. */
const staleMs = 60_000
const changeMs = 400
const notedMs = 10_000
const maxStrangers = 20
const maxOffers = 200

/** Folders kept alike with other devices: what is configured, who is connected, and how far it is. */
export class SyncService implements SyncMounts, AsyncDisposable {
  readonly bepId: Uint8Array
  readonly #init: SyncServiceInit
  readonly #connections: Connections
  /** By party key. */
  readonly #connected = new Map<string, Connected>()
  readonly #mounted = new Set<MountedFolder>()
  /** Configured folders, by id. */
  readonly #open = new Map<string, { folder: MountedFolder; close: () => Promise<void> }>()
  /** Who each configured folder is shared with: asked for every message. */
  #shares: ReadonlyMap<string, ReadonlySet<string>> = new Map()
  /** When the last time a folder lacked nothing was written down. */
  readonly #noted = new Map<string, number>()
  readonly #offers = new Map<string, Offer>()
  readonly #strangers = new Map<string, SyncState['strangers'][number]>()
  #changing: NodeJS.Timeout | undefined
  #closed = false

  constructor(init: SyncServiceInit) {
    this.#init = init
    this.bepId = init.identity.bepId
    this.#connections = new Connections({
      identity: init.identity,
      own: init.own,
      ownPeerId: init.ownPeerId,
      port: init.port,
      ...(init.host === undefined ? {} : { host: init.host }),
      ...(init.roads ? { roads: init.roads } : {}),
      ...(init.discovery ? { discovery: init.discovery } : {}),
      ...(init.times ? { times: init.times } : {}),
      ...(init.redialMs === undefined ? {} : { redialMs: init.redialMs }),
      devices: () => init.records.devices(),
      companionOf: (bepId) => init.records.companions().find((known) => Buffer.compare(known.bepId, bepId) === 0)?.peerId, // prettier-ignore
      proved: (peerId, bepId) => init.records.sawCompanion(peerId, bepId, Date.now()),
      onRemoved: (peerId) => void this.#connected.get(peerId)?.connection.close('removed'),
      isConnected: (key) => this.#connected.has(key),
      onConnection: (connection, party, address) => this.#arrived(connection, party, address),
      onStranger: (stranger) => this.#stranger(stranger),
      onChange: () => this.#change(),
      log: init.log,
    })
  }

  /** Opens what is configured. Resolves when the port is open; folders go on with their first scan. */
  async start(): Promise<void> {
    this.refresh()
    for (const record of this.#init.records.folders()) this.#openFolder(record)
    await this.#connections.refresh()
  }

  state(): SyncState {
    const { records, roads } = this.#init
    const { port, listenError } = this.#connections
    const parts = { records, connected: this.#connected, connections: this.#connections }
    return {
      deviceId: formatSyncthingId(this.bepId),
      name: this.#init.own.deviceName,
      ...(port === undefined ? {} : { port }),
      ...(listenError === undefined ? {} : { listenError }),
      devices: deviceView(parts, roads?.list() ?? []),
      folders: folderView(this.#mounted, records),
      offers: [...this.#offers.values()].filter(({ folderId }) => !this.#find(folderId)),
      strangers: [...this.#strangers.values()],
    }
  }

  bepIdOf(peerId: string): Uint8Array | undefined {
    return this.#init.records.bepIdOf(peerId)
  }

  mount(folder: MountedFolder): () => void {
    if (this.#find(folder.engine.id)) throw new SiloError('conflict')
    this.#mounted.add(folder)
    const stop = folder.engine.onChange(() => this.#progressed(folder))
    this.refresh()
    return () => {
      if (!this.#mounted.delete(folder)) return
      stop()
      for (const { session } of this.#connected.values()) session.drop(folder)
      this.#change()
    }
  }

  refresh(): void {
    this.#shares = new Map(this.#init.records.folders().map(({ id, devices }) => [id, new Set(devices)])) // prettier-ignore
    for (const { session } of this.#connected.values()) session.refresh()
    this.#change()
  }

  /** @throws SiloError conflict: it is known already, or this device itself */
  async addDevice(device: AddSyncDevice): Promise<void> {
    const own = formatSyncthingId(this.bepId)
    if (device.id === own || this.#init.records.devices().some(({ id }) => id === device.id))
      throw new SiloError('conflict', { field: 'id' })
    this.#init.records.addDevice(device)
    this.#strangers.delete(device.id)
    await this.#connections.refresh()
    this.refresh()
  }

  /** @throws SiloError device_unknown */
  async patchDevice(id: string, changes: PatchSyncDevice): Promise<void> {
    const device = this.#device(id)
    this.#init.records.patchDevice(device, changes)
    if (changes.paused) await this.#connected.get(id)?.connection.close('paused')
    await this.#connections.refresh()
    this.#change()
  }

  /** @throws SiloError device_unknown */
  async removeDevice(id: string): Promise<void> {
    this.#device(id)
    this.#init.records.removeDevice(id)
    const bepId = parseSyncthingId(id)!
    await this.#connected.get(id)?.connection.close('removed')
    for (const { folder } of this.#open.values()) folder.engine.forget(bepId)
    await this.#connections.refresh()
    this.refresh()
  }

  /** @throws SiloError conflict, device_unknown, sync_notes_encrypted, sync_folder_overlaps, path_not_absolute, path_not_found, path_denied */
  addFolder(folder: AddSyncFolder): void {
    const { home, notesPath, records } = this.#init
    if (this.#find(folder.id)) throw new SiloError('conflict', { field: 'id' })
    this.#requireDevices(folder.devices)
    const taken = records.folders().map(({ path }) => path)
    const isNotes = folder.kind === 'notes'
    if (!isNotes && folder.path === undefined) throw new SiloError('bad_request', { params: { detail: 'path' }, field: 'path' }) // prettier-ignore
    if (isNotes) this.#requireReadable('notes')
    if (isNotes && taken.includes(notesPath)) throw new SiloError('conflict', { field: 'kind' })
    const path = isNotes ? notesPath : syncFolderPath(folder.path!, home, taken)
    records.addFolder({ ...folder, label: folder.label || folder.id, path })
    this.#openFolder(this.#folder(folder.id))
    for (const [key, offer] of this.#offers) if (offer.folderId === folder.id) this.#offers.delete(key) // prettier-ignore
    this.refresh()
  }

  /** @throws SiloError sync_folder_unknown, device_unknown */
  async patchFolder(id: string, changes: PatchSyncFolder): Promise<void> {
    const before = this.#folder(id)
    if (changes.devices) this.#requireDevices(changes.devices)
    if (changes.paused === false) this.#requireReadable(before.kind)
    this.#init.records.patchFolder(before, changes)
    const after = this.#folder(id)
    const open = this.#open.get(id)
    if (open && (before.type !== after.type || before.label !== after.label)) {
      await open.close()
      this.#openFolder(after)
    } else if (open && before.paused !== after.paused) {
      if (after.paused) open.folder.engine.pause()
      else open.folder.engine.resume()
    }
    for (const device of before.devices) {
      if (after.devices.includes(device)) continue
      const bepId = parseSyncthingId(device) ?? this.bepIdOf(device)
      if (bepId) this.#open.get(id)?.folder.engine.forget(bepId)
    }
    this.refresh()
  }

  /** The files stay. @throws SiloError sync_folder_unknown */
  async removeFolder(id: string): Promise<void> {
    this.#folder(id)
    const open = this.#open.get(id)
    const devices = open?.folder.engine.state().peers.map(({ bepId }) => bepId) ?? []
    for (const bepId of devices) open?.folder.engine.forget(bepId)
    await open?.close()
    this.#init.records.removeFolder(id)
    this.refresh()
  }

  /** @throws SiloError sync_folder_unknown */
  async act(id: string, action: SyncAction): Promise<void> {
    await this.#engine(id)[action]()
  }

  /** @throws SiloError sync_folder_unknown */
  ignores(id: string): Promise<readonly string[]> {
    return this.#engine(id).ignores()
  }

  /** @throws SiloError sync_folder_unknown, sync_ignores_broken */
  setIgnores(id: string, lines: readonly string[]): Promise<void> {
    return this.#engine(id).setIgnores(lines)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    clearTimeout(this.#changing)
    const closing = [...this.#connected.values()].map(({ connection }) => connection.close('shutting down')) // prettier-ignore
    await Promise.all([...closing, this.#connections[Symbol.asyncDispose]()])
    await Promise.all([...this.#open.values()].map(({ close }) => close()))
    this.#init.onClosed?.()
  }

  #openFolder(record: FolderRecord): void {
    const { id, label, path: root, type } = record
    const { database, log } = this.#init
    const engine = this.#init.openFolder({
      id,
      label,
      root,
      type,
      bepId: this.bepId,
      database,
      log,
    })
    const folder: MountedFolder = {
      engine,
      kind: record.kind,
      permits: ({ key }) => this.#shares.get(id)?.has(key) ?? false,
    }
    const isUnreadable = record.kind === 'notes' && this.#init.notesEncrypted?.() === true
    if (record.paused || isUnreadable) engine.pause()
    const unmount = this.mount(folder)
    this.#open.set(id, {
      folder,
      close: async () => {
        this.#open.delete(id)
        unmount()
        await engine[Symbol.asyncDispose]()
      },
    })
    engine.start().catch((error: unknown) => log.warn('a folder could not be opened', { folder: id, error })) // prettier-ignore
  }

  #arrived(connection: BepConnection, party: SyncParty, address: string | undefined): void {
    const { key } = party
    const before = this.#connected.get(key)
    // Companions open one stream from one side; with Syncthing both may have dialled.
    if (
      this.#closed ||
      (before && party.peerId === undefined && before.connection.silentMs < staleMs)
    )
      return void connection.close('already connected')
    if (before) void before.connection.close('replaced by another connection')
    const session: SyncSession = new SyncSession({
      peer: connection,
      party,
      folders: () => this.#mounted,
      onConfig: (folders) => this.#offered(key, folders),
      onClosed: (reason) => {
        this.#init.log.info('a device is gone', { device: key, reason })
        if (this.#connected.get(key)?.session !== session) return
        this.#connected.delete(key)
        this.#seen(party)
        for (const [at, offer] of this.#offers) if (offer.deviceId === key) this.#offers.delete(at)
        void this.#connections.refresh()
        this.#change()
      },
    })
    this.#connected.set(key, { session, connection, address })
    this.#seen(party)
    this.#init.log.info('a device is connected', {
      device: key,
      client: connection.client,
      address,
    })
    session.start()
    this.#change()
  }

  #seen({ key, peerId, bepId }: SyncParty): void {
    if (peerId === undefined) this.#init.records.sawDevice(key, Date.now())
    else this.#init.records.sawCompanion(peerId, bepId, Date.now())
  }

  #offered(deviceId: string, folders: readonly FolderInCluster[]): void {
    for (const [key, offer] of this.#offers) if (offer.deviceId === deviceId) this.#offers.delete(key) // prettier-ignore
    for (const { id: folderId, label } of folders) {
      if (this.#offers.size >= maxOffers || folderId.startsWith('index.') || folderId.length > 64) continue // prettier-ignore
      this.#offers.set(`${deviceId} ${folderId}`, { folderId, label: label.slice(0, 100), deviceId, at: Date.now() }) // prettier-ignore
    }
    this.#change()
  }

  #stranger({ bepId, name, address }: Stranger): void {
    const deviceId = formatSyncthingId(bepId)
    this.#strangers.delete(deviceId)
    this.#strangers.set(deviceId, { deviceId, name: name.slice(0, 100), address, at: Date.now() })
    for (const oldest of this.#strangers.keys()) {
      if (this.#strangers.size <= maxStrangers) break
      this.#strangers.delete(oldest)
    }
    this.#change()
  }

  #progressed(folder: MountedFolder): void {
    const { condition, needFiles, peers } = folder.engine.state()
    const isSynced = condition === 'idle' && needFiles === 0 && peers.some(({ attached }) => attached) // prettier-ignore
    const now = Date.now()
    const { id } = folder.engine
    if (isSynced && folder.kind !== 'index' && now - (this.#noted.get(id) ?? 0) > notedMs) {
      this.#noted.set(id, now)
      this.#init.records.syncedFolder(id, now)
    }
    if (!isSynced) this.#noted.delete(id)
    this.#change()
  }

  #change(): void {
    if (this.#closed) return
    this.#changing ??= setTimeout(() => {
      this.#changing = undefined
      this.#init.onChange()
    }, changeMs)
    this.#changing.unref()
  }

  #find(id: string): MountedFolder | undefined {
    for (const folder of this.#mounted) if (folder.engine.id === id) return folder
    return undefined
  }

  #device(id: string) {
    const device = this.#init.records.devices().find((known) => known.id === id)
    if (!device) throw new SiloError('device_unknown')
    return device
  }

  #folder(id: string): FolderRecord {
    const folder = this.#init.records.folders().find((known) => known.id === id)
    if (!folder) throw new SiloError('sync_folder_unknown')
    return folder
  }

  #engine(id: string): FolderEngine {
    const open = this.#open.get(id)
    if (!open) throw new SiloError('sync_folder_unknown')
    return open.folder.engine
  }

  #requireReadable(kind: FolderRecord['kind']): void {
    if (kind === 'notes' && this.#init.notesEncrypted?.())
      throw new SiloError('sync_notes_encrypted')
  }

  #requireDevices(ids: readonly string[]): void {
    const known = new Set(this.#init.records.devices().map(({ id }) => id))
    for (const { id } of this.#init.roads?.list() ?? []) known.add(id)
    if (ids.some((id) => !known.has(id)))
      throw new SiloError('device_unknown', { field: 'devices' })
  }
}
