import * as v from 'valibot'
import { pageModelOfferSchema, type PageFile, type PageModelOffer } from '#shared/domain/page-model.ts' // prettier-ignore
import { SiloError, toSiloError } from '#shared/errors/silo-error.ts'
import type { PageModel } from './catalogue.ts'
import { fileAt, folderAt, openWriter, removeFolder, type FileWriter } from './files.ts'
import { companionOffers, filesOf, sourcesOf, type Ask, type FileSource } from './sources.ts'

export interface PageStoreInit {
  /** The road to the companion; absent where none is paired. */
  readonly ask?: Ask
}

/** What is stored of a model. */
export interface StoredModel {
  readonly installed: boolean
  /** Bytes of it that are here. */
  readonly bytes: number
  /** Bytes in all; 0 while that is not known. */
  readonly size: number
}

const folder = 'page-models'
/** Written last, when every file is there and its sum was right: what the model consists of. */
const recordName = 'model.json'
/** Bytes asked for at a time: small enough that a broken road costs little. */
const pieceBytes = 8 * 1024 * 1024
/** Left free beside a model, for conversations and the rest of the app. */
const spareBytes = 32 * 1024 * 1024
/** A road that delivers nothing for so long is broken, ms. */
const silenceLimit = 60_000
const tries = 4

/** Model files in the browser's private storage. */
export class PageModelStore {
  readonly #init: PageStoreInit

  constructor(init: PageStoreInit) {
    this.#init = init
  }

  async look(model: PageModel): Promise<StoredModel> {
    const record = await this.record(model)
    if (record)
      return { installed: true, bytes: bytesOf(record.files), size: bytesOf(record.files) }
    const stored = await folderAt([folder, model.id])
    let bytes = 0
    if (stored)
      for await (const handle of stored.values())
        if (handle.kind === 'file') bytes += (await (handle as FileSystemFileHandle).getFile()).size
    return { installed: false, bytes, size: bytesOf(model.files) }
  }

  /** What the model consists of, where it is complete and still of the catalogue's sums. */
  async record(model: PageModel): Promise<PageModelOffer | undefined> {
    try {
      const text = await (await fileAt([folder, model.id, recordName]))?.text()
      const record = v.parse(pageModelOfferSchema, JSON.parse(text ?? ''))
      const pinned = model.files.every((file) =>
        record.files.some(({ name, sha256 }) => name === file.name && sha256 === file.sha256),
      )
      return pinned ? record : undefined
    } catch {
      return undefined
    }
  }

  /** Opens a file by `<model id>/<name>`. @throws SiloError model_not_installed */
  async open(path: string): Promise<File> {
    const file = await fileAt([folder, ...path.split('/')])
    if (!file) throw new SiloError('model_not_installed', { params: { model: path } })
    return file
  }

  async remove(model: PageModel): Promise<void> {
    await removeFolder([folder, model.id])
  }

  /**
   * Fetches what is missing of a model and checks every file. Stopping it keeps what has arrived.
   * @throws SiloError storage_quota, storage_failed, download_failed, checksum_mismatch, conflict (another tab
   * fetches it), page_engine_unavailable (wrong pair), cancelled
   */
  async download(
    model: PageModel,
    options: { readonly signal: AbortSignal; onProgress(done: number, total: number): void },
  ): Promise<void> {
    const { signal } = options
    try {
      await navigator.locks.request(
        `silo-page-model-${model.id}`,
        { ifAvailable: true },
        async (lock) => {
          if (!lock) throw new SiloError('conflict', { params: { detail: `${model.name} is being fetched` } }) // prettier-ignore
          await this.#download(model, options)
        },
      )
    } catch (error) {
      if (signal.aborted) throw new SiloError('cancelled', { cause: error })
      throw error instanceof SiloError ? error : toSiloError(error, 'page')
    }
  }

