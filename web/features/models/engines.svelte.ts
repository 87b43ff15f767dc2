import type { EngineId } from '#shared/domain/engine-choice.ts'
import { newId } from '#shared/domain/ids.ts'
import type { Settings } from '#shared/domain/settings.ts'
import { settingsResponseSchema } from '#shared/protocol/api.ts'
import { enginesSchema, type Engines } from '#shared/protocol/engines.ts'
import { runStartedSchema } from '#shared/protocol/ingest.ts'
import { request } from '#web/client/api.ts'
import { companion } from '#web/client/companion.svelte.ts'
import { noteOwnRun } from '#web/client/read-marks.ts'
import { Resource } from '#web/client/resource.svelte.ts'
import { cancelRun } from '#web/client/run-actions.ts'
import { RunWatch } from '#web/client/run-watch.svelte.ts'
import { onChange } from '#web/client/stream.ts'

/** What runs the models of the companion, and which of it is taken first. */
export class EnginesStore {
  readonly engines = new Resource<Engines>((signal) =>
    request('/api/engines', enginesSchema, { signal }),
  )
  readonly runs = new RunWatch()
  /** The newest installation seen on this page; its failure stays readable. */
  installRunId = $state<string>()
  /** What that is. */
  installed = $state<EngineId>()
  #looking = $state(false)

  start(): () => void {
    void this.#reload().then(() => this.look())
    const stop = onChange('status', () => void this.#reload())
    return () => {
      stop()
      this.runs.dispose()
      this.engines.dispose()
    }
  }

  get looking(): boolean {
    return this.#looking
  }

  /** Asks the usual addresses of the companion's computer for servers. Never throws: what was known stays. */
  async look(): Promise<void> {
    this.#looking = true
    try {
      this.engines.set(await request('/api/engines/look', enginesSchema, { method: 'POST' }))
      await companion.models.load()
    } catch {
      // The list says by itself where the companion is away.
    }
    this.#looking = false
  }

  async choose(engine: NonNullable<Settings['engine']>): Promise<void> {
    const { settings } = await request('/api/settings', settingsResponseSchema, { method: 'PATCH', body: { engine } }) // prettier-ignore
    companion.settings.set(settings)
    await this.#reload()
  }

  async install(engine: EngineId): Promise<void> {
    const body = { id: newId() }
    const { run } = await request(`/api/engines/${engine}`, runStartedSchema, { method: 'POST', body }) // prettier-ignore
    this.installed = engine
    noteOwnRun(run.id)
    this.#follow(run.id)
  }

  async stop(): Promise<void> {
    if (this.installRunId) await cancelRun(this.installRunId)
  }

  async #reload(): Promise<void> {
    await this.engines.load()
    const { value } = this.engines
    if (!value?.installing) return
    this.installed = value.installing.engine
    this.#follow(value.installing.runId)
  }

  #follow(runId: string): void {
    if (this.installRunId === runId) return
    this.installRunId = runId
    this.runs.follow(runId, () => void this.#reload())
  }
}
