import { SiloError, toSiloError, toWire } from '#shared/errors/silo-error.ts'
import type { ReplicaList, ReplicaOffer } from '#shared/protocol/replica.ts'
import type { PageModelState } from '#web/engines/page-engine-types.ts'
import { acknowledgeDropped, chooseCopy, defaultBudget, leaseTime, removeCopy, removeExpired, setBudget, vaultCopies, vaultSettings } from '#web/replica/vault/copies.ts' // prettier-ignore
import { leaseOf, type LeaseState } from '#web/replica/vault/lease.ts'
import type { DroppedCopy, VaultCopy } from '#web/replica/vault/records.ts'
import { send } from '../api.ts'
import { hosts } from '../hosts.svelte.ts'
import { pageModels } from '../page-engine.svelte.ts'
import { tabChannel, tabLocks } from '../page-host/tabs.ts'
import { connection } from '../stream.svelte.ts'
import { onChange } from '../stream.ts'
import { vaultWorker } from './reader.ts'
import { VaultSync, type SyncPause } from './vault-sync.ts'

/** Changes come in bursts while a folder is read: they are waited out, ms. */
const restMs = 1500
/** A battery below this share, and not charging, is spared. */
const lowBattery = 0.2
/** Permission is confirmed, and missed changes are fetched, at least so often while a companion is there, ms. */
const refreshMs = 3600_000