  async #download(
    model: PageModel,
    { signal, onProgress }: { signal: AbortSignal; onProgress(done: number, total: number): void },
  ): Promise<void> {
    const offers = await companionOffers(this.#init.ask, signal)
    const { files, library } = filesOf(model, offers)
    const total = bytesOf(files)
    const { bytes } = await this.look(model)
    await requireRoom(Math.max(0, total - bytes))
    let done = 0
    for (const file of files) {
      const sources = sourcesOf(model, file, offers, this.#init.ask)
      await this.#fetchFile(model, file, sources, signal, (at) => onProgress(done + at, total))
      done += file.size
    }
    const record: PageModelOffer = {
      id: model.id,
      files: [...files],
      ...(model.gpu && library ? { pair: { webLlm: model.gpu.webLlm, libraries: model.gpu.libraries, library } } : {}), // prettier-ignore
    }
    await writeRecord([folder, model.id, recordName], JSON.stringify(record))
  }

  async #fetchFile(
    model: PageModel,
    file: PageFile,
    sources: readonly FileSource[],
    signal: AbortSignal,
    onProgress: (at: number) => void,
  ): Promise<void> {
    const path = [folder, model.id, file.name]
    await using writer = await openWriter(path)
    // A file longer than it may be is of something else.
    let failure: unknown
    for (const source of writer.size > file.size ? [] : sources) {
      try {
        onProgress(writer.size)
        await fill(writer, file, source, signal, onProgress)
        break
      } catch (error) {
        signal.throwIfAborted()
        if (error instanceof SiloError && error.code.startsWith('storage_')) throw error
        failure = error
      }
    }
    if (writer.size < file.size) {
      if (failure instanceof SiloError) throw failure
      throw new SiloError('page_model_unreachable', { params: { model: model.name }, cause: failure }) // prettier-ignore
    }
    if ((await writer.finish()) === file.sha256) return
    await removeFolder(path)
    throw new SiloError('checksum_mismatch', { params: { source: model.name } })
  }
}

function bytesOf(files: readonly PageFile[]): number {
  return files.reduce((sum, file) => sum + file.size, 0)
}

/** Fetches the rest of a file, piece by piece; a piece that fails is asked for again, from where it broke. */
async function fill(
  writer: FileWriter,
  file: PageFile,
  source: FileSource,
  signal: AbortSignal,
  onProgress: (at: number) => void,
): Promise<void> {
  let failed = 0
  while (writer.size < file.size) {
    const begun = writer.size
    const end = Math.min(file.size, begun + pieceBytes) - 1
    const piece = new AbortController()
    try {
      const response = await source.range(begun, end, AbortSignal.any([signal, piece.signal]))
      // A server that ignores ranges sends all of it, which only helps at the beginning.
      if (response.status !== 206 && begun > 0) throw new Error('the server knows no ranges')
      for await (const bytes of pieces(response, piece)) {
        if (writer.size + bytes.length > file.size) throw new Error('the file is too long')
        await writer.write(bytes)
        onProgress(writer.size)
      }
      if (writer.size <= end && writer.size === begun) throw new Error('the road sent nothing')
      failed = 0
    } catch (error) {
      piece.abort()
      signal.throwIfAborted()
      if (error instanceof SiloError && !error.retryable) throw error
      if (writer.size > begun) failed = 0
      if (++failed >= tries) throw error
      await wait(500 * 2 ** failed, signal)
    }
  }
}

async function* pieces(
  response: Response,
  stop: AbortController,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const reader = response.body?.getReader()
  if (!reader) throw new Error('an empty answer')
  try {
    for (;;) {
      const timer = setTimeout(() => stop.abort(new Error('the road went silent')), silenceLimit)
      const { done, value } = await reader.read().finally(() => clearTimeout(timer))
      if (done) return
      // Copied: a piece may be a view of a buffer that is not to be given away.
      yield new Uint8Array(value)
    }
  } finally {
    await reader.cancel().catch(() => {})
  }
}

/** Asks for lasting storage and refuses what would not fit. @throws SiloError storage_quota */
async function requireRoom(needed: number): Promise<void> {
  await navigator.storage.persist?.().catch(() => false)
  const { quota = Infinity, usage = 0 } = await navigator.storage.estimate()
  const available = Math.max(0, quota - usage - spareBytes)
  if (needed > available) throw new SiloError('storage_quota', { params: { available, needed } })
}

async function writeRecord(path: readonly string[], text: string): Promise<void> {
  await removeFolder(path)
  await using writer = await openWriter(path)
  await writer.write(new TextEncoder().encode(text))
  await writer.finish()
}

function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const leave = (): void => {
      clearTimeout(timer)
      reject(signal.reason)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', leave)
      resolve()
    }, ms)
    signal.addEventListener('abort', leave, { once: true })
  })
}
