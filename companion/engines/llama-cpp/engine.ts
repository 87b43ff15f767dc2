import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { forgetPages, prunePages } from '../kv-pages/page-store.ts'
import { ggufFacts, readGguf } from '#companion/formats/gguf.ts'
import type { Log } from '#companion/observe/log.ts'
import type {
  Engine,
  EngineProbe,
  LoadedModel,
  LoadPlan,
  ModelFile,
} from '#shared/contracts/engine.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { StatefulEngine } from '#shared/generation/stateful-engine.ts'
import { LlamaCppModel } from './loaded.ts'

export interface LlamaCppOptions {
  readonly log: Log
  /** `cpu` never looks for a GPU. */
  readonly gpu?: 'auto' | 'cpu'
  /** Absent: chosen by the engine. */
  readonly threads?: number
  /** Where computed context is kept; `maxBytes` is asked for at each loading. Absent: nowhere. */
  readonly pages?: { readonly directory: string; readonly maxBytes: () => number }
}

/** llama.cpp through node-llama-cpp, one child process per loaded model. */
export function createLlamaCppEngine(options: LlamaCppOptions): LlamaCppEngine {
  return new LlamaCppEngine(options)
}

interface Entry {
  readonly model: LlamaCppModel
  starting: Promise<void>
}

export class LlamaCppEngine extends StatefulEngine implements Engine {
  readonly id = 'llama-cpp'
  readonly #options: LlamaCppOptions
  readonly #entries = new Map<string, Entry>()

  constructor(options: LlamaCppOptions) {
    super()
    this.#options = options
  }

  /** What loaded models compute on: the best of it. */
  get backend(): LibraryBackend | undefined {
    const backends = [...this.#entries.values()].map((entry) => entry.model.backend)
    return backends.find((backend) => backend !== undefined && backend !== 'cpu') ?? backends[0]
  }

  async probe(signal: AbortSignal): Promise<EngineProbe> {
    signal.throwIfAborted()
    const build = buildId()
    return {
      available: build !== undefined,
      ...(build === undefined ? { reason: 'node-llama-cpp is not installed' } : {}),
      build: build ?? 'none',
      backend: this.backend ?? 'cpu',
      threads: this.#options.threads ?? availableParallelism(),
    }
  }

  async load(
    model: ModelFile,
    plan: LoadPlan,
    { signal, onProgress }: { signal: AbortSignal; onProgress?: (fraction: number) => void },
  ): Promise<LoadedModel> {
    signal.throwIfAborted()
    const key = JSON.stringify([model.path, model.task, plan.contextTokens, plan.parallel])
    const known = this.#entries.get(key)
    if (known) {
      await known.starting
      signal.throwIfAborted()
      return known.model
    }
    const facts = ggufFacts(await readGguf(model.path, model.id))
    const raced = this.#entries.get(key)
    if (raced) {
      await raced.starting
      return raced.model
    }
    const contextTokens = Math.min(plan.contextTokens, facts.contextLength)
    const loaded = new LlamaCppModel({
      model,
      plan: { contextTokens, parallel: Math.max(1, plan.parallel) },
      gpu: this.#options.gpu ?? 'auto',
      threads: this.#options.threads ?? 0,
      kvBytesPerToken: facts.kvBytesPerToken,
      pages: this.#pagesOf(model),
      log: this.#options.log.child({ engine: this.id, model: model.id }),
      onState: (state) => this.move(key, state),
      onDispose: () => {
        this.#entries.delete(key)
        this.leave(key)
      },
    })
    const entry: Entry = { model: loaded, starting: Promise.resolve() }
    this.#entries.set(key, entry)
    this.begin(key)
    entry.starting = loaded.start(signal, onProgress)
    try {
      await entry.starting
      return loaded
    } catch (error) {
      this.#entries.delete(key)
      this.leave(key, !signal.aborted)
      if (error instanceof SiloError || signal.aborted) throw error
      throw new SiloError('model_load_failed', { params: { model: model.id }, cause: error })
    }
  }

  async forget(session?: string): Promise<void> {
    const { pages } = this.#options
    // A process that runs has it in memory, and would write it again.
    await Promise.all([...this.#entries.values()].map((entry) => entry.model.forget(session)))
    if (!pages) return
    if (session === undefined) await prunePages(pages.directory, 0)
    else await forgetPages(pages.directory, session)
  }

  /** Makes pages keep to what `pages.maxBytes` says now. */
  async limitPages(): Promise<void> {
    const { pages } = this.#options
    if (!pages) return
    const maxBytes = pages.maxBytes()
    await Promise.all([...this.#entries.values()].map((entry) => entry.model.limitPages(maxBytes)))
    await prunePages(pages.directory, maxBytes)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      [...this.#entries.values()].map((entry) => entry.model[Symbol.asyncDispose]()),
    )
  }

  #pagesOf(model: ModelFile) {
    const { pages } = this.#options
    const build = buildId()
    if (!pages || !build || model.task !== 'chat') return undefined
    return { directory: pages.directory, maxBytes: pages.maxBytes(), sha256: model.sha256, build }
  }
}

/**
 * What the library computes on: what a model that is loaded found, else what is installed for this machine; undefined
 * where the library is missing.
 */
export function libraryBackend(engine: LlamaCppEngine): LibraryBackend | undefined {
  if (buildId() === undefined) return undefined
  if (engine.backend) return engine.backend
  if (process.platform === 'darwin') return process.arch === 'arm64' ? 'metal' : 'cpu'
  const system = process.platform === 'win32' ? 'win' : process.platform
  return (['cuda', 'vulkan'] as const).find((name) => isInstalled(`@node-llama-cpp/${system}-${process.arch}-${name}`)) ?? 'cpu' // prettier-ignore
}

type LibraryBackend = 'cpu' | 'cuda' | 'vulkan' | 'metal'

/** Packages for other machines are empty ones of another name (docs/decisions/0003-gpu-packages.md). */
function isInstalled(name: string): boolean {
  try {
    const path = createRequire(import.meta.url).resolve(`${name}/package.json`)
    const parsed: unknown = JSON.parse(readFileSync(path, 'utf8'))
    return parsed instanceof Object && Reflect.get(parsed, 'name') === name
  } catch {
    return false
  }
}

let cachedBuild: string | undefined

/** `node-llama-cpp@3.22.1+v0.5.0`; undefined where it is not installed. */
function buildId(): string | undefined {
  if (cachedBuild) return cachedBuild
  try {
    const entry = createRequire(import.meta.url).resolve('node-llama-cpp')
    const root = join(dirname(entry), '..')
    const read = (path: string, field: string): string => {
      const parsed: unknown = JSON.parse(readFileSync(join(root, path), 'utf8'))
      const value =
        typeof parsed === 'object' && parsed !== null ? Reflect.get(parsed, field) : undefined
      return String(value)
    }
    cachedBuild = `node-llama-cpp@${read('package.json', 'version')}+${read('llama/binariesGithubRelease.json', 'release')}`
    return cachedBuild
  } catch {
    return undefined
  }
}
