import { randomBytes } from 'node:crypto'
import { execFile } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { dirname } from 'node:path'
import { ggufFacts, readGguf } from '#companion/formats/gguf.ts'
import type { Log } from '#companion/observe/log.ts'
import type { Engine, EngineProbe, LoadedModel, LoadPlan, ModelFile } from '#shared/contracts/engine.ts' // prettier-ignore
import { SiloError } from '#shared/errors/silo-error.ts'
import { abortable } from '#shared/generation/abortable.ts'
import { StatefulEngine } from '#shared/generation/stateful-engine.ts'
import { affordablePlan } from '../memory-fit.ts'
import { askJson } from '../server/http.ts'
import { ServerModel } from '../server/server-model.ts'
import { ServerProcess } from '../server/server-process.ts'
import { llamaServerDialect } from './dialect.ts'

export interface LlamaServerOptions {
  /** The program; undefined where there is none yet. Asked at each use. */
  readonly binary: () => string | undefined
  readonly log: Log
  /** `cpu` keeps to the processor. */
  readonly gpu?: 'auto' | 'cpu'
  /** Absent: chosen here. */
  readonly threads?: number
}

/** Prompt tokens per step: progress is told, and an answer can be stopped, between steps. */
const batchSize = 512
const embedTokens = 512
const versionLimit = 10_000
/** What a server may see of this process's environment: enough to find libraries and GPUs. */
const inherited = /^(PATH|HOME|USERPROFILE|SYSTEMROOT|TEMP|TMP|TMPDIR|LANG|LD_LIBRARY_PATH|DYLD_LIBRARY_PATH|CUDA_.*|NVIDIA_.*|VK_.*|GGML_.*)$/i // prettier-ignore

interface Entry {
  readonly process: ServerProcess
  readonly starting: Promise<ServerModel>
}

/** llama.cpp's `llama-server`, one process per loaded model, on loopback behind a key of its own. */
export class LlamaServerEngine extends StatefulEngine implements Engine {
  readonly id = 'llama-server'
  readonly #options: LlamaServerOptions
  readonly #entries = new Map<string, Entry>()
  #version: { binary: string; text: Promise<string> } | undefined

  constructor(options: LlamaServerOptions) {
    super()
    this.#options = options
  }

  async probe(signal: AbortSignal): Promise<EngineProbe> {
    signal.throwIfAborted()
    const binary = this.#options.binary()
    const version = binary === undefined ? '' : await this.#versionOf(binary)
    const no = binary === undefined ? 'llama-server is not installed' : 'llama-server does not start here' // prettier-ignore
    return {
      available: version !== '',
      ...(version === '' ? { reason: no } : {}),
      build: version === '' ? 'none' : `llama-server ${version}`,
      backend: version === '' ? 'none' : 'cpu',
      threads: this.#threads,
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
    if (known) return abortable(known.starting, signal)
    const binary = this.#options.binary()
    if (binary === undefined) throw new SiloError('engine_unavailable')
    const facts = ggufFacts(await readGguf(model.path, model.id))
    signal.throwIfAborted()
    const raced = this.#entries.get(key)
    if (raced) return abortable(raced.starting, signal)
    const embed = model.task === 'embed'
    const { contextTokens, parallel } = affordablePlan({
      model,
      parallel: embed ? 1 : Math.max(1, plan.parallel),
      contextTokens: Math.min(plan.contextTokens, facts.contextLength, embed ? embedTokens : Infinity), // prettier-ignore
      bytesPerToken: facts.kvBytesPerToken,
      limited: this.#options.gpu === 'cpu',
    })
    const secret = randomBytes(24).toString('base64url')
    const process = new ServerProcess({
      name: this.id,
      model: model.id,
      log: this.#options.log.child({ engine: this.id, model: model.id }),
      key: secret,
      healthPath: '/v1/models',
      command: (port) => ({
        command: binary,
        args: this.#arguments(model, { contextTokens, parallel, port }),
        env: { ...environment(dirname(binary)), LLAMA_API_KEY: secret },
      }),
      loadFailure: (output) => loadFailure(model.id, output),
      onState: (state) => this.move(key, state),
    })
    const starting = this.#start(model, process, { contextTokens, parallel, embed }, key, signal)
    this.#entries.set(key, { process, starting })
    this.begin(key)
    onProgress?.(0)
    try {
      const loaded = await starting
      onProgress?.(1)
      return loaded
    } catch (error) {
      this.#entries.delete(key)
      this.leave(key, !signal.aborted)
      await process[Symbol.asyncDispose]()
      signal.throwIfAborted()
      throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      [...this.#entries.values()].map(async ({ process, starting }) => {
        await process[Symbol.asyncDispose]()
        await starting.then((model) => model[Symbol.asyncDispose]()).catch(() => {})
      }),
    )
  }

