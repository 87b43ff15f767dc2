import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { ggufFacts, readGguf } from '#companion/formats/gguf.ts'
import type { Log } from '#companion/observe/log.ts'
import { findBubblewrap, type Bubblewrap } from '#companion/process/bubblewrap.ts'
import type { Engine, EngineProbe, LoadedModel, LoadPlan, ModelFile } from '#shared/contracts/engine.ts' // prettier-ignore
import { SiloError } from '#shared/errors/silo-error.ts'
import { abortable } from '#shared/generation/abortable.ts'
import { StatefulEngine } from '#shared/generation/stateful-engine.ts'
import { affordableContext } from '../memory-fit.ts'
import { ServerModel } from '../server/server-model.ts'
import { ServerProcess } from '../server/server-process.ts'
import { inferflowConfig, type InferflowWeights } from './config.ts'
import { inferflowDialect, spareTokens } from './dialect.ts'
import { inferflowFacts, processorContext } from './model-facts.ts'
import { fillModelFolder, modelFiles, modelFolderOf, removeOtherModels } from './model-folder.ts'
import { modelFolder, namespaceCommand, servicePort, socketOf } from './namespace.ts'
import { Vocabulary } from './vocabulary.ts'

export interface InferflowOptions {
  /** The program; undefined where there is none. Asked at each use. */
  readonly binary: () => string | undefined
  /** Where models are written in the form it reads. */
  readonly directory: string
  readonly log: Log
  /** GPUs by number: `;` shares a model out by layers, `&` by tensors, e.g. `0&1;2&3`. Absent: the processor computes. */
  readonly devices?: string
  /** How weights are kept on a GPU; the processor computes with those of the file. Absent: 3.5 bits each. */
  readonly weightType?: InferflowWeights
  /** Absent: chosen here. */
  readonly threads?: number
  /** A model is loaded within this, ms. Absent: 10 minutes. */
  readonly loadLimit?: number
  /** Absent: what this machine has. */
  readonly bubblewrap?: () => Promise<Bubblewrap>
}

/** A token of the prompt is some 9 characters of a request, which may have a million. */
const longestContext = 100_000
/** The cache on the processor is of F32. */
const cacheFactor = 2
/** What the processor's path of Inferflow turns positions by, whatever the model was trained with. */
const processorRopeBase = 10_000

interface Entry {
  readonly parts: AsyncDisposableStack
  readonly starting: Promise<ServerModel>
  /** Of the model, when it is known. */
  folder?: string
  service?: ServerProcess
}

/**
 * Inferflow, one service per loaded model, each in a network of its own: it listens at every address and asks nobody
 * who they are. It is for GPUs, of which it joins several and fills them with weights of 3.5 bits; chat models only.
 */
export class InferflowEngine extends StatefulEngine implements Engine {
  readonly id = 'inferflow'
  readonly #options: InferflowOptions
  readonly #entries = new Map<string, Entry>()
  readonly #filling = new Map<string, Promise<void>>()
  #build: { binary: string; text: Promise<string> } | undefined

  constructor(options: InferflowOptions) {
    super()
    this.#options = options
  }

