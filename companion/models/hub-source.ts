import { mkdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import type { FetchRequest, ModelSource } from '#shared/contracts/model-source.ts'
import type { ModelSourceSpec } from '#shared/domain/model.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { downloadRanged } from './ranged-download.ts'

type HubSpec = Extract<ModelSourceSpec, { type: 'huggingface' | 'modelscope' }>

const hubs = {
  huggingface: {
    endpoint: 'https://huggingface.co',
    path: (spec: HubSpec) => `/${spec.repo}/resolve/${spec.revision}/${spec.file}`,
  },
  modelscope: {
    endpoint: 'https://modelscope.cn',
    path: (spec: HubSpec) => `/models/${spec.repo}/resolve/${spec.revision}/${spec.file}`,
  },
} as const

/** A model hub: one HTTP file with ranges. `endpoint` may be a mirror. */
export function createHubSource(
  type: HubSpec['type'],
  options: { endpoint?: string | undefined; stallMs?: number } = {},
): ModelSource {
  const endpoint = (options.endpoint ?? hubs[type].endpoint).replace(/\/$/, '')
  return {
    specVersion: 1,
    type,
    describe: () => new URL(endpoint).host,
    async fetch(request: FetchRequest) {
      const { spec } = request
      if (spec.type !== type) throw new SiloError('bad_request', { params: { detail: 'source' } })
      await mkdir(request.workDir, { recursive: true })
      const file = join(request.workDir, 'file')
      await downloadRanged({
        url: endpoint + hubs[type].path(spec),
        source: new URL(endpoint).host,
        destination: file,
        size: request.size,
        signal: request.signal,
        onProgress: (done) =>
          request.onProgress({ done, total: request.size, stage: 'downloading' }),
        ...(options.stallMs === undefined ? {} : { stallMs: options.stallMs }),
      })
      await rename(file, request.destination)
    },
  }
}
