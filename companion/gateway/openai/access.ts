import type { LoadedModel } from '#shared/contracts/engine.ts'
import type { ModelState } from '#shared/domain/model.ts'
import type { Log } from '#companion/observe/log.ts'

/** A loaded model lent to one request. `release` is called exactly once, and never throws. */
export interface ModelLease {
  readonly loaded: LoadedModel
  readonly modelId: string
  release(): void
}

/** What the API needs of the models on this machine. */
export interface ModelAccess {
  list(): ModelState[]
  /**
   * Loads a model, waiting for its turn. `undefined` means the default one for the task.
   * @throws SiloError model_unknown, model_not_installed, model_wrong_task, and what loading throws
   */
  acquire(
    modelId: string | undefined,
    task: 'chat' | 'embed',
    options: { signal: AbortSignal },
  ): Promise<ModelLease>
}

export interface OpenAiDeps {
  readonly models: ModelAccess
  readonly log: Log
}

/** Ollama names a model `id:latest`; clients that found it there send that name to `/v1` as well. */
export function modelIdOf(name: string | null | undefined): string | undefined {
  const id = name?.trim().replace(/:latest$/, '')
  return id ? id : undefined
}
