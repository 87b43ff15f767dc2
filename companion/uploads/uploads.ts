import { mkdir, readdir, rename, rm, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import type { Log } from '#companion/observe/log.ts'
import { formatBytes } from '#shared/domain/byte-size.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { maxPartBytes, type CreateUpload, type Upload } from '#shared/protocol/upload.ts'
import { numbered, safeFileName } from './file-name.ts'
import type { Intake } from './intake.ts'
import { diskFull, sha256Of, writePart } from './part-writer.ts'
import type { UploadRecord, UploadRecords } from './upload-records.ts'

export interface UploadsInit {
  readonly records: UploadRecords
  readonly intake: Intake
  /** `<home>/uploads`: a folder for each collection, and `.partial` with what is unfinished. */
  readonly folder: string
  /** Bytes one file may have. */
  readonly maxFileBytes: number
  readonly hasCollection: (id: string) => boolean
  /** Whether the vault reads files of this name. */
  readonly isReadable: (name: string) => boolean
  readonly log: Log
  /** Bytes free where the folder lies; for tests. */
  readonly freeBytes?: () => Promise<number>
}

/** An upload nobody goes on with is thrown away after this long, ms. */
export const unfinishedMs = 24 * 3600_000
/** The files of a collection that was deleted are kept this long, ms. */
const removedMs = 30 * 24 * 3600_000
const sweepMs = 3600_000
/** Unfinished uploads one person may have. */
const maxOpen = 200
/** Bytes left free for the index and everything else. */
const reserveBytes = 64 * 1024 * 1024

/** Files that other devices send, part by part, into a collection. Each is complete or absent at any moment. */
export class Uploads {
  readonly #init: UploadsInit
  readonly #writers = new Map<string, { abort: AbortController; done: Promise<void> }>()
  readonly #finishing = new Map<string, Promise<UploadRecord>>()
  readonly #timer: NodeJS.Timeout
  /** Names are chosen one after the other. */
  #naming: Promise<unknown> = Promise.resolve()

  constructor(init: UploadsInit) {
    this.#init = init
    this.#timer = setInterval(() => {
      void this.sweep().catch((error: unknown) => init.log.warn('upload sweep failed', { error }))
    }, sweepMs)
    this.#timer.unref()
  }

  /**
   * Announces a file. The same id and body again answers how far it is.
   * @throws SiloError file_too_large, disk_full, collection_unknown, conflict
   */
  async create(request: CreateUpload, space: string): Promise<Upload> {
    const { records, maxFileBytes } = this.#init
    const known = records.get(request.id)
    if (known) {
      const fields = ['size', 'collectionId', 'sha256'] as const
      const same = fields.every((field) => known[field] === request[field])
      if (known.space !== space || !same || known.name !== safeFileName(request.name))
        throw conflict('this id is used by another upload', 'id')
      return this.#shown(known)
    }
    if (request.size > maxFileBytes)
      throw new SiloError('file_too_large', {
        params: { size: formatBytes(request.size), limit: formatBytes(maxFileBytes) },
        field: 'size',
      })
    if (!this.#init.hasCollection(request.collectionId)) throw new SiloError('collection_unknown')
    const open = records.open()
    if (open.filter((other) => other.space === space).length >= maxOpen)
      throw conflict('too many uploads are unfinished')
    const promised = open.reduce((sum, { size, received }) => sum + size - received, 0)
    const missing = request.size + promised + reserveBytes - (await this.#free())
    if (missing > 0) throw diskFull(missing)
    // Another request with this id may have come while the disk was asked.
    if (records.get(request.id)) return this.create(request, space)
    records.insert({ ...request, name: safeFileName(request.name) }, space)
    return this.get(request.id, space)
  }

  /** @throws SiloError upload_unknown, also for what another person sends */
  get(id: string, space: string): Upload {
    return this.#shown(this.#own(id, space))
  }

  list(space: string): Upload[] {
    return this.#init.records.list(space, 200).map((record) => this.#shown(record))
  }

  /**
   * Adds a part at `offset`. A newer request for the same upload ends an older one, which may hang on a dead
   * connection; what a broken part brought stays.
   * @throws SiloError upload_unknown, conflict (wrong offset, or complete), body_too_large, disk_full, timeout
   */
  async write(
    id: string,
    space: string,
    offset: number,
    body: ReadableStream<Uint8Array> | null,
    signal: AbortSignal,
  ): Promise<Upload> {
    this.#own(id, space)
    for (let other = this.#writers.get(id); other; other = this.#writers.get(id)) {
      other.abort.abort(new SiloError('cancelled'))
      await other.done
    }
    const record = this.#own(id, space)
    if (record.state === 'complete' || this.#finishing.has(id))
      throw conflict('this upload is complete', 'offset')
    if (offset !== record.received)
      throw conflict(`the next part begins at ${record.received}`, 'offset')
    if (body === null) return this.#shown(record)
    const abort = new AbortController()
    // From the checks above to `#writers.set` nothing may wait, or two parts with one offset would both be written.
    const work = mkdir(this.#partials, { recursive: true, mode: 0o700 }).then(() =>
      writePart(
        this.#partial(id),
        offset,
        body,
        Math.min(maxPartBytes, record.size - offset),
        AbortSignal.any([signal, abort.signal]),
        (end) => this.#init.records.setReceived(id, end),
      ),
    )
    const done = work.catch(() => {})
    this.#writers.set(id, { abort, done })
    try {
      await work
    } finally {
      this.#writers.delete(id)
    }
    return this.get(id, space)
  }

  /**
   * Checks what arrived, gives it its place in the collection's folder, and has it read. Again: the same answer.
   * @throws SiloError upload_unknown, conflict (bytes are missing), upload_damaged, collection_unknown, disk_full
   */
  async complete(id: string, space: string, signal: AbortSignal): Promise<Upload> {
    const record = this.#own(id, space)
    if (record.state === 'open') {
      const known = this.#finishing.get(id)
      const work = known ?? this.#finish(record, signal).finally(() => this.#finishing.delete(id))
      if (!known) this.#finishing.set(id, work)
      await work
    }
    return this.get(id, space)
  }

  /** Drops an unfinished upload; a complete one stays. Dropping twice is no error. */
  async cancel(id: string, space: string): Promise<void> {
    const record = this.#init.records.get(id)
    if (!record || record.space !== space || record.state === 'complete') return
    await this.#finishing.get(id)?.catch(() => {})
    if (this.#init.records.get(id)?.state !== 'open') return
    await this.#drop(record)
  }

  /** Drops what expired. At the start also finishes what a killed process left between two steps. */
  async sweep(): Promise<void> {
    const { records, folder, log } = this.#init
    const open = records.open()
    for (const record of open) {
      if (this.#writers.has(record.id) || this.#finishing.has(record.id)) continue
      const size = (await stat(this.#partial(record.id)).catch(() => undefined))?.size
      const stored = record.storedName && join(folder, record.collectionId, record.storedName)
      const moved = stored && size === undefined ? await stat(stored).catch(() => undefined) : null
      if (moved?.size === record.size) {
        records.setComplete(record.id)
        this.#init.intake.wanted(record.collectionId, record.space)
      } else if (Date.now() - record.updatedAt > unfinishedMs) await this.#drop(record)
      else if ((size ?? 0) < record.received) records.setReceived(record.id, size ?? 0)
    }
    const expected = new Set(records.open().map(({ id }) => id))
    for (const name of await readdir(this.#partials).catch(() => []))
      if (!expected.has(name)) await rm(join(this.#partials, name), { force: true })
    const removed = join(folder, '.removed')
    for (const name of await readdir(removed).catch(() => [])) {
      const at = Number(name.split('.').at(-1))
      if (Date.now() - at > removedMs)
        await rm(join(removed, name), { recursive: true, force: true })
    }
    if (open.length > 0) log.debug('unfinished uploads', { count: open.length })
  }

  /** A collection was deleted: its files must not turn up in a later one. They are kept aside for a while. */
  async forget(collectionId: string): Promise<void> {
    const { records, folder } = this.#init
    for (const record of records.open())
      if (record.collectionId === collectionId) await this.#drop(record)
    records.remove(records.complete(collectionId).map(({ id }) => id))
    const own = join(folder, collectionId)
    if (!(await stat(own).catch(() => undefined))) return
    const removed = join(folder, '.removed')
    await mkdir(removed, { recursive: true, mode: 0o700 })
    await rename(own, join(removed, `${collectionId}.${Date.now()}`))
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    this.#init.intake.close()
    for (const { abort } of this.#writers.values()) abort.abort(new SiloError('shutting_down'))
    await Promise.all([...this.#writers.values()].map(({ done }) => done))
    await Promise.allSettled(this.#finishing.values())
  }

  async #finish(record: UploadRecord, signal: AbortSignal): Promise<UploadRecord> {
    const { id, collectionId, size } = record
    const { records, hasCollection, folder, intake } = this.#init
    if (record.received !== size || this.#writers.has(id))
      throw conflict(`${record.received} of ${size} bytes have arrived`, 'offset')
    if (!hasCollection(collectionId)) throw new SiloError('collection_unknown')
    const partial = this.#partial(id)
    if (size === 0) {
      await mkdir(this.#partials, { recursive: true, mode: 0o700 })
      await writePart(partial, 0, new Blob([]).stream(), 0, signal, () => {})
    }
    const sha256 = await sha256Of(partial, signal)
    const arrived = (await stat(partial)).size
    if (arrived !== size || (record.sha256 !== undefined && record.sha256 !== sha256)) {
      await this.#drop(record)
      throw new SiloError('upload_damaged', { params: { name: record.name } })
    }
    const place = this.#naming.then(async () => {
      const target = join(folder, collectionId)
      await mkdir(target, { recursive: true, mode: 0o700 })
      const twin = records.complete(collectionId).find((other) => other.contentSha256 === sha256)
      const twinFile = twin?.storedName && (await stat(join(target, twin.storedName)).catch(() => undefined)) // prettier-ignore
      if (twin?.storedName && twinFile && twinFile.size === size) {
        // The same file is there already: it is one document, not two.
        records.setStored(id, twin.storedName, sha256)
        await rm(partial, { force: true })
      } else {
        const name = await freeName(target, record.name)
        records.setStored(id, name, sha256)
        await rename(partial, join(target, name))
      }
      records.setComplete(id)
    })
    this.#naming = place.catch(() => {})
    await place
    intake.wanted(collectionId, record.space)
    return this.#own(id, record.space)
  }

  async #drop(record: UploadRecord): Promise<void> {
    const writer = this.#writers.get(record.id)
    writer?.abort.abort(new SiloError('cancelled'))
    await writer?.done
    this.#init.records.remove([record.id])
    await rm(this.#partial(record.id), { force: true })
  }

  #own(id: string, space: string): UploadRecord {
    const record = this.#init.records.get(id)
    if (!record || record.space !== space) throw new SiloError('upload_unknown')
    return record
  }

  #shown(record: UploadRecord): Upload {
    const { id, collectionId, size, received, state, runId, createdAt } = record
    const name = record.storedName ?? record.name
    return {
      id,
      collectionId,
      name,
      size,
      received,
      state,
      readable: this.#init.isReadable(name),
      createdAt,
      ...(runId === undefined ? {} : { runId }),
      ...(state === 'open' ? { expiresAt: record.updatedAt + unfinishedMs } : {}),
    }
  }

  get #partials(): string {
    return join(this.#init.folder, '.partial')
  }

  /** Ids are of letters, digits, `_` and `-` only, so they are file names. */
  #partial(id: string): string {
    return join(this.#partials, id)
  }

  async #free(): Promise<number> {
    if (this.#init.freeBytes) return this.#init.freeBytes()
    await mkdir(this.#init.folder, { recursive: true, mode: 0o700 })
    const { bavail, bsize } = await statfs(this.#init.folder)
    return bavail * bsize
  }
}

/** A name that nothing in `folder` has, whatever its case. */
async function freeName(folder: string, wanted: string): Promise<string> {
  const taken = new Set((await readdir(folder)).map((name) => name.normalize('NFC').toLowerCase()))
  for (let number = 1; ; number++) {
    const name = numbered(wanted, number)
    if (!taken.has(name.toLowerCase())) return name
  }
}

function conflict(detail: string, field?: string): SiloError {
  return new SiloError('conflict', { params: { detail }, ...(field ? { field } : {}) })
}
