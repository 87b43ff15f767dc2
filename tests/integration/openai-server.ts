import type { AddressInfo } from 'node:net'
import { serve, type ServerType } from '@hono/node-server'
import { Hono } from 'hono'
import { createOllamaDetection } from '#companion/gateway/openai/ollama.ts'
import { createOpenAiApi } from '#companion/gateway/openai/api.ts'
import type { ModelAccess } from '#companion/gateway/openai/access.ts'
import { silentLog } from '#companion/observe/log.ts'
import type { Engine, LoadedModel, ModelFile } from '#shared/contracts/engine.ts'
import type { ModelState } from '#shared/domain/model.ts'
import { SiloError } from '#shared/errors/silo-error.ts'

export interface OpenAiTestServer extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string
  /** Models lent and not yet given back. */
  readonly leases: number
  /** What the engine's signal was when the last answer was started. */
  readonly lastSignal: AbortSignal | undefined
}

export interface TestModel {
  readonly file: ModelFile
  readonly state: ModelState
}

export function testModelState(
  id: string,
  task: 'chat' | 'embed',
  path = `/none/${id}`,
): TestModel {
  const sha256 = 'a'.repeat(64)
  return {
    file: { id, path, sha256, task },
    state: {
      entry: {
        id,
        name: id,
        task,
        languages: ['en'],
        licence: 'Apache-2.0',
        sha256,
        size: 1000,
        parameters: 494_000_000,
        quantization: 'Q4_K_M',
        contextLength: 4096,
        kvBytesPerToken: 1,
        sources: [],
        starter: false,
      },
      installed: true,
      imported: false,
      loaded: false,
      partial: 0,
      fit: { verdict: 'fits', needed: 1, available: 2, contextTokens: 4096 },
    },
  }
}

/** The API on a real HTTP server, over any engine. The first model of a task is its default. */
export async function startOpenAiServer(
  engine: Engine,
  testModels: readonly TestModel[],
  contextTokens = 4096,
): Promise<OpenAiTestServer> {
  let leases = 0
  let lastSignal: AbortSignal | undefined
  const models: ModelAccess = {
    list: () => testModels.map((model) => model.state),
    async acquire(id, task, { signal }) {
      const found = testModels.find((model) =>
        id === undefined ? model.file.task === task : model.file.id === id,
      )
      if (!found) throw new SiloError('model_unknown', { params: { model: id ?? '' } })
      if (found.file.task !== task) {
        throw new SiloError('model_wrong_task', { params: { model: found.file.id, task } })
      }
      lastSignal = signal
      const loaded: LoadedModel = await engine.load(
        found.file,
        { contextTokens, parallel: 1 },
        { signal },
      )
      leases++
      return { loaded, modelId: found.file.id, release: () => void leases-- }
    },
  }
  const app = new Hono()
  app.route('/v1', createOpenAiApi({ models, log: silentLog }))
  app.route('/api', createOllamaDetection({ models, log: silentLog }))
  const server: ServerType = await new Promise((resolve) => {
    const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, () =>
      resolve(server),
    )
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get leases() {
      return leases
    },
    get lastSignal() {
      return lastSignal
    },
    async [Symbol.asyncDispose]() {
      if ('closeAllConnections' in server) server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
