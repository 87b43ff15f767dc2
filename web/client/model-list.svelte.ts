import type { ModelState } from '#shared/domain/model.ts'
import type { Settings } from '#shared/domain/settings.ts'
import {
  modelListSchema,
  modelResponseSchema,
  settingsResponseSchema,
  statusSchema,
  type Status,
} from '#shared/protocol/api.ts'
import { request } from './api.ts'
import { Resource } from './resource.svelte.ts'
import { cancelRun, startDownload } from './run-actions.ts'
import { RunWatch } from './run-watch.svelte.ts'
import { onChange } from './stream.ts'

/** The catalogue with what is on this machine, the downloads under way, and which models are used by default. */
export class ModelList {
  readonly models = new Resource<ModelState[]>(async (signal) => {
    const { models } = await request('/api/models', modelListSchema, { signal })
    for (const { downloadRunId } of models) if (downloadRunId) this.#follow(downloadRunId)
    return models
  })
  readonly settings = new Resource<Settings>(async (signal) => {
    const { settings } = await request('/api/settings', settingsResponseSchema, { signal })
    return settings
  })
  readonly status = new Resource<Status>((signal) =>
    request('/api/status', statusSchema, { signal }),
  )
  readonly runs = new RunWatch()
  /** The newest download of each model this page has seen, so that its failure stays readable. */
  readonly #lastRun = $state<Record<string, string>>({})

  start(): () => void {
    const stops = [
      onChange('models', () => void this.models.load()),
      onChange('settings', () => void this.settings.load()),
      onChange('status', () => void this.status.load()),
    ]
    void this.models.load()
    void this.settings.load()
    void this.status.load()
    return () => {
      for (const stop of stops) stop()
      this.runs.dispose()
      for (const resource of [this.models, this.settings, this.status]) resource.dispose()
    }
  }

  /** The download of a model that runs, or that ended while this page was open. */
  download(model: ModelState) {
    return this.runs.view(model.downloadRunId ?? this.#lastRun[model.entry.id])
  }

  async startDownload(modelId: string): Promise<void> {
    const run = await startDownload(modelId)
    this.#lastRun[modelId] = run.id
    this.#follow(run.id)
    await this.models.load()
  }

  async cancelDownload(runId: string): Promise<void> {
    await cancelRun(runId)
  }

  /** Deletes a model's file, or what an unfinished download left. */
  async remove(modelId: string): Promise<void> {
    await request(`/api/models/${encodeURIComponent(modelId)}`, modelResponseSchema, {
      method: 'DELETE',
    })
    delete this.#lastRun[modelId]
    await this.models.load()
  }

  /** Takes in a .gguf file that already lies on the companion's disk. */
  async importFile(path: string, name?: string): Promise<ModelState> {
    const { model } = await request('/api/models/import', modelResponseSchema, {
      method: 'POST',
      body: name ? { path, name } : { path },
      timeoutMs: 600_000,
    })
    await this.models.load()
    return model
  }

  async patchSettings(patch: Partial<Settings>): Promise<void> {
    const { settings } = await request('/api/settings', settingsResponseSchema, {
      method: 'PATCH',
      body: patch,
    })
    this.settings.set(settings)
  }

  /** The model used when none is chosen: what the settings say, else what the companion picked. */
  defaultId(task: 'chat' | 'embed'): string | undefined {
    const { value: settings } = this.settings
    const { value: status } = this.status
    const chosen = task === 'chat' ? settings?.chatModelId : settings?.embedModelId
    const picked = task === 'chat' ? status?.chatModelId : status?.embedModelId
    return chosen ?? picked ?? undefined
  }

  #follow(runId: string): void {
    this.runs.follow(runId, () => void this.models.load())
  }
}
