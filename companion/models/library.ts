import { mkdirSync, readdirSync, statSync } from 'node:fs'
import { rm, stat } from 'node:fs/promises'
import { basename, isAbsolute, join } from 'node:path'
import { ggufFacts, readGguf } from '#companion/formats/gguf.ts'
import type { Log } from '#companion/observe/log.ts'
import type { RunExecutor } from '#companion/runs/run.ts'
import type { ModelSource } from '#shared/contracts/model-source.ts'
import type { Hardware } from '#shared/domain/device.ts'
import type { CatalogueEntry, ModelState, ModelTask } from '#shared/domain/model.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { fetchModel, sumsOf } from './fetch-model.ts'
import type { FileRecords } from './file-records.ts'
import { modelFit } from './fit.ts'
import { quantizeModel, quantizedId, type Quantizer } from './quantize-model.ts'

export interface ModelLibraryInit {
  /** Where model files lie, by `modelFileName`. */
  readonly directory: string
  readonly catalogue: readonly CatalogueEntry[]
  readonly sources: readonly ModelSource[]
  readonly records: FileRecords
  readonly hardware: () => Hardware | undefined
  /** Tokens of context the settings ask for. */
  readonly contextTokens: () => number
  readonly isLoaded: (id: string) => boolean
  readonly log: Log
  readonly onChange: (id: string) => void
}

/** A model's file, checked. */
export interface VerifiedModel<T extends ModelTask> {
  readonly id: string
  readonly path: string
  readonly sha256: string
  readonly task: T
  readonly parameters: number
}

/** How a fetched model's file is called: whisper.cpp's own format is not GGUF. */
export function modelFileName({ id, task }: Pick<CatalogueEntry, 'id' | 'task'>): string {
  return `${id}.${task === 'speech' ? 'bin' : 'gguf'}`
}

/** The models this machine has or could fetch. */
export class ModelLibrary {
  readonly #init: ModelLibraryInit
  readonly #downloads = new Map<string, string>()
  /** Runs by the model they make a smaller version of. */
  readonly #quantizing = new Map<string, string>()

  constructor(init: ModelLibraryInit) {
    this.#init = init
    mkdirSync(init.directory, { recursive: true, mode: 0o700 })
  }

  list(): ModelState[] {
    return this.#known().map(({ entry, path, imported }) => this.#state(entry, path, imported))
  }

  /**
   * The file of a model, checked against its sha256 the first time it is used. Without an id: the first
   * installed one for the task.
   * @throws SiloError model_unknown, model_wrong_task, model_not_installed, model_corrupt
   */
  async resolve<T extends ModelTask>(
    id: string | undefined,
    task: T,
    signal: AbortSignal,
  ): Promise<VerifiedModel<T>> {
    const known = this.#known()
    const found =
      id === undefined
        ? (known.find(({ entry, path }) => entry.task === task && isThere(path, entry.size)) ??
          known.find(({ entry }) => entry.task === task))
        : known.find(({ entry }) => entry.id === id)
    if (!found) throw new SiloError('model_unknown', { params: { model: id ?? task } })
    const { entry, path } = found
    const params = { model: entry.name }
    if (entry.task !== task)
      throw new SiloError('model_wrong_task', { params: { ...params, task }, field: 'model' })
    const stats = await stat(path).catch(() => undefined)
    if (!stats) throw new SiloError('model_not_installed', { params })
    if (stats.size !== entry.size) throw new SiloError('model_corrupt', { params })
    const sha256 = await this.#init.records.sha256(path, signal)
    if (!sumsOf(entry).has(sha256)) throw new SiloError('model_corrupt', { params })
    return { id: entry.id, path, sha256, task, parameters: entry.parameters }
  }

