import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import type { ModelFile } from '#shared/contracts/engine.ts'
import type { ModelState, ModelTask } from '#shared/domain/model.ts'
import {
  pageModelOfferSchema,
  type PageFile,
  type PageModelOffer,
} from '#shared/domain/page-model.ts'
import { SiloError } from '#shared/errors/silo-error.ts'

export interface PageFilesInit {
  readonly library: {
    list(): ModelState[]
    resolve(id: string, task: ModelTask, signal: AbortSignal): Promise<Pick<ModelFile, 'path'>>
  }
  /** `<directory>/<id>/pair.json` beside the files it names: compiled models a person has put there. */
  readonly directory: string
}

/**
 * What this companion has for pages: the installed models of its own catalogue, and compiled models with the
 * libraries they belong to. A file is named by a model's id and its own name; no path of a caller is ever used.
 */
export class PageFiles {
  readonly #init: PageFilesInit

  constructor(init: PageFilesInit) {
    this.#init = init
  }

  async list(): Promise<PageModelOffer[]> {
    const own = this.#init.library
      .list()
      .filter(({ entry, installed, imported }) => installed && !imported && entry.task !== 'speech')
      .map(({ entry: { id, size, sha256 } }) => ({
        id,
        files: [{ name: `${id}.gguf`, size, sha256 }],
      }))
    return [...own, ...(await this.#pairs())]
  }

  /** Where a file lies, and what it has to be. @throws SiloError model_unknown, model_not_installed, model_corrupt */
  async find(
    id: string,
    name: string,
    signal: AbortSignal,
  ): Promise<{ path: string; file: PageFile }> {
    const offer = (await this.list()).find((known) => known.id === id)
    const file = offer?.files.find((known) => known.name === name)
    if (!file) throw new SiloError('model_unknown', { params: { model: id } })
    const own = this.#init.library.list().find(({ entry }) => entry.id === id)
    if (own) return { path: (await this.#init.library.resolve(id, own.entry.task, signal)).path, file } // prettier-ignore
    const path = join(this.#init.directory, id, name)
    const stats = await stat(path).catch(() => undefined)
    if (!stats?.isFile()) throw new SiloError('model_not_installed', { params: { model: id } })
    if (stats.size !== file.size) throw new SiloError('model_corrupt', { params: { model: id } })
    return { path, file }
  }

  async #pairs(): Promise<PageModelOffer[]> {
    const folders = await readdir(this.#init.directory).catch(() => [])
    const offers = await Promise.all(
      folders.map(async (folder) => {
        try {
          const text = await readFile(join(this.#init.directory, folder, 'pair.json'), 'utf8')
          const offer = v.parse(pageModelOfferSchema, JSON.parse(text))
          return offer.id === folder && offer.pair ? offer : undefined
        } catch {
          return undefined
        }
      }),
    )
    return offers.filter((offer) => offer !== undefined)
  }
}
