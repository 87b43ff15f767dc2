import { randomBytes } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { ggufFacts, readGguf, type GgufFacts, type GgufHeader } from '#companion/formats/gguf.ts'
import type { Log } from '#companion/observe/log.ts'
import { runProgram } from '#companion/process/program-run.ts'
import { findPython, type PythonEnvironment } from '#companion/process/python-environment.ts'
import type { Engine, EngineProbe, LoadedModel, LoadPlan, ModelFile } from '#shared/contracts/engine.ts' // prettier-ignore
import { SiloError } from '#shared/errors/silo-error.ts'
import { abortable } from '#shared/generation/abortable.ts'
import { StatefulEngine } from '#shared/generation/stateful-engine.ts'
import { ChatTemplate } from '../llama-cpp/template.ts'
import { askJson } from '../server/http.ts'
import { ServerModel } from '../server/server-model.ts'
import { ServerProcess } from '../server/server-process.ts'
import { pythonDialect } from './dialect.ts'

export interface PythonEngineOptions {
  /** Where engines are installed. */
  readonly directory: string
  readonly log: Log
  /** Absent: chosen here. */
  readonly threads?: number
}

/** What an engine must know of a model file to serve it. */
export interface PythonModel {
  readonly model: ModelFile
  readonly header: GgufHeader
  readonly facts: GgufFacts
  readonly plan: LoadPlan
  /** The environment's program. */
  readonly python: string
  readonly signal: AbortSignal
  readonly onProgress: (fraction: number) => void
}

/** How a model is served. */
export interface PythonServer {
  readonly contextTokens: number
  /** Arguments of the server's program, but the port. */
  readonly args: readonly string[]
}

interface Entry {
  readonly starting: Promise<ServerModel>
  readonly stop: AbortController
  process?: ServerProcess
}

const aboutLimit = 30_000
const askLimit = 10_000
const aboutSchema = v.object({ build: v.string(), backend: v.picklist(['cpu', 'metal']) })
const healthSchema = v.object({ bos: v.string(), eos: v.string() })
/** What these programs may see of this process's environment: enough to find libraries and devices. */
const inherited = /^(PATH|HOME|USERPROFILE|SYSTEMROOT|TEMP|TMP|TMPDIR|LANG|LC_.*|LD_LIBRARY_PATH|DYLD_LIBRARY_PATH|OCL_.*|NEO.*)$/i // prettier-ignore

/** Chat models in a Python library, one server process per loaded model, on loopback behind a key of its own. */
export abstract class PythonEngine extends StatefulEngine implements Engine {
  abstract readonly id: string
  protected readonly options: PythonEngineOptions
  /** Where its Python files are. */
  protected abstract readonly folder: string
  protected abstract readonly environment: PythonEnvironment
  protected abstract readonly grammars: boolean
  readonly #entries = new Map<string, Entry>()
  #about: { python: string; text: Promise<v.InferOutput<typeof aboutSchema>> } | undefined

  constructor(options: PythonEngineOptions) {
    super()
    this.options = options
  }

  /**
   * Readies a model file for its server.
   * @throws SiloError engine_unavailable (not a kind of model it takes), out_of_memory, disk_full, model_load_failed
   */
  protected abstract prepare(model: PythonModel): Promise<PythonServer>

