import { basename } from 'node:path'
import type { RunContext, RunResult } from '#companion/runs/run.ts'
import type { DocumentKind } from '#shared/domain/vault.ts'
import { toWire, type SiloError } from '#shared/errors/silo-error.ts'
import type { Embedder } from './embedder.ts'
import type { Extracted } from './extract/extracted.ts'
import type { Extractor } from './extractor.ts'
import { batchChunks, embedDocuments } from './ingest-embed.ts'
import { documentIdOf, prepareFile, readerVersion, type Prepared, type PrepareParts, type Summed } from './ingest-prepare.ts' // prettier-ignore
import { recoverWrites } from './ingest-recovery.ts'
import { surveyRoots, type Survey } from './ingest-scan.ts'
import { IngestWriter, type IngestStore } from './ingest-writer.ts'
import type { FileRecord, OwnDocument, OwnDocuments } from './own-documents.ts'
import type { FoundFile } from './scan.ts'
import type { TextFiles } from './text-files.ts'
import type { ProblemRecord, VaultRecords } from './vault-records.ts'

export interface IngestParts {
  readonly records: VaultRecords
  readonly own: OwnDocuments
  readonly store: IngestStore
  readonly texts: TextFiles
  readonly extractor: Pick<Extractor, 'extract'>
  readonly embedder: Embedder
}

export interface IngestOptions {
  /** Only these files and folders, absolute; absent: all roots, and the index is compared with the records. */
  readonly only?: readonly string[]
  /** Roots a person has just named: what is gone from them is gone. */
  readonly named?: readonly string[]
  /** What failed before is tried again only where the file is other than then. */
  readonly changedOnly?: boolean
  /** Resolves when reading may go on; called between files. */
  readonly hold?: (signal: AbortSignal, onHold: () => void) => Promise<void>
  /** What a document is, where its place says more than its format. */
  readonly kindOf?: (path: string, extracted: Extracted) => DocumentKind
}

const progressMs = 200
/** A file that could not be read this time says nothing about what it said before. */
const passing = new Set(['file_changed', 'path_denied'])

/**
 * Reads the roots of a collection and brings its index up to date: only what changed is read, what was moved is
 * followed, what is there twice is read once, and what is gone from the disk is dropped. Every document is complete or
 * absent at any moment, so a cancel or a kill loses nothing and the next run goes on.
 * @throws SiloError path_not_found, path_denied, root_unmounted (a root), no_space, engine errors, the signal's reason
 */
export async function ingest(
  collectionId: string,
  roots: readonly string[],
  parts: IngestParts,
  run: RunContext,
  options: IngestOptions = {},
): Promise<RunResult> {
  const { records, own, store, embedder } = parts
  await recoverWrites(collectionId, parts, run.signal)
  const reading = new Reading(collectionId, parts, run, options)
  reading.progress({ stage: 'scanning', done: 0, unit: 'files' }, true)
  const survey = await surveyRoots(
    collectionId,
    roots,
    reading.writer.files,
    own,
    { only: options.only, named: options.named, signal: run.signal },
    (done, detail) => reading.progress({ stage: 'scanning', done, unit: 'files', detail }),
  )
  // What the records call done must really be in the index, e.g. after its folder was lost.
  const indexed = options.only ? undefined : await store.countByDocument(collectionId, run.signal)
  const isCurrent = (document: OwnDocument | undefined): boolean =>
    document !== undefined &&
    document.model === embedder.modelId &&
    (indexed === undefined || indexed.get(document.id) === document.chunks)
  const todo = reading.plan(survey, isCurrent)
  try {
    await reading.read(todo)
  } finally {
    // What was embedded is kept even when the run is cancelled.
    await reading.writer.flush()
    await reading.writer.settled()
  }
  const { counts } = reading
  await reading.dropHomeless(() => true)
  if (counts.added + counts.changed + counts.removed + counts.moved > 0) {
    reading.progress({ stage: 'indexing', done: 0, total: 1, unit: 'steps' }, true)
    await store.optimize(collectionId, run.signal)
  }
  records.replaceProblems(collectionId, reading.problems)
  records.setIngested(collectionId, Date.now())
  return { counts }
}