  async probe(signal: AbortSignal): Promise<EngineProbe> {
    signal.throwIfAborted()
    const binary = this.#options.binary()
    const { bwrap, without } = await this.#bubblewrap()
    const hash = binary === undefined ? '' : await this.#buildOf(binary)
    const no = binary === undefined ? 'Inferflow is not installed' : (without ?? 'Inferflow cannot be read') // prettier-ignore
    const available = bwrap !== undefined && hash !== ''
    return {
      available,
      ...(available ? {} : { reason: no }),
      build: available ? `inferflow ${hash}` : 'none',
      backend: available ? (this.#options.devices === undefined ? 'cpu' : 'cuda') : 'none',
      threads: this.#threads,
    }
  }

  async load(
    model: ModelFile,
    plan: LoadPlan,
    { signal, onProgress }: { signal: AbortSignal; onProgress?: (fraction: number) => void },
  ): Promise<LoadedModel> {
    signal.throwIfAborted()
    if (model.task === 'embed') throw unavailable('Inferflow has no embeddings')
    const key = JSON.stringify([model.path, plan.contextTokens, plan.parallel])
    const known = this.#entries.get(key)
    if (known) return abortable(known.starting, signal)
    const parts = new AsyncDisposableStack()
    const entry: Entry = { parts, starting: Promise.resolve().then(() => this.#start(model, plan, key, entry, signal)) } // prettier-ignore
    this.#entries.set(key, entry)
    this.begin(key)
    onProgress?.(0)
    try {
      const loaded = await entry.starting
      onProgress?.(1)
      return loaded
    } catch (error) {
      this.#entries.delete(key)
      this.leave(key, !signal.aborted)
      await parts.disposeAsync()
      signal.throwIfAborted()
      throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      [...this.#entries.values()].map(async ({ parts, starting }) => {
        await parts.disposeAsync()
        await starting.then((model) => model[Symbol.asyncDispose]()).catch(() => {})
      }),
    )
  }

  /** Process ids of the namespaces, for tests and `silo doctor`. */
  get pids(): number[] {
    return [...this.#entries.values()].flatMap(({ service }) => service?.pid ?? [])
  }

  async #start(
    model: ModelFile,
    plan: LoadPlan,
    key: string,
    entry: Entry,
    signal: AbortSignal,
  ): Promise<ServerModel> {
    const { parts } = entry
    const { directory, devices, weightType, loadLimit } = this.#options
    const log = this.#options.log.child({ engine: this.id, model: model.id })
    const found = this.#options.binary()
    const binary = found === undefined ? undefined : await realpath(found).catch(() => {})
    if (!binary) throw unavailable('Inferflow is not installed')
    const { bwrap, without } = await this.#bubblewrap()
    if (bwrap === undefined) throw unavailable(without ?? 'there is no bubblewrap')
    const header = await readGguf(model.path, model.id)
    const facts = inferflowFacts(header, model.id)
    const byProcessor = devices === undefined
    if (byProcessor && facts.ropeBase !== processorRopeBase)
      log.warn('Inferflow turns positions otherwise than this model learnt; its answers are worse')
    // On the processor it computes whole prompts at once: two of them might be more than it has memory for.
    const parallel = byProcessor ? 1 : Math.max(1, plan.parallel)
    const contextTokens = affordableContext({
      model,
      contextTokens: Math.min(plan.contextTokens, facts.contextLength, longestContext, byProcessor ? processorContext(facts) : Infinity), // prettier-ignore
      bytesPerToken: ggufFacts(header).kvBytesPerToken * cacheFactor * parallel,
      limited: byProcessor,
    })
    const vocabulary = own(parts, new Vocabulary({ model, size: facts.vocabulary, log }))
    const { pieces, ends, callsTools } = await vocabulary.load(signal)
    await mkdir(directory, { recursive: true, mode: 0o700 })
    entry.folder = await modelFolderOf(directory, model.path)
    await removeOtherModels(directory, [...this.#entries.values()].flatMap(({ folder }) => folder ?? [])) // prettier-ignore
    await this.#fill(entry.folder, { source: model.path, header, facts, pieces, ends, signal })
    // A path to a socket may have 100 characters or so.
    const run = await mkdtemp(join(tmpdir(), 'silo-inferflow-'))
    if (parts.disposed) await rm(run, { recursive: true, force: true })
    else parts.defer(() => rm(run, { recursive: true, force: true }))
    const service = own(
      parts,
      new ServerProcess({
        name: this.id,
        model: model.id,
        log,
        socketPath: socketOf(run),
        healthPath: '/get_stat',
        healthBody: { header: { fn: 'get_stat' } },
        ...(loadLimit === undefined ? {} : { loadLimit }),
        command: () => namespaceCommand({ bwrap, binary, model: entry.folder!, run, devices: !byProcessor }), // prettier-ignore
        loadFailure: (output) => loadFailure(model.id, output),
        onState: (state) => this.move(key, state),
      }),
    )
    entry.service = service
    await mkdir(dirname(socketOf(run)), { mode: 0o700 })
    const config = inferflowConfig({
      directory: modelFolder,
      specification: modelFiles.specification,
      port: servicePort,
      contextTokens: contextTokens + spareTokens,
      parallel,
      threads: this.#threads,
      weights: weightType ?? 'Q3H',
      ...(devices === undefined ? {} : { devices }),
    })
    await writeFile(join(run, 'service.ini'), config, { mode: 0o600 })
    await service.address(signal)
    return new ServerModel({
      model,
      host: {
        address: (until) => service.address(until),
        [Symbol.asyncDispose]: () => parts.disposeAsync(),
      },
      dialect: inferflowDialect(vocabulary, { contextTokens, parallel }),
      contextTokens,
      dimensions: 0,
      parallel,
      callsTools,
      countsFirst: true,
      onDispose: () => {
        this.#entries.delete(key)
        this.leave(key)
      },
    })
  }

  /** Two loads of one file share what is written. */
  async #fill(
    folder: string,
    init: Omit<Parameters<typeof fillModelFolder>[0], 'folder'>,
  ): Promise<void> {
    // prettier-ignore
    const before = this.#filling.get(folder)?.catch(() => {})
    const filling = Promise.resolve(before).then(() => fillModelFolder({ folder, ...init }))
    this.#filling.set(folder, filling)
    try {
      await filling
    } finally {
      if (this.#filling.get(folder) === filling) this.#filling.delete(folder)
    }
  }

  #bubblewrap(): Promise<Bubblewrap> {
    return (this.#options.bubblewrap ?? findBubblewrap)()
  }

  get #threads(): number {
    return this.#options.threads ?? availableParallelism()
  }

  #buildOf(binary: string): Promise<string> {
    if (this.#build?.binary !== binary) this.#build = { binary, text: hashOf(binary) }
    return this.#build.text
  }
}

/** What was made while everything was being given back must not stay. */
function own<T extends AsyncDisposable>(parts: AsyncDisposableStack, part: T): T {
  if (parts.disposed) throw new SiloError('engine_crashed')
  return parts.use(part)
}

function unavailable(why: string): SiloError {
  return new SiloError('engine_unavailable', { cause: new Error(why) })
}

function loadFailure(model: string, output: string): SiloError | undefined {
  const init = { params: { model }, cause: new Error(output) }
  if (/out of memory|not enough space|bad_alloc|failed to allocate/i.test(output))
    return new SiloError('out_of_memory', init)
  return undefined
}

/** It says its own version nowhere; empty where it cannot be read. */
async function hashOf(binary: string): Promise<string> {
  const digest = createHash('sha256')
  try {
    await pipeline(createReadStream(binary), digest)
    return digest.digest('hex').slice(0, 12)
  } catch {
    return ''
  }
}
