import { SvelteMap } from 'svelte/reactivity'
import { SiloError, toSiloError, toWire } from '#shared/errors/silo-error.ts'
import { collectionResponseSchema } from '#shared/protocol/api.ts'
import { request } from './api.ts'
import { filesToSend } from './shared-form.ts'
import { changeShared, onSharedChange, putShared, removeShared, sharedItems, type SharedItem, type SharedTarget } from './shared-items.ts' // prettier-ignore
import { dropUpload, uploadFile } from './upload.ts'

export interface Sending {
  readonly sent: number
  readonly total: number
  /** The companion is away. */
  readonly paused: boolean
}

/** The collection that shared files go to unless another is chosen: one for all devices of a person. */
export const sharedCollectionId = 'shared-files'

/** What was shared with this app: shown, and sent once the person has said what for and the companion is there. */
class SharedQueue {
  #items = $state.raw<readonly SharedItem[]>([])
  #loaded = $state(false)
  #failure = $state.raw<SiloError>()
  readonly #sending = new SvelteMap<string, Sending>()
  readonly #stops = new Map<string, AbortController>()
  #started = false
  #pumping = false

  get items(): readonly SharedItem[] {
    return this.#items
  }
  get loaded(): boolean {
    return this.#loaded
  }
  /** The browser does not give its store. */
  get failure(): SiloError | undefined {
    return this.#failure
  }
  sending(id: string): Sending | undefined {
    return this.#sending.get(id)
  }

  /** Begins to watch and to send; again it does nothing. */
  start(): void {
    if (this.#started) return
    this.#started = true
    onSharedChange(() => void this.refresh())
    void this.refresh()
  }

  async refresh(): Promise<void> {
    try {
      this.#items = await sharedItems()
      this.#failure = undefined
    } catch (cause) {
      this.#failure = toSiloError(cause, 'page')
    }
    this.#loaded = true
    for (const [id, stop] of this.#stops) {
      // Discarded on another page.
      if (!this.#items.some((item) => item.id === id)) stop.abort()
    }
    void this.#pump()
  }

  /** Keeps an item, e.g. of files opened with the app. @throws SiloError storage_quota */
  async add(item: SharedItem): Promise<void> {
    await putShared(item).catch(async (cause: unknown) => {
      throw await storeError(item, cause)
    })
    await this.refresh()
  }

  /** Says where an item goes. It is sent now, or when the companion is back. */
  async choose(item: SharedItem, target: SharedTarget): Promise<void> {
    await changeShared(item.id, { target, state: 'waiting', error: undefined })
    await this.refresh()
  }

  async retry(item: SharedItem): Promise<void> {
    await changeShared(item.id, { state: 'waiting', error: undefined })
    await this.refresh()
  }

  /** Takes an item back to the choice, or away; what the companion has of it unfinished is dropped. */
  async discard(item: SharedItem): Promise<void> {
    await removeShared(item.id)
    this.#stops.get(item.id)?.abort()
    await this.refresh()
    if (item.state !== 'sent') for (const { id } of filesToSend(item)) await dropUpload(id)
  }

  /** One page of this browser sends, one item after the other. */
  async #pump(): Promise<void> {
    if (this.#pumping) return
    this.#pumping = true
    try {
      const work = async (): Promise<void> => {
        for (;;) {
          // Oldest first, and read anew: another page may have sent it meanwhile.
          const next = (await sharedItems()).findLast(({ state }) => state === 'waiting')
          if (!next) return
          await this.#send(next)
          this.#items = await sharedItems()
        }
      }
      if ('locks' in navigator) await navigator.locks.request('silo-shared', work)
      else await work()
    } catch {
      // The store is gone; `refresh` says so.
    } finally {
      this.#pumping = false
    }
  }

  async #send(item: SharedItem): Promise<void> {
    const stop = new AbortController()
    this.#stops.set(item.id, stop)
    const files = filesToSend(item)
    const total = files.reduce((sum, { size }) => sum + size, 0)
    let before = 0
    const show = (sent: number, paused: boolean) =>
      this.#sending.set(item.id, { sent: Math.min(sent, total), total, paused })
    show(0, false)
    try {
      const { target } = item
      if (!target) throw new SiloError('collection_unknown')
      const unread: string[] = []
      for (const { id, name, size, content } of files) {
        if (!content) continue
        let sent = 0
        const upload = await this.#upload(
          { id, name, content, collectionId: target.collectionId },
          target,
          {
            signal: stop.signal,
            onProgress: (bytes: number) => show(before + (sent = bytes), false),
            onPause: (reason?: SiloError) => show(before + sent, reason !== undefined),
          },
        )
        if (!upload.readable) unread.push(upload.name)
        before += size
      }
      const light = item.files.map(({ content: _content, ...file }) => file)
      await changeShared(item.id, { state: 'sent', sentAt: Date.now(), files: light, unread })
    } catch (cause) {
      if (stop.signal.aborted) return
      const error = toWire(toSiloError(cause, 'page'))
      await changeShared(item.id, { state: 'failed', error })
    } finally {
      this.#stops.delete(item.id)
      this.#sending.delete(item.id)
    }
  }

  /** The collection for shared files is made when the first one needs it. */
  async #upload(
    file: Parameters<typeof uploadFile>[0],
    target: SharedTarget,
    options: Parameters<typeof uploadFile>[1],
  ) {
    try {
      return await uploadFile(file, options)
    } catch (cause) {
      const missing = toSiloError(cause, 'page').code === 'collection_unknown'
      if (!missing || target.collectionId !== sharedCollectionId) throw cause
      await request('/api/collections', collectionResponseSchema, {
        method: 'POST',
        body: { id: target.collectionId, name: target.collectionName },
        signal: options.signal,
      })
      return await uploadFile(file, options)
    }
  }
}

/** What a browser's refusal to keep an item means to a person. */
export async function storeError(item: SharedItem, cause: unknown): Promise<SiloError> {
  if ((cause as Error | undefined)?.name !== 'QuotaExceededError') return toSiloError(cause, 'page')
  const { quota = 0, usage = 0 } = (await navigator.storage?.estimate?.()) ?? {}
  const needed = item.files.reduce((sum, { size }) => sum + size, 0)
  return new SiloError('storage_quota', {
    params: { available: Math.max(0, quota - usage), needed },
    cause,
  })
}

export const sharedQueue = new SharedQueue()
