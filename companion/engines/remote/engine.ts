import * as v from 'valibot'
import type { Engine, EngineProbe, LoadedModel, LoadPlan, ModelFile } from '#shared/contracts/engine.ts' // prettier-ignore
import { SiloError } from '#shared/errors/silo-error.ts'
import { StatefulEngine } from '#shared/generation/stateful-engine.ts'
import { askJson, ServerRefusal, type ServerAddress } from '../server/http.ts'
import { ServerModel } from '../server/server-model.ts'
import { openAiDialect } from './dialect.ts'

const listLimit = 10_000
const smallestEmbedLimit = 512

const listSchema = v.object({
  data: v.array(v.looseObject({ id: v.string(), max_model_len: v.nullish(v.number()) })),
})

export interface RemoteEngineOptions {
  /** What a server wants to be shown; undefined: nothing. `url` as in the path of the model. */
  readonly keyOf?: (url: string) => string | undefined
}

/** How the path of a model in a server is written: the server's address, `#`, and what it calls the model. */
export function remotePath(url: string, model: string): string {
  return `${url}#${encodeURIComponent(model)}`
}

/**
 * Models in a server that the user runs already: anything that speaks OpenAI's API. The server decides what is in
 * memory; loading here only asks whether it has the model.
 */
export class RemoteEngine extends StatefulEngine implements Engine {
  readonly id = 'remote'
  readonly #options: RemoteEngineOptions
  readonly #loaded = new Map<string, ServerModel>()

  constructor(options: RemoteEngineOptions = {}) {
    super()
    this.#options = options
  }

  async probe(signal: AbortSignal): Promise<EngineProbe> {
    signal.throwIfAborted()
    return { available: true, build: 'openai-api', backend: 'none', threads: 1 }
  }

  async load(
    model: ModelFile,
    plan: LoadPlan,
    { signal, onProgress }: { signal: AbortSignal; onProgress?: (fraction: number) => void },
  ): Promise<LoadedModel> {
    signal.throwIfAborted()
    const key = JSON.stringify([model.path, model.task, plan.contextTokens, plan.parallel])
    const known = this.#loaded.get(key)
    if (known) return known
    const { address, name } = this.#placeOf(model)
    const offered = await this.#list(address, signal)
    const found = offered.find(({ id }) => id === name)
    if (!found) throw new SiloError('model_not_installed', { params: { model: name } })
    const dialect = openAiDialect(name)
    const limit = found.max_model_len ?? plan.contextTokens
    const embed = model.task === 'embed'
    const dimensions = embed ? await dimensionsOf(dialect.embed(address, ['x'], signal)) : 0
    const raced = this.#loaded.get(key)
    if (raced) return raced
    const loaded = new ServerModel({
      model,
      host: {
        async address() {
          return address
        },
        async [Symbol.asyncDispose]() {},
      },
      dialect,
      contextTokens: Math.min(embed ? smallestEmbedLimit : plan.contextTokens, limit),
      dimensions,
      parallel: plan.parallel,
      countsFirst: true,
      onDispose: () => {
        this.#loaded.delete(key)
        this.leave(key)
      },
    })
    this.#loaded.set(key, loaded)
    this.begin(key)
    this.move(key, 'ready')
    onProgress?.(1)
    return loaded
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const loaded of this.#loaded.values()) await loaded[Symbol.asyncDispose]()
  }

  #placeOf(model: ModelFile): { address: ServerAddress; name: string } {
    const [url = '', name = ''] = model.path.split('#')
    if (!/^https?:\/\//.test(url) || name === '')
      throw new SiloError('model_corrupt', { params: { model: model.id } })
    const key = this.#options.keyOf?.(url)
    return {
      address: { url, ...(key === undefined ? {} : { key }) },
      name: decodeURIComponent(name),
    }
  }

  async #list(address: ServerAddress, signal: AbortSignal) {
    try {
      const answer = await askJson({ address, path: '/v1/models', signal, silenceMs: listLimit })
      return v.parse(listSchema, answer).data
    } catch (cause) {
      signal.throwIfAborted()
      if (
        cause instanceof ServerRefusal ||
        cause instanceof SiloError ||
        cause instanceof v.ValiError
      )
        throw new SiloError('engine_unavailable', { cause })
      throw cause
    }
  }
}

async function dimensionsOf(vectors: Promise<Float32Array[]>): Promise<number> {
  return (await vectors)[0]?.length ?? 0
}