  /** Process ids of the servers, for tests and `silo doctor`. */
  get pids(): number[] {
    return [...this.#entries.values()].flatMap(({ process }) => process.pid ?? [])
  }

  async #start(
    model: ModelFile,
    process: ServerProcess,
    plan: { contextTokens: number; parallel: number; embed: boolean },
    key: string,
    signal: AbortSignal,
  ): Promise<ServerModel> {
    const address = await process.address(signal)
    const dimensions = plan.embed
      ? (await llamaServerDialect.embed(address, ['x'], signal))[0]!.length
      : 0
    const props = await askJson({ address, path: '/props', signal, silenceMs: 10_000 })
    return new ServerModel({
      model,
      host: process,
      dialect: llamaServerDialect,
      contextTokens: Math.min(plan.contextTokens, slotTokens(props) ?? plan.contextTokens),
      dimensions,
      parallel: plan.parallel,
      onDispose: () => {
        this.#entries.delete(key)
        this.leave(key)
      },
    })
  }

  #arguments(
    model: ModelFile,
    { contextTokens, parallel, port }: { contextTokens: number; parallel: number; port: number },
  ): string[] {
    const embed = model.task === 'embed'
    const batch = String(embed ? Math.max(batchSize, contextTokens) : batchSize)
    const options: string[][] = [
      ['--model', model.path, '--host', '127.0.0.1', '--port', String(port)],
      ['--ctx-size', String(contextTokens * parallel), '--parallel', String(parallel)],
      ['--no-kv-unified', '--batch-size', batch, '--ubatch-size', batch],
      // What it would keep beside the cache would be 8 GiB.
      ['--cache-ram', '0', '--no-webui', '--offline', '--threads', String(this.#threads)],
      embed ? ['--embeddings', '--pooling', 'mean'] : ['--reasoning-format', 'none'],
      this.#options.gpu === 'cpu' ? ['--device', 'none', '--n-gpu-layers', '0'] : [],
    ]
    return options.flat()
  }

  get #threads(): number {
    return this.#options.threads ?? availableParallelism()
  }

  #versionOf(binary: string): Promise<string> {
    if (this.#version?.binary !== binary) this.#version = { binary, text: versionOf(binary) }
    return this.#version.text
  }
}

function environment(libraries: string): Record<string, string> {
  const own = Object.entries(process.env).flatMap(([name, value]) =>
    value !== undefined && inherited.test(name) ? [[name, value] as const] : [],
  )
  const path = [libraries, process.env.LD_LIBRARY_PATH].filter(Boolean).join(':')
  return { ...Object.fromEntries(own), LD_LIBRARY_PATH: path, GGML_NO_BACKTRACE: '1' }
}

function slotTokens(props: unknown): number | undefined {
  const settings: unknown = props instanceof Object ? Reflect.get(props, 'default_generation_settings') : undefined // prettier-ignore
  const tokens: unknown = settings instanceof Object ? Reflect.get(settings, 'n_ctx') : undefined
  return typeof tokens === 'number' && tokens > 0 ? tokens : undefined
}

function loadFailure(model: string, output: string): SiloError | undefined {
  const params = { model }
  if (/invalid magic|corrupt|not within the file bounds|unexpectedly reached end/i.test(output))
    return new SiloError('model_corrupt', { params, cause: new Error(output) })
  if (/out of memory|failed to allocate|unable to allocate/i.test(output))
    return new SiloError('out_of_memory', { params, cause: new Error(output) })
  return undefined
}

/** `b10068-571d0d5`, as it says itself; empty where it does not run. */
function versionOf(binary: string): Promise<string> {
  return new Promise((resolve) => {
    execFile(
      binary,
      ['--version'],
      { timeout: versionLimit, killSignal: 'SIGKILL', windowsHide: true, env: environment(dirname(binary)) }, // prettier-ignore
      (error, stdout, stderr) => {
        const [, number, commit] = /version: (\d+) \((\w+)\)/.exec(stdout + stderr) ?? []
        resolve(error || number === undefined ? '' : `b${number}-${commit}`)
      },
    )
  })
}
