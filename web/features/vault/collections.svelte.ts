import type { Collection } from '#shared/domain/vault.ts'
import { newId } from '#shared/domain/ids.ts'
import { collectionListSchema, collectionResponseSchema, runListSchema } from '#shared/protocol/api.ts' // prettier-ignore
import { resumedSchema, runStartedSchema } from '#shared/protocol/ingest.ts'
import { request, send } from '#web/client/api.ts'
import { Resource } from '#web/client/resource.svelte.ts'
import { cancelRun, startIngest } from '#web/client/run-actions.ts'
import { RunWatch } from '#web/client/run-watch.svelte.ts'
import { onChange } from '#web/client/stream.ts'
import { connection } from '#web/client/stream.svelte.ts'
import { requestVault } from '#web/client/vault-request.ts'

/** Every collection with its running ingest. Shared by the list and the page of one collection. */
export class CollectionsStore {
  readonly list: Resource<Collection[]> = new Resource<Collection[]>(async (signal) => {
    const { collections } = await requestVault('/api/collections', collectionListSchema, { signal })
    for (const { runId } of collections) if (runId) this.#follow(runId)
    if (connection.state === 'online') return collections
    // While it is away only what this device keeps is told; what was seen before is still there.
    const told = new Set(collections.map(({ id }) => id))
    return [...collections, ...(this.list.value ?? []).filter(({ id }) => !told.has(id))]
  })
  readonly runs = new RunWatch()

  /** Reads the list, follows what runs, and reads again when the vault changes. Returns the end of it. */
  start(): () => void {
    const stop = onChange('vault', () => void this.list.load())
    void this.list.load()
    return () => {
      stop()
      this.runs.dispose()
      this.list.dispose()
    }
  }

  /** Follows the newest reading of a collection where it did not end well, so that why can be seen later too. */
  async followFailed(id: string): Promise<string | undefined> {
    const { runs } = await request('/api/runs', runListSchema)
    const newest = runs.find(({ kind, subject }) => kind === 'ingest' && subject === id)
    if (!newest?.outcome || newest.outcome === 'done') return undefined
    this.#follow(newest.id)
    return newest.id
  }

  find(id: string): Collection | undefined {
    return this.list.value?.find((collection) => collection.id === id)
  }

  /** Makes a collection and, where a folder is given, begins to read it. */
  async create(name: string, path?: string): Promise<Collection> {
    const { collection } = await request('/api/collections', collectionResponseSchema, {
      method: 'POST',
      body: { id: newId(), name },
    })
    this.list.set([...(this.list.value ?? []), collection])
    if (path) await this.ingest(collection.id, [path])
    return collection
  }

  /** Reads folders into a collection; with none, its present ones again. */
  async ingest(collectionId: string, paths: readonly string[] = []): Promise<void> {
    const run = await startIngest(collectionId, paths)
    this.#follow(run.id)
    await this.list.load()
  }

  async cancel(runId: string): Promise<void> {
    await cancelRun(runId)
  }

  async rename(id: string, name: string): Promise<void> {
    const { collection } = await request(`/api/collections/${id}`, collectionResponseSchema, {
      method: 'PATCH',
      body: { name },
    })
    this.list.set((this.list.value ?? []).map((known) => (known.id === id ? collection : known)))
  }

  /** Holds reading where it is, also what begins later. */
  async pause(id: string): Promise<void> {
    await request(`/api/collections/${id}/pause`, collectionResponseSchema, { method: 'POST' })
    await this.list.load()
  }

  async resume(id: string): Promise<void> {
    const { run } = await request(`/api/collections/${id}/resume`, resumedSchema, {
      method: 'POST',
    })
    if (run) this.#follow(run.id)
    await this.list.load()
  }

  /** Reads again what failed, though nothing about it changed. */
  async retry(id: string): Promise<void> {
    const { run } = await request(`/api/collections/${id}/retry`, runStartedSchema, {
      method: 'POST',
      body: {},
    })
    this.#follow(run.id)
    await this.list.load()
  }

  /** Whether the folders are watched. */
  async setWatched(id: string, watched: boolean): Promise<void> {
    const body = { watched }
    await request(`/api/collections/${id}/watched`, collectionResponseSchema, {
      method: 'PUT',
      body,
    })
    await this.list.load()
  }

  /** A folder is not read any more; a run drops its documents. */
  async removeRoot(id: string, root: string): Promise<void> {
    const path = `/api/collections/${id}/roots?path=${encodeURIComponent(root)}`
    const { run } = await request(path, resumedSchema, { method: 'DELETE' })
    if (run) this.#follow(run.id)
    await this.list.load()
  }

  /** Removes the collection's index. The files it was read from stay as they are. */
  async remove(id: string): Promise<void> {
    await send(`/api/collections/${id}`, { method: 'DELETE', timeoutMs: 60_000 })
    this.list.set((this.list.value ?? []).filter((known) => known.id !== id))
  }

  #follow(runId: string): void {
    this.runs.follow(runId, () => void this.list.load())
  }
}
