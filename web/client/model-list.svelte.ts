import type { ModelState, ModelTask } from '#shared/domain/model.ts'
import type { Settings } from '#shared/domain/settings.ts'
import { modelResponseSchema, settingsResponseSchema } from '#shared/protocol/api.ts'
import type { RunView } from '#shared/protocol/run-view.ts'
import { request } from './api.ts'
import { companion } from './companion.svelte.ts'
import { cancelRun, startDownload } from './run-actions.ts'
import { RunWatch } from './run-watch.svelte.ts'

/** The catalogue with the downloads under way, and what a person can do with a model. */
export class ModelList {
  readonly models = companion.models
  readonly runs = new RunWatch()
  /** The newest download of each model this page has seen, so that its failure stays readable. */
  readonly #lastRun = $state<Record<string, string>>({})

  /** Follows the downloads the list names. Call in an effect: it re-runs when the list changes. */
  followDownloads(): void {
    for (const { entry, downloadRunId } of this.models.value ?? [])
      if (downloadRunId) this.#follow(entry.id, downloadRunId)
  }

  dispose(): void {
    this.runs.dispose()
  }

  /** The download of a model that runs, or that ended while this page was open. */
  download(model: ModelState): RunView | undefined {
    return this.runs.view(model.downloadRunId ?? this.#lastRun[model.entry.id])
  }

  async startDownload(modelId: string): Promise<void> {
    const run = await startDownload(modelId)
    this.#follow(modelId, run.id)
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

  /** Takes in a .gguf file that already lies on the companion's disk; it is checked first, which takes time. */
  async importFile(path: string, name?: string): Promise<ModelState> {
    const { model } = await request('/api/models/import', modelResponseSchema, {
      method: 'POST',
      body: name ? { path, name } : { path },
      timeoutMs: 600_000,
    })
    await this.models.load()
    return model
  }

  /** Changes settings, e.g. the default models, and shows the answer everywhere. */
  async patchSettings(patch: Partial<Settings>): Promise<void> {
    const { settings } = await request('/api/settings', settingsResponseSchema, {
      method: 'PATCH',
      body: patch,
    })
    companion.settings.set(settings)
  }

  /** The model used when none is chosen: what the settings say, else what the companion picked. */
  defaultId(task: ModelTask): string | undefined {
    if (task === 'speech') return undefined
    const settings = companion.settings.value
    const status = companion.status.value
    const chosen = task === 'chat' ? settings?.chatModelId : settings?.embedModelId
    const picked = task === 'chat' ? status?.chatModelId : status?.embedModelId
    return chosen ?? picked ?? undefined
  }

  #follow(modelId: string, runId: string): void {
    this.runs.follow(runId, () => void this.models.load())
    if (this.#lastRun[modelId] !== runId) this.#lastRun[modelId] = runId
  }
}
