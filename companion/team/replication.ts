import type { DatabaseSync } from 'node:sqlite'
import { existsSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { PeerRoads } from '#companion/link/peer-roads.ts'
import type { Log } from '#companion/observe/log.ts'
import type { FolderEngine, FolderInit } from '#companion/sync/folder-engine.ts'
import type { SyncMounts, SyncParty } from '#companion/sync/mounted-folder.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import type { AuditLog } from './audit.ts'
import { isWholeDataset, readDatasetList, signDataset } from './dataset-list.ts'
import { promoteDataset } from './dataset-promotion.ts'
import { reaches } from './granted.ts'
import type { Policies } from './policies.ts'
import type { ReceivedDocuments } from './received-documents.ts'
import type { TeamCollections } from './team-collections.ts'
import type { TeamRecords } from './team-records.ts'

export interface ReplicationInit {
  readonly self: string
  /** PKCS #8 PEM. */
  readonly keyPem: string
  /** Datasets lie at `<index>/<collection>/<device>` and are read there. */
  readonly index: string
  /** Where those of others arrive, each with the database of its sync beside it. */
  readonly received: string
  readonly mounts: SyncMounts
  openFolder(init: FolderInit): FolderEngine
  openDatabase(path: string): DatabaseSync
  readonly policies: Pick<Policies, 'accessOf' | 'list' | 'mayCopy' | 'get'>
  readonly roads: Pick<PeerRoads, 'list' | 'find'>
  readonly collections: Pick<TeamCollections, 'keepsCopy' | 'offered' | 'ownDocuments'>
  readonly records: TeamRecords
  readonly documents: ReceivedDocuments
  readonly audit: Pick<AuditLog, 'record'>
  /** A copy is other than it was. */
  onChange(collectionId: string): void
  readonly log: Log
}

interface Mounted {
  readonly collectionId: string
  readonly owner: string
  readonly engine: FolderEngine
  /** Looks for what changed; while it does, one more look is remembered. */
  readonly look: () => void
  close(): Promise<void>
}

const settleMs = 25
/** How often it is written down that a copy still is what its device has, ms. */
const noteMs = 60_000

/**
 * Keeps copies of the index alike between companions. A device's own dataset is announced to whom the policy lets keep
 * a copy; those of others arrive in a folder of their own, and come into the index when all their files are what the
 * device that writes them has signed. So a companion in between can hand a dataset on, but not change it.
 */
export class Replication implements AsyncDisposable {
  readonly #init: ReplicationInit
  readonly #mounted = new Map<string, Mounted>()
  readonly #end = new AbortController()
  #queue: Promise<void> = Promise.resolve()
  #pending = false
  /** Copies that are being fetched again. */
  readonly #restoring = new Set<string>()

  constructor(init: ReplicationInit) {
    this.#init = init
  }

  /** Shares what is to be shared now, and takes back the rest. To be called after any change of rights or companions. */
  refresh(): void {
    this.#init.mounts.refresh()
    if (this.#pending || this.#end.signal.aborted) return
    this.#pending = true
    void this.#inTurn(async () => {
      this.#pending = false
      await this.#reconcile()
    })
  }

  /** This device has written to its own dataset. */
  written(collectionId: string): void {
    const mounted = this.#mounted.get(idOf(collectionId, this.#init.self))
    if (mounted) mounted.look()
    else this.refresh()
    this.#restore(collectionId)
  }

  /**
   * A copy that was here and lies in the index no more was damaged and taken away. It comes again: from what sync keeps,
   * where that is whole, else from the devices that have it.
   */
  #restore(collectionId: string): void {
    const { records, index, received, log } = this.#init
    for (const { owner, collectionId: id, close } of this.#mounted.values()) {
      const key = idOf(id, owner)
      if (id !== collectionId || this.#restoring.has(key) || !records.synced(id).has(owner))
        continue
      if (owner === this.#init.self || existsSync(join(index, id, owner))) continue
      this.#restoring.add(key)
      void this.#inTurn(async () => {
        log.warn('a damaged copy of an index is fetched again', { collectionId, owner })
        await close()
        const folder = join(received, id)
        const of = { collectionId: id, device: owner }
        if (!(await isWholeDataset(join(folder, owner), of, this.#end.signal))) {
          await rm(join(folder, owner), { recursive: true, force: true })
          for (const end of ['', '-wal', '-shm']) await rm(join(folder, `${owner}.db${end}`), { force: true }) // prettier-ignore
        }
        await this.#reconcile()
      })
    }
  }

  /** Takes the others' part of a collection off this disk. */
  drop(collectionId: string): Promise<void> {
    return this.#inTurn(async () => {
      const { self, received, documents, records } = this.#init
      for (const mounted of this.#mounted.values())
        if (mounted.collectionId === collectionId && mounted.owner !== self) await mounted.close()
      await rm(join(received, collectionId), { recursive: true, force: true })
      for (const owner of records.synced(collectionId).keys())
        await documents.remove(collectionId, owner, this.#end.signal)
      records.forgetCopy(collectionId)
      this.#init.onChange(collectionId)
    })
  }

  /** Resolves when what was begun is done. For tests and the end. */
  settled(): Promise<void> {
    return this.#queue
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort(new SiloError('shutting_down'))
    await this.#queue
    for (const mounted of this.#mounted.values()) await mounted.close()
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const { log } = this.#init
    this.#queue = this.#queue.then(work).catch((error: unknown) => {
      if (!this.#end.signal.aborted) log.error('copies of the index could not be arranged', { error }) // prettier-ignore
    })
    return this.#queue
  }

  async #reconcile(): Promise<void> {
    if (this.#end.signal.aborted) return
    const { policies, roads, collections, records, self } = this.#init
    const companions = roads.list().map(({ id }) => id)
    const wanted = new Map<string, [collectionId: string, owner: string]>()
    const want = (id: string, owner: string): void => void wanted.set(idOf(id, owner), [id, owner])
    for (const { policy } of policies.list()) {
      const id = policy.collectionId
      if (!policies.accessOf(id, 'self') || roads.find(policy.home)?.state === 'refused') continue
      const isShared = companions.some((companion) => policies.mayCopy(id, companion))
      if (isShared && collections.ownDocuments(id) > 0) want(id, self)
      if (!collections.keepsCopy(id)) continue
      const others = [...collections.offered(id).keys(), ...records.synced(id).keys()]
      for (const owner of others) if (owner !== self) want(id, owner)
    }
    for (const [key, mounted] of this.#mounted) if (!wanted.has(key)) await mounted.close()
    for (const [key, [id, owner]] of wanted) {
      if (this.#mounted.has(key)) continue
      try {
        await this.#mount(id, owner)
      } catch (error) {
        this.#init.log.error('a copy of the index could not be opened', { collectionId: id, owner, error }) // prettier-ignore
      }
    }
  }

  async #mount(collectionId: string, owner: string): Promise<void> {
    const { self, index, received, mounts, log } = this.#init
    const isOwn = owner === self
    const folder = join(received, collectionId)
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const database = this.#init.openDatabase(join(folder, `${owner}.db`))
    const bepId = isOwn ? mounts.bepId : mounts.bepIdOf(owner)
    const engine = this.#init.openFolder({
      id: idOf(collectionId, owner),
      label: '',
      root: isOwn ? join(index, collectionId, self) : join(folder, owner),
      type: isOwn ? 'sendonly' : 'receiveonly',
      bepId: mounts.bepId,
      database,
      log,
      options: {
        order: 'dataset',
        watch: false,
        rescanS: 0,
        ignorePermissions: true,
        // Who never met the writer relies on its signature alone.
        ...(bepId ? { onlyWriter: Buffer.from(bepId).readBigUInt64BE(0) } : {}),
      },
    })
    let unmount: (() => void) | undefined
    let looking: Promise<void> | undefined
    let again = false
    const closed = new AbortController()
    const signal = AbortSignal.any([this.#end.signal, closed.signal])
    const gone = new Map<string, number>()
    const look = (): void => {
      again = true
      if (signal.aborted) return
      looking ??= (async () => {
        while (again && !signal.aborted) {
          await new Promise((resolve) => setTimeout(resolve, settleMs))
          again = false
          try {
            if (isOwn) await this.#announce(collectionId, engine, signal)
            else await this.#take(collectionId, owner, engine, gone, signal)
          } catch (error) {
            if (!signal.aborted) log.warn('a copy of the index is not up to date', { collectionId, owner, error }) // prettier-ignore
          }
        }
        looking = undefined
      })()
    }
    const stops = [engine.onPulled(look), engine.onChange(() => this.#note(collectionId, owner, engine))] // prettier-ignore
    const key = idOf(collectionId, owner)
    this.#mounted.set(key, {
      collectionId,
      owner,
      engine,
      look,
      close: async () => {
        this.#mounted.delete(key)
        closed.abort(new SiloError('shutting_down'))
        for (const stop of stops) stop()
        unmount?.()
        await looking
        await engine[Symbol.asyncDispose]()
        database.close()
      },
    })
    if (isOwn) await signDataset(engine.root, { collectionId, device: self }, this.#init.keyPem, signal) // prettier-ignore
    await engine.start()
    unmount = mounts.mount({
      engine,
      kind: 'index',
      permits: (party, operation) => this.#permits(collectionId, owner, party, operation),
      refused: ({ peerId, key }) =>
        this.#init.audit.record({ device: peerId ?? key, action: 'sync', collectionIds: [collectionId], allowed: false }), // prettier-ignore
    })
    look()
  }

  /** Asked for every message. Blocks and the index go to whom may keep a copy, and come from who may have one. */
  #permits(
    collectionId: string,
    owner: string,
    { peerId }: SyncParty,
    operation: 'read' | 'write',
  ): boolean {
    const { policies, roads, audit, self } = this.#init
    const companion = peerId === undefined ? undefined : roads.find(peerId)
    if (peerId === undefined || !companion) return false
    const mayCopy = policies.mayCopy(collectionId, peerId)
    if (operation === 'read') {
      if (mayCopy) audit.record({ device: peerId, action: 'sync', collectionIds: [collectionId], allowed: true }) // prettier-ignore
      return mayCopy
    }
    const policy = policies.get(collectionId)?.policy
    // What this device writes is heard of by nobody who may not have it.
    if (owner === self) return mayCopy
    if (peerId === policy?.home || companion.role === 'owner') return true
    const level = policies.accessOf(collectionId, peerId)?.level
    return peerId === owner ? reaches(level, 'write') : mayCopy
  }

  async #announce(collectionId: string, engine: FolderEngine, signal: AbortSignal): Promise<void> {
    const of = { collectionId, device: this.#init.self }
    if (await signDataset(engine.root, of, this.#init.keyPem, signal)) await engine.rescan()
  }

  async #take(
    collectionId: string,
    owner: string,
    { root }: FolderEngine,
    gone: Map<string, number>,
    signal: AbortSignal,
  ): Promise<void> {
    const { index, records, documents, log } = this.#init
    const list = await readDatasetList(root, { collectionId, device: owner })
    if (!list) return
    const taken = records.listNumber(collectionId, owner)
    if (list.number < taken) {
      log.warn('an older state of an index was offered; it is not taken', { collectionId, owner })
      return
    }
    const target = join(index, collectionId, owner)
    const { complete, changed, wrong } = await promoteDataset(root, target, list, gone, signal)
    if (wrong.length > 0) log.warn('an index that was received is not what its device signed', { collectionId, owner, files: wrong.length }) // prettier-ignore
    if (!complete || (!changed && list.number === taken)) return
    if (!(await documents.mirror(collectionId, owner, signal))) return
    records.setSynced(collectionId, owner, Date.now(), list.number)
    this.#restoring.delete(idOf(collectionId, owner))
    this.#init.onChange(collectionId)
  }

  /** Nothing is missing and somebody is there to say so: the copy is as of now. */
  #note(collectionId: string, owner: string, engine: FolderEngine): void {
    const { records, self } = this.#init
    if (owner === self || this.#end.signal.aborted) return
    const { condition, needFiles, peers } = engine.state()
    if (condition !== 'idle' || needFiles > 0 || !peers.some(({ attached }) => attached)) return
    const number = records.listNumber(collectionId, owner)
    const before = records.synced(collectionId).get(owner)
    if (number === 0 || before === undefined || Date.now() - before < noteMs) return
    records.setSynced(collectionId, owner, Date.now(), number)
  }
}

/** As the folder is called on the wire. */
function idOf(collectionId: string, owner: string): string {
  return `index.${collectionId}.${owner}`
}
