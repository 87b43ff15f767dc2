import type { SyncState } from '#shared/protocol/sync.ts'
import {
  syncIgnoresSchema,
  syncResponseSchema,
  type AddSyncDevice,
  type AddSyncFolder,
  type PatchSyncDevice,
  type PatchSyncFolder,
  type SyncAction,
} from '#shared/protocol/sync.ts'
import { request, type RequestOptions } from '#web/client/api.ts'
import { Resource } from '#web/client/resource.svelte.ts'
import { onChange } from '#web/client/stream.ts'

/** Figures of what is under way are read again so often while the page is open (ms). */
const lookAgainMs = 5000
/** A folder of a hundred thousand files is looked through. */
const actionLimitMs = 120_000

/** The folders kept alike with other devices, and the devices. */
export class SyncStore {
  readonly sync = new Resource<SyncState>(async (signal) => {
    const { sync } = await request('/api/sync', syncResponseSchema, { signal })
    return sync
  })

  /** Reads everything and keeps it fresh. Returns the end of it. */
  start(): () => void {
    const load = (): void => void this.sync.load()
    const stop = onChange('sync', load)
    const stopDevices = onChange('devices', load)
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') load()
    }, lookAgainMs)
    load()
    return () => {
      stop()
      stopDevices()
      clearInterval(timer)
      this.sync.dispose()
    }
  }

  /** @throws SiloError conflict */
  addDevice(device: AddSyncDevice): Promise<void> {
    return this.#change('/devices', { method: 'POST', body: device })
  }

  patchDevice(id: string, changes: PatchSyncDevice): Promise<void> {
    return this.#change(`/devices/${id}`, { method: 'PATCH', body: changes })
  }

  removeDevice(id: string): Promise<void> {
    return this.#change(`/devices/${id}`, { method: 'DELETE' })
  }

  /** @throws SiloError conflict, sync_folder_overlaps, path_not_found, path_denied */
  addFolder(folder: AddSyncFolder): Promise<void> {
    return this.#change('/folders', { method: 'POST', body: folder })
  }

  patchFolder(id: string, changes: PatchSyncFolder): Promise<void> {
    return this.#change(`/folders/${encodeURIComponent(id)}`, { method: 'PATCH', body: changes })
  }

  removeFolder(id: string): Promise<void> {
    return this.#change(`/folders/${encodeURIComponent(id)}`, { method: 'DELETE' })
  }

  act(id: string, action: SyncAction): Promise<void> {
    const options = { method: 'POST', timeoutMs: actionLimitMs } as const
    return this.#change(`/folders/${encodeURIComponent(id)}/${action}`, options)
  }

  async ignores(id: string): Promise<string[]> {
    const { lines } = await request(`/api/sync/folders/${encodeURIComponent(id)}/ignores`, syncIgnoresSchema) // prettier-ignore
    return lines
  }

  /** @throws SiloError sync_ignores_broken */
  async setIgnores(id: string, lines: readonly string[]): Promise<void> {
    await request(`/api/sync/folders/${encodeURIComponent(id)}/ignores`, syncIgnoresSchema, { method: 'PUT', body: { lines }, timeoutMs: actionLimitMs }) // prettier-ignore
  }

  async #change(path: string, options: RequestOptions): Promise<void> {
    const { sync } = await request(`/api/sync${path}`, syncResponseSchema, options)
    this.sync.set(sync)
  }
}