type ProgressBody = Omit<Extract<Parameters<RunContext['emit']>[0], { type: 'progress' }>, 'type'>
type Read = Extract<Prepared, { kind: 'read' }> & { readonly id: string }

/** One run over one collection. */
class Reading {
  readonly counts = { added: 0, changed: 0, moved: 0, removed: 0, unchanged: 0, failed: 0, skipped: 0 } // prettier-ignore
  readonly problems: ProblemRecord[] = []
  readonly writer: IngestWriter
  readonly #collectionId: string
  readonly #parts: IngestParts
  readonly #run: RunContext
  readonly #options: IngestOptions
  /** The document of each content: read already, or about to be. */
  readonly #current = new Map<string, string>()
  /** The same for documents that have to be read again. */
  readonly #stale = new Map<string, string>()
  /** Documents that are whole, and only read by an older version. */
  readonly #whole = new Set<string>()
  readonly #chunksBefore = new Map<string, number>()
  readonly #added = new Set<string>()
  #lastProgress = 0
  #filesDone = 0
  #total = 0
  #chunksDone = 0
  #started = 0
  #embedding: Promise<void> = Promise.resolve()

  constructor(collectionId: string, parts: IngestParts, run: RunContext, options: IngestOptions) {
    this.#collectionId = collectionId
    this.#parts = parts
    this.#run = run
    this.#options = options
    this.writer = new IngestWriter(collectionId, parts, (ids) => {
      for (const id of ids) this.counts[this.#added.has(id) ? 'added' : 'changed'] += 1
    })
  }

  /** Enters what needs no reading, and returns the files that do, those first that may be documents on the move. */
  plan(survey: Survey, isCurrent: (document: OwnDocument | undefined) => boolean): FoundFile[] {
    const { writer, counts } = this
    for (const document of writer.documents.values()) {
      const whole = isCurrent(document)
      const current = whole && document.reader >= readerVersion
      if (whole && !current) this.#whole.add(document.id)
      ;(current ? this.#current : this.#stale).set(contentKey(document), document.id)
    }
    const failedBefore = this.#parts.records.problemsByPath(this.#collectionId)
    for (const [path, problem] of failedBefore) if (!survey.isCovered(path)) this.#keep(problem)
    for (const { path, error, skipped } of survey.problems) {
      const before = failedBefore.get(path)
      if (before?.error.code === error.code) this.#keep(before)
      else if (skipped) this.#keep({ path, error: toWire(error), at: Date.now() })
      else this.#fail(path, error)
    }
    const gone = new Map<string, FileRecord>()
    for (const file of writer.files.values()) if (survey.isGone(file.path)) gone.set(file.path, file) // prettier-ignore
    const byInode = new Map([...gone.values()].map((file) => [inodeKey(file), file]))
    for (const path of gone.keys()) writer.unlink(path)
    const todo: FoundFile[] = []
    for (const file of survey.files.values()) {
      const known = writer.files.get(file.path)
      const document = known && writer.documents.get(known.documentId)
      const failed = failedBefore.get(file.path)
      if (
        known?.size === file.size &&
        known.modifiedAt === file.modifiedAt &&
        this.#isCurrent(document)
      )
        // prettier-ignore
        counts.unchanged += 1
      else if (
        this.#options.changedOnly &&
        failed?.size === file.size &&
        failed.modifiedAt === file.modifiedAt &&
        failed.reader === readerVersion
      )
        // prettier-ignore
        this.#keep(failed)
      else if (!known && file.inode !== '') {
        const before = byInode.get(inodeKey(file))
        if (before && this.#isCurrent(writer.documents.get(before.documentId))) {
          writer.link({ ...file, documentId: before.documentId, sha256: before.sha256 })
          counts.moved += 1
        } else todo.push(file)
      } else todo.push(file)
    }
    const leaving = new Set(writer.homeless().map(({ size }) => size))
    for (const { path } of todo) {
      const size = writer.files.get(path)?.size
      if (size !== undefined) leaving.add(size)
    }
    const first = (file: FoundFile): number => Number(!leaving.has(file.size) || writer.files.has(file.path)) // prettier-ignore
    return todo.sort((a, b) => first(a) - first(b))
  }

  async read(todo: readonly FoundFile[]): Promise<void> {
    const { signal } = this.#run
    const { counts } = this
    this.#total = todo.length
    this.#started = Date.now()
    const sizes = new Set(todo.map(({ size }) => size))
    await this.dropHomeless(({ size }) => !sizes.has(size))
    const parts: PrepareParts = {
      extractor: this.#parts.extractor,
      known: (summed) => this.#known(summed),
      onPage: (file, page, pages) => this.#report(`${basename(file.path)} (${page}/${pages})`),
    }
    const prepare = (file: FoundFile | undefined): Promise<Prepared> | undefined => {
      const preparing = file && prepareFile(file, parts, signal)
      preparing?.catch(() => {})
      return preparing
    }
    let next = prepare(todo[0])
    let group: Read[] = []
    let waiting = 0
    for (const [index, file] of todo.entries()) {
      signal.throwIfAborted()
      await this.#options.hold?.(signal, () => {
        void this.writer.flush()
        this.progress({ stage: 'paused', done: this.#filesDone, total: this.#total, unit: 'files' }, true) // prettier-ignore
      })
      this.#report(basename(file.path), index === 0)
      const prepared = (await next)!
      let read = this.#decide(prepared)
      if (read && (await this.#isAsItWas(read))) {
        this.writer.describe(this.#documentOf(read))
        counts.unchanged += 1
        read = undefined
      }
      // The engine is never idle: files are read and documents written while others are embedded.
      next = prepare(todo[index + 1])
      if (read) {
        group.push(read)
        waiting += read.chunks.length
      } else this.#filesDone += 1
      if (waiting >= batchChunks || (group.length > 0 && index === todo.length - 1)) {
        await this.#embedding
        this.#embedding = this.#embed(group)
        this.#embedding.catch(() => {})
        group = []
        waiting = 0
      }
      if (this.writer.isFull) await this.writer.flush()
    }
    await this.#embedding
    this.#report('', true)
  }

  /** Removes documents that no file leads to any more. */
  async dropHomeless(which: (document: OwnDocument) => boolean): Promise<void> {
    const ids = this.writer
      .homeless()
      .filter(which)
      .map(({ id }) => id)
    await this.writer.remove(ids)
    this.counts.removed += ids.length
  }

  progress(body: ProgressBody, force = false): void {
    if (!force && Date.now() - this.#lastProgress < progressMs) return
    this.#lastProgress = Date.now()
    this.#run.emit({ type: 'progress', ...body })
  }

  #isCurrent(document: OwnDocument | undefined): boolean {
    return document !== undefined && this.#current.get(contentKey(document)) === document.id
  }

  #known(summed: Summed): string | undefined {
    const id = this.#current.get(contentKey(summed))
    return id !== undefined && this.writer.documents.has(id) ? id : undefined
  }

  /** Whether a newer reading gives the very text that is in the index already. */
  async #isAsItWas({ id, chunks, extracted }: Read): Promise<boolean> {
    if (!this.#whole.has(id) || this.#chunksBefore.get(id) !== chunks.length) return false
    const text = await this.#parts.texts.read(id).catch(() => undefined)
    return text === extracted.text
  }

  /** Enters what a file turned out to be; what has to be embedded is returned. */
  #decide(prepared: Prepared): Read | undefined {
    const { writer, counts } = this
    const { file } = prepared
    const before = writer.files.get(file.path)
    if (prepared.kind === 'failed') {
      this.#fail(file.path, prepared.error, file)
      if (!passing.has(prepared.error.code)) writer.unlink(file.path)
      return undefined
    }
    const { sha256 } = prepared
    if (prepared.kind === 'known') {
      const homeless = writer.pathsOf(prepared.documentId).size === 0
      if (before?.documentId === prepared.documentId) counts.unchanged += 1
      else if (homeless || before) counts.moved += 1
      else counts.added += 1
      writer.link({ ...file, documentId: prepared.documentId, sha256 })
      return undefined
    }
    const key = contentKey(prepared)
    const alone = before !== undefined && writer.pathsOf(before.documentId).size === 1
    const id = this.#stale.get(key) ?? (alone ? before.documentId : this.#newId(file.path))
    if (!writer.documents.has(id)) this.#added.add(id)
    this.#stale.delete(key)
    this.#current.set(key, id)
    const known = writer.documents.get(id)
    if (known) {
      this.#chunksBefore.set(id, known.chunks)
      // Other content than before: whoever has that one is no copy of this document any more.
      if (contentKey(known) !== key) {
        this.#whole.delete(id)
        if (this.#current.get(contentKey(known)) === id) this.#current.delete(contentKey(known))
      }
    }
    writer.expect(id)
    writer.documents.set(id, this.#documentOf({ ...prepared, id }))
    writer.link({ ...file, documentId: id, sha256 })
    return { ...prepared, id }
  }

  async #embed(group: readonly Read[]): Promise<void> {
    const { embedder } = this.#parts
    const chunks = await embedDocuments(
      group.map(({ id, extracted, chunks }) => ({ id, title: extracted.title, chunks })),
      embedder,
      this.#run.signal,
      (done) => {
        this.#chunksDone += done
        this.#report(basename(group[0]!.file.path))
      },
    )
    for (const [index, read] of group.entries()) {
      const document = this.#documentOf(read)
      this.writer.put({ document, chunks: chunks[index]!, text: read.extracted.text })
      this.#filesDone += 1
    }
  }

  #documentOf({ id, file, sha256, mediaType, extracted, chunks }: Read): OwnDocument {
    const { pages, date, author } = extracted
    return {
      id,
      collectionId: this.#collectionId,
      path: file.path,
      title: extracted.title,
      mediaType,
      size: file.size,
      modifiedAt: file.modifiedAt,
      sha256,
      chunks: chunks.length,
      kind: this.#options.kindOf?.(file.path, extracted) ?? extracted.kind,
      length: extracted.text.length,
      ...(pages === undefined ? {} : { pages }),
      ...(date === undefined ? {} : { date: Math.round(date) }),
      ...(author === undefined ? {} : { author }),
      model: this.#parts.embedder.modelId,
      reader: readerVersion,
    }
  }

  #newId(path: string): string {
    const { own, store } = this.#parts
    return documentIdOf(store.deviceId, this.#collectionId, path, (id) => this.writer.documents.has(id) || own.isTaken(id)) // prettier-ignore
  }

  #fail(path: string, error: SiloError, file?: FoundFile): void {
    const wire = toWire(error)
    const seen = file ? { size: file.size, modifiedAt: file.modifiedAt, reader: readerVersion } : {}
    this.problems.push({ path, error: wire, at: Date.now(), ...seen })
    this.counts.failed += 1
    this.#run.emit({ type: 'item-failed', item: path, error: wire })
  }

  /** A problem of before that was not looked at again. */
  #keep(problem: ProblemRecord): void {
    this.problems.push(problem)
    this.counts[problem.error.code === 'file_secret' || problem.error.code === 'file_link' ? 'skipped' : 'failed'] += 1 // prettier-ignore
  }

  #report(detail: string, force = false): void {
    const seconds = (Date.now() - this.#started) / 1000
    const body = { stage: 'embedding', done: this.#filesDone, total: this.#total, unit: 'files', detail } as const // prettier-ignore
    this.progress(seconds > 1 ? { ...body, rate: this.#chunksDone / seconds } : body, force)
  }
}

function contentKey({ sha256, mediaType }: { sha256: string; mediaType: string }): string {
  return `${sha256} ${mediaType}`
}

function inodeKey({ inode, size, modifiedAt }: FoundFile | FileRecord): string {
  return `${inode} ${size} ${modifiedAt}`
}