  async probe(signal: AbortSignal): Promise<EngineProbe> {
    signal.throwIfAborted()
    const { threads } = this
    const no = (reason: string): EngineProbe => ({ available: false, reason, build: 'none', backend: 'none', threads }) // prettier-ignore
    const python = findPython(this.options.directory, this.environment)
    if (python === undefined) return no(`${this.id} is not installed`)
    try {
      return { available: true, ...(await abortable(this.#aboutOf(python), signal)), threads }
    } catch (error) {
      signal.throwIfAborted()
      return no(`${this.id} does not start here: ${String(error)}`)
    }
  }

  async load(
    model: ModelFile,
    plan: LoadPlan,
    { signal, onProgress }: { signal: AbortSignal; onProgress?: (fraction: number) => void },
  ): Promise<LoadedModel> {
    signal.throwIfAborted()
    if (model.task !== 'chat') throw new SiloError('engine_unavailable')
    const key = JSON.stringify([model.path, plan.contextTokens, plan.parallel])
    const known = this.#entries.get(key)
    if (known) return abortable(known.starting, signal)
    const python = findPython(this.options.directory, this.environment)
    if (python === undefined) throw new SiloError('engine_unavailable')
    const stop = new AbortController()
    const until = AbortSignal.any([signal, stop.signal])
    const { promise: starting, resolve, reject } = Promise.withResolvers<ServerModel>()
    const entry: Entry = { starting, stop }
    this.#entries.set(key, entry)
    this.begin(key)
    onProgress?.(0)
    const progress = (fraction: number) => onProgress?.(fraction)
    this.#start(entry, key, { model, plan, python, signal: until, onProgress: progress }).then(resolve, reject) // prettier-ignore
    try {
      const loaded = await starting
      onProgress?.(1)
      return loaded
    } catch (error) {
      this.#entries.delete(key)
      this.leave(key, !signal.aborted)
      await entry.process?.[Symbol.asyncDispose]()
      signal.throwIfAborted()
      throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      [...this.#entries.values()].map(async ({ process, starting, stop }) => {
        stop.abort(new SiloError('engine_crashed'))
        await process?.[Symbol.asyncDispose]()
        await starting.then((model) => model[Symbol.asyncDispose]()).catch(() => {})
      }),
    )
  }

  /** Process ids of the servers, for tests and `silo doctor`. */
  get pids(): number[] {
    return [...this.#entries.values()].flatMap(({ process }) => process?.pid ?? [])
  }

  protected get threads(): number {
    return this.options.threads ?? availableParallelism()
  }

  /** The whole environment of this engine's programs. */
  protected environmentVariables(): Record<string, string> {
    const own = Object.entries(process.env).flatMap(([name, value]) =>
      value !== undefined && inherited.test(name) ? [[name, value] as const] : [],
    )
    return {
      ...Object.fromEntries(own),
      PYTHONPATH: import.meta.dirname,
      PYTHONDONTWRITEBYTECODE: '1',
      PYTHONUNBUFFERED: '1',
      PYTHONUTF8: '1',
      // Nothing is looked for outside of this machine.
      HF_HUB_OFFLINE: '1',
      HF_HUB_DISABLE_TELEMETRY: '1',
      OMP_NUM_THREADS: String(this.threads),
    }
  }

  async #start(
    entry: Entry,
    key: string,
    known: Omit<PythonModel, 'header' | 'facts'>,
  ): Promise<ServerModel> {
    const { model, python, signal } = known
    const header = await readGguf(model.path, model.id)
    const { contextTokens, args } = await this.prepare({ ...known, header, facts: ggufFacts(header) }) // prettier-ignore
    signal.throwIfAborted()
    const secret = randomBytes(24).toString('base64url')
    const process = new ServerProcess({
      name: this.id,
      model: model.id,
      log: this.options.log.child({ engine: this.id, model: model.id }),
      key: secret,
      healthPath: '/health',
      command: (port) => ({
        command: python,
        args: ['-s', join(this.folder, 'server.py'), ...args, '--port', String(port)],
        env: { ...this.environmentVariables(), SILO_SERVER_KEY: secret },
      }),
      loadFailure: (output) => loadFailure(model.id, output),
      onState: (state) => this.move(key, state),
    })
    entry.process = process
    const address = await process.address(signal)
    const health = v.parse(healthSchema, await askJson({ address, path: '/health', signal, silenceMs: askLimit })) // prettier-ignore
    const source = header.metadata.get('tokenizer.chat_template')
    const template = new ChatTemplate(typeof source === 'string' ? source : undefined, health)
    return new ServerModel({
      model,
      host: process,
      dialect: pythonDialect({ template, grammars: this.grammars }),
      contextTokens,
      dimensions: 0,
      parallel: Math.max(1, known.plan.parallel),
      callsTools: template.knowsTools,
      onDispose: () => {
        this.#entries.delete(key)
        this.leave(key)
      },
    })
  }

  #aboutOf(python: string): Promise<v.InferOutput<typeof aboutSchema>> {
    if (this.#about?.python !== python) {
      const text = this.#ask(python)
      this.#about = { python, text }
      text.catch(() => {
        if (this.#about?.text === text) this.#about = undefined
      })
    }
    return this.#about.text
  }

  async #ask(python: string): Promise<v.InferOutput<typeof aboutSchema>> {
    const output = await runProgram({
      name: this.id,
      log: this.options.log,
      command: python,
      args: ['-s', join(this.folder, 'about.py')],
      env: this.environmentVariables(),
      signal: new AbortController().signal,
      limitMs: aboutLimit,
    })
    const line = output.split('\n').find((text) => text.startsWith('{')) ?? ''
    return v.parse(aboutSchema, JSON.parse(line))
  }
}

/** Ways to cut text into words that were compared with llama.cpp's, token by token. */
const preTokenizers = new Set(['smollm', 'qwen2'])

/** Is the tokenizer of a file one that these libraries have too? */
export function hasKnownTokenizer({ metadata }: GgufHeader): boolean {
  return (
    metadata.get('tokenizer.ggml.model') === 'gpt2' &&
    preTokenizers.has(String(metadata.get('tokenizer.ggml.pre'))) &&
    metadata.get('tokenizer.ggml.add_bos_token') !== true
  )
}

/** The registered error for what a program of Python wrote before it ended. */
export function loadFailure(model: string, output: string): SiloError | undefined {
  const options = { params: { model }, cause: new Error(output) }
  if (/MemoryError|bad_alloc|out of memory|failed to allocate|Unable to allocate/i.test(output))
    return new SiloError('out_of_memory', options)
  return undefined
}
