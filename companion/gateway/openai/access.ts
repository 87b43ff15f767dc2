import type { Context } from 'hono'
import type { LoadedModel } from '#shared/contracts/engine.ts'
import type { ModelState } from '#shared/domain/model.ts'
import type { Log } from '#companion/observe/log.ts'
import type { GatewayContext } from '../environment.ts'
import { spaceOf } from '../permission.ts'
import type { Caller } from '../services.ts'

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

/** Whose request it is, where several wait: each key, each guest, and the owners together. */
export function userOf(context: Context): string {
  const caller = (context as GatewayContext).get('caller') as Caller | undefined
  if (caller === undefined) return 'self'
  return caller.kind === 'api-key' ? `key ${caller.keyId}` : spaceOf(caller) || 'self'
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
