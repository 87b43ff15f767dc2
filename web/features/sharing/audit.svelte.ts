import type { AuditEntry } from '#shared/domain/sharing.ts'
import { toSiloError, type SiloError } from '#shared/errors/silo-error.ts'
import { auditListSchema, type AuditList } from '#shared/protocol/sharing.ts'
import { request } from '#web/client/api.ts'
import { onChange } from '#web/client/stream.ts'

export interface AuditFilters {
  device: string
  action: string
  collection: string
  onlyRefused: boolean
}

const perPage = 50

/** The log, newest first, filtered; older pages are added below. */
export class AuditStore {
  readonly filters = $state<AuditFilters>({
    device: '',
    action: '',
    collection: '',
    onlyRefused: false,
  })
  #page = $state.raw<AuditList>()
  #failure = $state.raw<SiloError>()
  #loading = $state(false)
  /** Pages below the first are on the screen: what is new is not pushed in above them. */
  #older = false
  #running: AbortController | undefined

  /** Reads the newest, and again when there are new lines. Returns the end of it. */
  start(): () => void {
    const stop = onChange('settings', ({ id }) => {
      if (id === 'audit' && !this.#older) void this.load()
    })
    return () => {
      stop()
      this.#running?.abort()
    }
  }

  get entries(): readonly AuditEntry[] | undefined {
    return this.#page?.entries
  }

  get page(): AuditList | undefined {
    return this.#page
  }

  get failure(): SiloError | undefined {
    return this.#failure
  }

  get loading(): boolean {
    return this.#loading
  }

  get filtered(): boolean {
    const { device, action, collection, onlyRefused } = this.filters
    return Boolean(device || action || collection || onlyRefused)
  }

  clear(): void {
    Object.assign(this.filters, { device: '', action: '', collection: '', onlyRefused: false })
  }

  /** The newest; with `before`, those that follow. Never throws: the outcome is the state. */
  async load(before?: number): Promise<void> {
    this.#running?.abort()
    const run = new AbortController()
    this.#running = run
    this.#loading = true
    const { device, action, collection, onlyRefused } = this.filters
    const query = new URLSearchParams({
      limit: String(perPage),
      ...(device ? { device } : {}),
      ...(action ? { action } : {}),
      ...(collection ? { collection } : {}),
      ...(onlyRefused ? { allowed: '0' } : {}),
      ...(before === undefined ? {} : { before: String(before) }),
    })
    try {
      const page = await request(`/api/audit?${query}`, auditListSchema, { signal: run.signal })
      if (this.#running !== run) return
      const earlier = before === undefined ? [] : (this.#page?.entries ?? [])
      this.#page = { ...page, entries: [...earlier, ...page.entries] }
      this.#older = before !== undefined
      this.#failure = undefined
    } catch (cause) {
      if (this.#running !== run) return
      this.#failure = toSiloError(cause, 'page')
    }
    this.#loading = false
  }
}
