import { newId } from '#shared/domain/ids.ts'
import type { Collection } from '#shared/domain/vault.ts'
import { collectionResponseSchema } from '#shared/protocol/api.ts'
import type { RunView } from '#shared/protocol/run-view.ts'
import { request } from '#web/client/api.ts'
import { companion } from '#web/client/companion.svelte.ts'
import { cancelRun, startIngest } from '#web/client/run-actions.ts'
import { RunWatch } from '#web/client/run-watch.svelte.ts'

/** The first collection of a new companion and the ingest that fills it. */
export class FirstFolder {
  readonly #runs = new RunWatch()
  #runId = $state<string>()

  /** The collection made here, or the oldest one there is. */
  get collection(): Collection | undefined {
    const all = companion.collections.value ?? []
    return all.toSorted((a, b) => a.createdAt - b.createdAt)[0]
  }

  get view(): RunView | undefined {
    return this.#runs.view(this.collection?.runId ?? this.#runId)
  }

  get running(): boolean {
    return this.#runId !== undefined && !this.view?.outcome
  }

  /** Follows an ingest that already runs, e.g. after a reload. Call in an effect. */
  followRunning(): void {
    const runId = this.collection?.runId
    if (runId) this.#follow(runId)
  }

  /** Reads a folder into the first collection, which is made where there is none yet. */
  async read(path: string, name: string): Promise<void> {
    let collection = this.collection
    if (!collection) {
      const made = await request('/api/collections', collectionResponseSchema, {
        method: 'POST',
        body: { id: newId(), name },
      })
      collection = made.collection
      companion.collections.set([...(companion.collections.value ?? []), collection])
    }
    const run = await startIngest(collection.id, [path])
    this.#follow(run.id)
    await companion.collections.load()
  }

  async stop(): Promise<void> {
    if (this.view) await cancelRun(this.view.runId)
  }

  dispose(): void {
    this.#runs.dispose()
  }

  #follow(runId: string): void {
    this.#runs.follow(runId, () => void companion.collections.load())
    if (this.#runId !== runId) this.#runId = runId
  }
}