/** This device's copies of collections, for screens, and what keeps them up to date. */
class VaultCopies {
  #copies = $state.raw<readonly VaultCopy[]>([])
  #ready = $state(false)
  #now = $state(0)
  #budget = $state(defaultBudget)
  #room = $state<number>()
  #list = $state.raw<ReplicaList>()
  #listError = $state.raw<SiloError>()
  #current = $state<string>()
  #busy = $state(false)
  #paused = $state<SyncPause>()
  #dropped = $state.raw<readonly DroppedCopy[]>([])
  #started = false
  #timer: ReturnType<typeof setTimeout> | undefined
  readonly #channel = typeof BroadcastChannel === 'undefined' ? undefined : tabChannel('silo-vault')
  readonly #sync = new VaultSync({
    send,
    worker: vaultWorker,
    locks: tabLocks(),
    companionId: () => hosts.companionId,
    pause: pauseNow,
    onStep: () => this.#step(),
  })

  get copies(): readonly VaultCopy[] {
    return this.#copies
  }
  /** False until what is on this device was read. */
  get ready(): boolean {
    return this.#ready
  }
  /** What the connected companion offers; undefined until it said so. */
  get list(): ReplicaList | undefined {
    return connection.state === 'online' ? this.#list : undefined
  }
  get listError(): SiloError | undefined {
    return this.#listError
  }
  /** What all copies may take together, bytes. */
  get budget(): number {
    return this.#budget
  }
  /** What they take now, bytes. */
  get used(): number {
    return this.#copies.reduce((sum, { bytes }) => sum + bytes, 0)
  }
  /** What this browser has left for this site, bytes; undefined where it does not say. */
  get room(): number | undefined {
    return this.#room
  }
  /** The collection that is being copied. */
  get current(): string | undefined {
    return this.#current
  }
  get busy(): boolean {
    return this.#busy
  }
  get paused(): SyncPause | undefined {
    return this.#paused
  }
  get dropped(): readonly DroppedCopy[] {
    return this.#dropped
  }
  /** The model by which copies are searched by meaning, as it is on this device; undefined where the page knows none. */
  get model(): PageModelState | undefined {
    const id = this.#list?.modelId ?? this.#copies.find(({ modelId }) => modelId)?.modelId
    return pageModels.models.find(({ model }) => model.id === id && model.task === 'embed')
  }

  copy(id: string): VaultCopy | undefined {
    return this.#copies.find((copy) => copy.id === id)
  }

  lease(copy: VaultCopy): LeaseState {
    return leaseOf(copy, Math.max(this.#now, copy.confirmedAt))
  }

  /** Begins to keep the copies up to date. Safe to call often. */
  start(): void {
    if (this.#started) return
    this.#started = true
    this.#channel?.listen(() => void this.#read())
    void leaseTime()
      .then(removeExpired)
      .then(() => this.#read())
      .catch(() => {})
    onChange('vault', () => this.#soon())
    setInterval(() => this.#soon(), refreshMs)
    $effect.root(() => {
      $effect(() => {
        if (hosts.companionId !== undefined) this.#soon()
      })
      // Who was removed as a device keeps nothing of that companion's.
      $effect(() => {
        const { state, companionId } = connection
        if (state === 'revoked' && companionId !== undefined) void this.#dropAllOf(companionId)
      })
    })
  }

  /** Keeps what the companion offers fresh while a screen shows it. Returns the end of it. */
  watch(): () => void {
    this.start()
    let timer: ReturnType<typeof setTimeout> | undefined
    const stop = onChange('vault', () => {
      clearTimeout(timer)
      timer = setTimeout(() => void this.look(), restMs)
    })
    void this.look()
    return () => {
      clearTimeout(timer)
      stop()
    }
  }

  /** Asks the companion what it offers. Never throws: why not is `listError`. */
  async look(): Promise<void> {
    try {
      await this.#sync.ask(AbortSignal.timeout(30_000))
      this.#listError = undefined
    } catch (cause) {
      this.#listError = toSiloError(cause, 'page')
    }
    await this.#measure()
  }

  /**
   * Keeps a collection on this device from now on, with the model to search it by.
   * @throws SiloError replica_over_budget, storage_quota, page_storage_failed
   */
  async keep(offer: ReplicaOffer): Promise<void> {
    const companionId = this.#list?.companionId
    if (companionId === undefined) throw new SiloError('companion_unreachable')
    await this.#measure()
    const left = this.#budget - this.used
    if (offer.bytes > left)
      throw new SiloError('replica_over_budget', { params: { needed: offer.bytes, available: Math.max(0, left) } }) // prettier-ignore
    if (this.#room !== undefined && offer.bytes > this.#room)
      throw new SiloError('storage_quota', { params: { needed: offer.bytes, available: this.#room } }) // prettier-ignore
    // The person has just said that it is to stay: the moment to ask the browser not to clear it on its own.
    void navigator.storage?.persist?.().catch(() => false)
    await chooseCopy(offer, companionId, Date.now())
    await this.#read()
    this.#channel?.post({})
    void this.#sync.run({ forced: true })
    void this.fetchModel().catch(() => {})
  }

  /** Copies that would have to go so that `bytes` have room, those searched longest ago first; undefined where that is not enough. */
  roomFor(bytes: number, except: string): VaultCopy[] | undefined {
    let missing = this.used + bytes - this.#budget
    const going: VaultCopy[] = []
    const others = this.#copies.filter(({ id }) => id !== except)
    for (const copy of others.toSorted((a, b) => a.usedAt - b.usedAt)) {
      if (missing <= 0) break
      going.push(copy)
      missing -= copy.bytes
    }
    return missing <= 0 ? going : undefined
  }

  /** Deletes a copy. */
  async drop(id: string): Promise<void> {
    if (this.#current === id) await this.#sync.stop()
    await removeCopy(id)
    await this.#read()
    this.#channel?.post({})
    this.#soon()
  }

  /** Brings everything up to date now, also on a metered connection. */
  syncNow(): void {
    void this.#sync.run({ forced: true })
  }

  /** Fetches the model for search by meaning, where it is not here. @throws SiloError storage_quota, download_failed, … */
  async fetchModel(): Promise<void> {
    await pageModels.start()
    const { model } = this
    if (model && !model.installed && !model.downloading) await pageModels.download(model.model.id)
  }

  async allow(budget: number): Promise<void> {
    await setBudget(budget)
    this.#budget = budget
    this.#soon()
  }

  /** The person has read which copies went. */
  async acknowledge(): Promise<void> {
    await acknowledgeDropped()
    await this.#read()
    this.#channel?.post({})
  }

  #soon(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      if (this.#copies.length > 0 && hosts.companionId !== undefined) void this.#sync.run()
    }, restMs)
  }

  #step(): void {
    this.#list = this.#sync.list
    this.#current = this.#sync.current
    this.#busy = this.#sync.busy
    this.#paused = this.#sync.paused
    void this.#read()
    this.#channel?.post({})
  }

  async #read(): Promise<void> {
    const [copies, settings, now] = await Promise.all([vaultCopies(), vaultSettings(), leaseTime()])
    this.#copies = copies
    this.#budget = settings.budget ?? defaultBudget
    this.#dropped = settings.dropped
    this.#now = now
    this.#ready = true
  }

  async #dropAllOf(companionId: string): Promise<void> {
    await this.#sync.stop()
    const error = toWire(new SiloError('device_not_paired'))
    for (const { id, companionId: from } of await vaultCopies())
      if (from === companionId) await removeCopy(id, error)
    await this.#read()
    this.#channel?.post({})
  }

  async #measure(): Promise<void> {
    try {
      const { quota, usage = 0 } = await navigator.storage.estimate()
      this.#room = quota === undefined ? undefined : Math.max(0, quota - usage)
    } catch {
      this.#room = undefined
    }
  }
}

/** Copying may cost money, or the rest of the battery: where the browser tells so, it waits for a person. */
function pauseNow(): SyncPause | undefined {
  const network: unknown = Reflect.get(navigator, 'connection')
  if (network instanceof Object) {
    const cellular = Reflect.get(network, 'type') === 'cellular'
    if (Reflect.get(network, 'saveData') === true || cellular) return 'metered'
  }
  const { battery } = pageModels.ability
  return battery && !battery.charging && battery.level < lowBattery ? 'low-battery' : undefined
}

export const deviceCopies = new VaultCopies()
