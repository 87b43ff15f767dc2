import * as v from 'valibot'
import { SiloError, toSiloError, toWire } from '#shared/errors/silo-error.ts'
import { maxPageBytes, feedPath, replicaListSchema, type ReplicaList, type ReplicaOffer } from '#shared/protocol/replica.ts' // prettier-ignore
import { confirmCopy, failCopy, noteCopy, removeCopy, vaultCopies, vaultCopy } from '#web/replica/vault/copies.ts' // prettier-ignore
import type { Applied } from '#web/replica/vault/feed-writer.ts'
import type { VaultCopy } from '#web/replica/vault/records.ts'
import type { VaultWorker } from '#web/replica/vault/vault-worker.ts'
import type { send } from '../api.ts'
import type { Locks } from '../page-host/ports.ts'

/** Why copies are not brought up to date by themselves just now. */
export type SyncPause = 'metered' | 'low-battery'

export interface VaultSyncInit {
  readonly send: typeof send
  readonly worker: Pick<VaultWorker, 'call'>
  readonly locks: Locks
  /** The companion that is connected; undefined while there is none. */
  readonly companionId: () => string | undefined
  /** Asked before every page that nobody has asked for. */
  readonly pause: () => SyncPause | undefined
  /** Called with every step: a copy was written, or what is to be shown of the sync changed. */
  readonly onStep: () => void
}

const lockName = 'silo-vault-sync'
/** The answer to one page, ms: the companion may have to read a large document first. */
const pageLimit = 120_000
/** Merges after a sync, at most: the rest follows with the next. */
const merges = 12
/** The copy was changed elsewhere between asking and writing: so often it is asked anew. */
const conflicts = 3
const gone = new Set(['replica_refused', 'collection_unknown', 'device_not_paired'])

/** Brings the copies of the connected companion up to date, page by page. One tab at a time. */
export class VaultSync {
  readonly #init: VaultSyncInit
  #running: Promise<void> | undefined
  #again = false
  #forced = false
  #abort = new AbortController()
  #list: ReplicaList | undefined
  #current: string | undefined
  #paused: SyncPause | undefined

  constructor(init: VaultSyncInit) {
    this.#init = init
  }

  /** What the companion offers; undefined until it was asked. */
  get list(): ReplicaList | undefined {
    return this.#list
  }

  /** The collection that is being copied. */
  get current(): string | undefined {
    return this.#current
  }

  get busy(): boolean {
    return this.#running !== undefined
  }

  get paused(): SyncPause | undefined {
    return this.#paused
  }

  /**
   * Brings all copies up to date; a call while that goes on has it done once more. Never throws: what went wrong is
   * noted at the copies. `forced`: a person asked, and neither costs nor the battery hold it up.
   */
  run(options: { forced?: boolean } = {}): Promise<void> {
    if (options.forced) this.#forced = true
    if (this.#running) {
      this.#again = true
      return this.#running
    }
    this.#abort = new AbortController()
    const { signal } = this.#abort
    this.#running = (async () => {
      do {
        this.#again = false
        // Another tab that syncs does it for this one as well.
        await this.#init.locks.request(lockName, { ifAvailable: true }, (lock) => lock && this.#all(signal)) // prettier-ignore
      } while (this.#again && !signal.aborted)
    })()
      .catch(() => {})
      .finally(() => {
        this.#running = undefined
        this.#current = undefined
        this.#forced = false
        this.#init.onStep()
      })
    this.#init.onStep()
    return this.#running
  }

  /** Asks what may be copied. @throws SiloError what the companion says */
  async ask(signal: AbortSignal): Promise<ReplicaList> {
    const response = await this.#init.send('/api/replica', { signal })
    const parsed = v.safeParse(replicaListSchema, await response.json().catch(() => undefined))
    if (!parsed.success) throw new SiloError('bad_response', { cause: parsed.issues[0]?.message })
    this.#list = parsed.output
    this.#init.onStep()
    return parsed.output
  }

  /** Stops, and waits until nothing is written any more. What was taken over stays. */
  async stop(): Promise<void> {
    this.#abort.abort(new SiloError('cancelled'))
    await this.#running
  }

  async #all(signal: AbortSignal): Promise<void> {
    const companionId = this.#init.companionId()
    if (companionId === undefined) return
    const list = await this.ask(signal)
    this.#paused = undefined
    for (const copy of await vaultCopies()) {
      if (copy.companionId !== list.companionId) continue
      signal.throwIfAborted()
      this.#current = copy.id
      this.#init.onStep()
      const offer = list.collections.find(({ id }) => id === copy.id)
      try {
        await this.#one(copy, offer, signal)
      } catch (cause) {
        if (signal.aborted) return
        const error = toSiloError(cause, 'page')
        // Not to be had now: tried again with the next connection, and nothing to tell.
        if (['companion_unreachable', 'timeout'].includes(error.code)) return
        await this.#failed(copy, error)
      }
      this.#init.onStep()
      if (this.#paused) return
    }
  }

  async #failed(copy: VaultCopy, error: SiloError): Promise<void> {
    if (!gone.has(error.code)) {
      await failCopy(copy.id, toWire(error)).catch(() => {})
      return
    }
    // This device may not have it any more, or it is no more.
    await removeCopy(copy.id, toWire(error))
  }

  async #one(
    first: VaultCopy,
    offer: ReplicaOffer | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const copy = offer ? await confirmCopy(offer, Date.now()) : first
    if (!copy) return
    if (offer && isWhole(copy, offer)) {
      await noteCopy(copy.id, ({ error: _error, ...rest }) => ({ ...rest, syncedAt: Date.now() }))
      return
    }
    await this.#fill(copy, signal)
    for (let merged = 0; merged < merges; merged++) {
      if (!(await this.#init.worker.call('compact', { id: copy.id }, { signal }))) return
    }
  }

  /** Page after page, until nothing is left or this is to wait. */
  async #fill(first: VaultCopy, signal: AbortSignal): Promise<void> {
    const { id } = first
    let failed = 0
    let copy: VaultCopy | undefined = first
    while (copy) {
      this.#paused = this.#forced ? undefined : this.#init.pause()
      if (this.#paused) return
      signal.throwIfAborted()
      const { cursor }: VaultCopy = copy
      const bytes = await this.#page(copy, signal)
      signal.throwIfAborted()
      const input = { id, cursor, bytes, now: Date.now() }
      try {
        const applied: Applied = await this.#init.worker.call('apply', input, { signal, transfer: [bytes] }) // prettier-ignore
        copy = applied.copy
        failed = 0
        this.#init.onStep()
        if (applied.complete) return
      } catch (cause) {
        if (toSiloError(cause, 'page').code !== 'conflict' || ++failed > conflicts) throw cause
        copy = await vaultCopy(id)
      }
    }
  }

  async #page({ id, cursor, epoch }: VaultCopy, signal: AbortSignal): Promise<ArrayBuffer> {
    const response = await this.#init.send(feedPath(id, cursor, epoch), { signal, timeoutMs: pageLimit }) // prettier-ignore
    if (Number(response.headers.get('content-length') ?? 0) > maxPageBytes)
      throw new SiloError('bad_response')
    try {
      return await response.arrayBuffer()
    } catch (cause) {
      signal.throwIfAborted()
      throw cause instanceof SiloError ? cause : new SiloError('companion_unreachable', { cause })
    }
  }
}

/** Nothing has changed since the copy was whole. */
function isWhole({ cursor, epoch, syncedAt }: VaultCopy, offer: ReplicaOffer): boolean {
  return syncedAt !== undefined && epoch === offer.epoch && cursor.since === offer.change && !cursor.part // prettier-ignore
}
