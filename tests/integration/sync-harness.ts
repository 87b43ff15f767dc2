import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLog, type Log } from '#companion/observe/log.ts'
import { openDatabase } from '#companion/records/database.ts'
import { bepIdentity, type BepIdentity } from '#companion/sync/bep/identity.ts'
import { openFolder } from '#companion/sync/folder/folder.ts'
import { SyncRecords } from '#companion/sync/sync-records.ts'
import { SyncService, type SyncServiceInit } from '#companion/sync/sync-service.ts'
import { formatSyncthingId } from '#shared/domain/syncthing-id.ts'
import type { SyncType } from '#shared/protocol/sync.ts'
import { Syncthing, type SyncthingFolder } from '#tests/syncthing.ts'

/** Ends what a test has begun, last first. */
export class Closers {
  readonly #all: (() => unknown)[] = []

  add(close: () => unknown): void {
    this.#all.push(close)
  }

  folder(name: string): string {
    const path = mkdtempSync(join(tmpdir(), `silo-sync-${name}-`))
    this.add(() => rmSync(path, { recursive: true, force: true }))
    return path
  }

  async close(): Promise<void> {
    for (const close of this.#all.splice(0).reverse()) await close()
  }
}

/** A companion's sync without the rest of it: the service over real folders, connections and databases. */
export class SyncHome {
  readonly home: string
  readonly folder: string
  readonly identity: BepIdentity
  #service: SyncService | undefined
  #closeDatabases: (() => void) | undefined
  readonly #init: Partial<SyncServiceInit>
  changes = 0

  private constructor(
    home: string,
    folder: string,
    identity: BepIdentity,
    init: Partial<SyncServiceInit>,
  ) {
    // prettier-ignore
    this.home = home
    this.folder = folder
    this.identity = identity
    this.#init = init
  }

  static async create(closers: Closers, init: Partial<SyncServiceInit> = {}): Promise<SyncHome> {
    const identity = await bepIdentity({ read: () => undefined, write: () => {} })
    const made = new SyncHome(closers.folder('home'), closers.folder('files'), identity, init)
    closers.add(() => made.stop())
    await made.start()
    return made
  }

  get id(): string {
    return formatSyncthingId(this.identity.bepId)
  }

  get service(): SyncService {
    if (!this.#service) throw new Error('the service is stopped')
    return this.#service
  }

  /** Where others dial it; a device with Syncthing has to be known before there is a port. */
  get address(): string {
    return `tcp://127.0.0.1:${this.service.state().port}`
  }

  async start(): Promise<void> {
    const records = openDatabase(join(this.home, 'silo.db'))
    const index = openDatabase(join(this.home, 'sync', 'index.db'))
    const log: Log = this.#init.log ?? silentLog
    this.#closeDatabases = () => records.close()
    mkdirSync(join(this.home, 'notes'), { recursive: true })
    this.#service = new SyncService({
      identity: this.identity,
      own: { deviceName: 'silo', clientVersion: 'test' },
      ownPeerId: '12D3KooWtest',
      records: new SyncRecords(records),
      database: index,
      home: this.home,
      notesPath: join(this.home, 'notes'),
      openFolder,
      port: 0,
      host: '127.0.0.1',
      redialMs: 300,
      log,
      onChange: () => this.changes++,
      onClosed: () => index.close(),
      ...this.#init,
    })
    await this.#service.start()
  }

  /** As when the companion is stopped. */
  async stop(): Promise<void> {
    const service = this.#service
    this.#service = undefined
    await service?.[Symbol.asyncDispose]()
    this.#closeDatabases?.()
    this.#closeDatabases = undefined
  }
}

export interface Pair {
  readonly silo: SyncHome
  readonly stock: Syncthing
  /** The two folders that are kept alike. */
  readonly here: string
  readonly there: string
}

/** A folder shared between Silo and a real Syncthing. */
export async function pairWithStock(
  closers: Closers,
  options: {
    type?: SyncType
    stockType?: SyncthingFolder['type']
    kind?: 'notes' | 'files'
    /** Puts files into the folders before anything looks at them. */
    prepare?: (here: string, there: string) => void
  } = {},
): Promise<Pair> {
  const silo = await SyncHome.create(closers)
  const isNotes = options.kind === 'notes'
  const here = isNotes ? join(silo.home, 'notes') : silo.folder
  const there = closers.folder('stock')
  options.prepare?.(here, there)
  const stock = Syncthing.create({ home: closers.folder('stock-home'), devices: [], folders: [] })
  closers.add(() => stock.stop())
  await silo.service.addDevice({ id: stock.id, name: 'stock', addresses: ['tcp://127.0.0.1:1'] })
  silo.service.addFolder({
    id: 'shared',
    label: 'Shared',
    kind: isNotes ? 'notes' : 'files',
    ...(isNotes ? {} : { path: here }),
    type: options.type ?? 'sendreceive',
    devices: [stock.id],
  })
  await stock.start({
    devices: [{ id: silo.id, address: silo.address }],
    folders: [{ id: 'shared', path: there, devices: [silo.id], ...(options.stockType ? { type: options.stockType } : {}) }], // prettier-ignore
  })
  return { silo, stock, here, there }
}