  /** The run that fetches a model. @throws SiloError model_unknown, conflict (already being fetched) */
  download(id: string): RunExecutor {
    const entry = this.#init.catalogue.find((known) => known.id === id)
    if (!entry) throw new SiloError('model_unknown', { params: { model: id } })
    if (this.#downloads.has(id))
      throw new SiloError('conflict', { params: { detail: `${entry.name} is being fetched` } })
    return async (run) => {
      this.#downloads.set(id, run.id)
      this.#init.onChange(id)
      try {
        return await fetchModel(entry, this.#path(entry), this.#workDir(id), this.#init, run)
      } finally {
        this.#downloads.delete(id)
        this.#init.onChange(id)
      }
    }
  }

  /**
   * The run that makes a version of about 3.5 bits per weight of a model that is here.
   * @throws SiloError model_unknown, model_wrong_task, model_not_installed, conflict (it is being made, or there)
   */
  quantize(id: string, quantizer: Quantizer): RunExecutor {
    const found = this.#known().find(({ entry }) => entry.id === id)
    if (!found) throw new SiloError('model_unknown', { params: { model: id } })
    const { entry, path } = found
    const params = { model: entry.name }
    if (entry.task !== 'chat')
      throw new SiloError('model_wrong_task', { params: { ...params, task: 'chat' } })
    if (!isThere(path, entry.size)) throw new SiloError('model_not_installed', { params })
    if (this.#quantizing.has(id))
      throw new SiloError('conflict', {
        params: { detail: `a version of ${entry.name} is being made` },
      })
    if (this.#known().some((known) => known.entry.id === quantizedId(id)))
      throw new SiloError('conflict', { params: { detail: `a version of ${entry.name} is there` } })
    return async (run) => {
      this.#quantizing.set(id, run.id)
      this.#init.onChange(id)
      try {
        const source = await this.resolve(id, 'chat', run.signal)
        return await quantizeModel({ entry, path: source.path }, { ...this.#init, quantizer }, run)
      } finally {
        this.#quantizing.delete(id)
        this.#init.onChange(id)
      }
    }
  }

  /** Deletes a fetched file and what a broken download left; forgets an imported one, whose file stays. */
  async remove(id: string): Promise<ModelState> {
    const found = this.#known().find(({ entry }) => entry.id === id)
    if (!found) throw new SiloError('model_unknown', { params: { model: id } })
    if (this.#downloads.has(id))
      throw new SiloError('conflict', {
        params: { detail: `${found.entry.name} is being fetched` },
      })
    if (found.imported) this.#init.records.removeImported(id)
    else {
      if (found.entry.madeFrom !== undefined) this.#init.records.removeImported(id)
      await rm(found.path, { force: true })
      await rm(this.#workDir(id), { recursive: true, force: true })
    }
    this.#init.onChange(id)
    return { ...this.#state(found.entry, found.path, found.imported), installed: false }
  }

  /**
   * Registers a .gguf where it lies; it is not copied.
   * @throws SiloError path_not_absolute, path_not_found, path_denied, model_corrupt
   */
  async import(request: { path: string; name?: string }, signal: AbortSignal): Promise<ModelState> {
    const { path } = request
    if (!isAbsolute(path)) throw new SiloError('path_not_absolute', { params: { path } })
    const stats = await stat(path).catch((cause: NodeJS.ErrnoException) => {
      const code = cause.code === 'EACCES' ? 'path_denied' : 'path_not_found'
      throw new SiloError(code, { params: { path }, cause })
    })
    if (!stats.isFile()) throw new SiloError('path_not_found', { params: { path } })
    const fileName = basename(path, '.gguf')
    const facts = ggufFacts(await readGguf(path, basename(path)))
    const sha256 = await this.#init.records.sha256(path, signal)
    const known = this.#init.catalogue.find((entry) => entry.sha256 === sha256)
    const entry: CatalogueEntry = {
      ...(known ?? {
        name: request.name ?? facts.name ?? fileName,
        task: facts.embedding ? 'embed' : 'chat',
        languages: [],
        licence: facts.licence ?? '',
        parameters: facts.parameters,
        quantization: facts.quantization,
        contextLength: facts.contextLength,
        kvBytesPerToken: facts.kvBytesPerToken,
        ...(facts.embedding ? { dimensions: facts.embeddingLength } : {}),
      }),
      id: `import-${sha256.slice(0, 12)}`,
      sha256,
      size: stats.size,
      sources: [{ type: 'file', path }],
      starter: false,
    }
    this.#init.records.addImported({ entry, path })
    this.#init.onChange(entry.id)
    return this.#state(entry, path, true)
  }

  /** Where the files lie that were imported. */
  importedPaths(): string[] {
    return this.#init.records.imported().map(({ path }) => path)
  }

  #known(): { entry: CatalogueEntry; path: string; imported: boolean }[] {
    return [
      ...this.#init.catalogue.map((entry) => ({
        entry,
        path: this.#path(entry),
        imported: false,
      })),
      ...this.#init.records.imported().map(({ entry, path }) => ({
        entry,
        path,
        imported: entry.madeFrom === undefined,
      })),
    ]
  }

  #state(entry: CatalogueEntry, path: string, imported: boolean): ModelState {
    const downloadRunId = this.#downloads.get(entry.id)
    const quantizeRunId = this.#quantizing.get(entry.id)
    const installed = isThere(path, entry.size)
    return {
      entry,
      installed,
      imported,
      loaded: this.#init.isLoaded(entry.id),
      partial: installed ? 0 : Math.min(entry.size, folderSize(this.#workDir(entry.id))),
      ...(downloadRunId === undefined ? {} : { downloadRunId }),
      ...(quantizeRunId === undefined ? {} : { quantizeRunId }),
      fit: modelFit(entry, this.#init.hardware(), this.#init.contextTokens()),
    }
  }

  #path(entry: CatalogueEntry): string {
    return join(this.#init.directory, modelFileName(entry))
  }

  #workDir(id: string): string {
    return join(this.#init.directory, '.partial', id)
  }
}

function isThere(path: string, size: number): boolean {
  return statSync(path, { throwIfNoEntry: false })?.size === size
}

function folderSize(folder: string): number {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true }).reduce(
      (sum, entry) =>
        entry.isFile()
          ? sum +
            (statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0)
          : sum,
      0,
    )
  } catch {
    return 0
  }
}
