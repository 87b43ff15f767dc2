import type { ModelState, ModelTask } from '#shared/domain/model.ts'
import type { Settings } from '#shared/domain/settings.ts'
import { modelResponseSchema, settingsResponseSchema } from '#shared/protocol/api.ts'
import type { RunView } from '#shared/protocol/run-view.ts'
import { request } from './api.ts'
import { companion } from './companion.svelte.ts'
import { cancelRun, startDownload, startQuantize } from './run-actions.ts'
import { RunWatch } from './run-watch.svelte.ts'

/** The catalogue with the runs under way that change it, and what a person can do with a model. */
export class ModelList {
  readonly models = companion.models
  readonly runs = new RunWatch()
  /** The newest run about each model this page has seen, so that its failure stays readable. */
  readonly #lastRun = $state<Record<string, string>>({})

  /** Follows the runs the list names. Call in an effect: it re-runs when the list changes. */
  followDownloads(): void {
    for (const { entry, downloadRunId, quantizeRunId } of this.models.value ?? []) {
      const runId = downloadRunId ?? quantizeRunId
      if (runId) this.#follow(entry.id, runId)
    }
  }

  dispose(): void {
    this.runs.dispose()
  }

  /** The download of a model, or the making of a smaller version, that runs or ended while this page was open. */
  run(model: ModelState): RunView | undefined {
    const { downloadRunId, quantizeRunId, entry } = model
    return this.runs.view(downloadRunId ?? quantizeRunId ?? this.#lastRun[entry.id])
  }

  async startDownload(modelId: string): Promise<void> {
    const run = await startDownload(modelId)
    this.#follow(modelId, run.id)
    await this.models.load()
  }

  async startQuantize(modelId: string): Promise<void> {
    const run = await startQuantize(modelId)
    this.#follow(modelId, run.id)
    await this.models.load()
  }

  async cancelRun(runId: string): Promise<void> {
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
