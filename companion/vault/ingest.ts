import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { basename } from 'node:path'
import type { RunContext, RunResult } from '#companion/runs/run.ts'
import type { StoredChunk } from '#shared/contracts/vault-store.ts'
import type { Problem } from '#shared/domain/vault.ts'
import { SiloError, toWire } from '#shared/errors/silo-error.ts'
import { chunkDocument, indexText, type Chunk } from './chunk.ts'
import type { Embedder } from './embedder.ts'
import type { Extracted } from './extract/extracted.ts'
import { formatOf } from './extract/formats.ts'
import type { Extractor } from './extractor.ts'
import type { LanceStore } from './lance-store.ts'
import { scanRoot, type FoundFile } from './scan.ts'
import type { TextFiles } from './text-files.ts'
import type { VaultRecords } from './vault-records.ts'

export interface IngestParts {
  readonly records: VaultRecords
  readonly store: Pick<
    LanceStore,
    'replaceDocuments' | 'removeDocuments' | 'optimize' | 'countByDocument'
  >
  readonly texts: TextFiles
  readonly extractor: Extractor
  readonly embedder: Embedder
}

/** Chunks embedded per call: small enough to cancel between, large enough that the engine is never idle. */
const batchChunks = 16
const progressMs = 200

interface Prepared {
  readonly file: FoundFile
  readonly documentId: string
  readonly sha256: string
  readonly extracted: Extracted
  readonly chunks: readonly Chunk[]
}

/**
 * Reads the roots of a collection and brings its index up to date: only what changed is read, and what is
 * gone from the disk is dropped. Every document is complete or absent at any moment, so a cancel or a kill
 * loses nothing and the next run goes on.
 * @throws SiloError path_not_found, path_denied (a root), disk_full, engine errors, the signal's reason
 */
export async function ingest(
  collectionId: string,
  roots: readonly string[],
  parts: IngestParts,
  run: RunContext,
): Promise<RunResult> {
  const { records, store, texts, embedder } = parts
  const counts = { added: 0, changed: 0, removed: 0, unchanged: 0, failed: 0 }
  const problems: Problem[] = []
  const fail = (path: string, error: SiloError) => {
    const wire = toWire(error)
    problems.push({ path, error: wire, at: Date.now() })
    counts.failed += 1
    run.emit({ type: 'item-failed', item: path, error: wire })
  }

  const progress = throttled(run)
  progress({ stage: 'scanning', done: 0, unit: 'files' }, true)
  const files = new Map<string, FoundFile>()
  let readableRoots = 0
  for (const root of roots) {
    try {
      const found = await scanRoot(root, run.signal, (count) =>
        progress({ stage: 'scanning', done: files.size + count, unit: 'files', detail: root }),
      )
      readableRoots += 1
      for (const file of found.files) files.set(file.path, file)
      for (const { path, error } of found.problems) fail(path, error)
    } catch (error) {
      if (!(error instanceof SiloError) || run.signal.aborted) throw error
      if (roots.length === 1) throw error
      fail(root, error)
    }
  }

  const known = records.documentsByPath(collectionId)
  // What the records call done must really be in the index, e.g. after its folder was lost.
  const indexed = await store.countByDocument(collectionId, run.signal)
  const isCurrent = (record: { id: string; chunks: number; model: string } | undefined): boolean =>
    record !== undefined &&
    record.model === embedder.modelId &&
    indexed.get(record.id) === record.chunks
  const todo = [...files.values()].filter((file) => {
    const record = known.get(file.path)
    const same =
      record !== undefined &&
      record.size === file.size &&
      record.modifiedAt === file.modifiedAt &&
      isCurrent(record)
    if (same) counts.unchanged += 1
    return !same
  })
  // A root that could not be read says nothing about what is gone.
  if (readableRoots === roots.length) {
    const gone = [...known.values()].filter((record) => !files.has(record.path))
    await forget(collectionId, gone, parts, run)
    counts.removed = gone.length
  }

  const started = Date.now()
  let chunksDone = 0
  let filesDone = 0
  const report = (detail: string, force = false) => {
    const seconds = (Date.now() - started) / 1000
    const body = { stage: 'embedding', done: filesDone, total: todo.length, unit: 'files', detail } as const // prettier-ignore
    progress(seconds > 1 ? { ...body, rate: chunksDone / seconds } : body, force)
  }
  const prepare = (
    file: FoundFile | undefined,
  ): Promise<Prepared | 'same' | undefined> | undefined =>
    file &&
    prepareFile(
      collectionId,
      file,
      known.get(file.path)?.sha256,
      isCurrent(known.get(file.path)),
      parts,
      run.signal,
    ).catch((error: unknown) => {
      // prettier-ignore
      if (run.signal.aborted) throw error
      const reason = error instanceof SiloError ? error : new SiloError('file_damaged', { cause: error }) // prettier-ignore
      fail(file.path, reason)
      return undefined
    })

  const commit = async (prepared: Prepared, stored: readonly StoredChunk[]): Promise<void> => {
    const { file, documentId, sha256, extracted } = prepared
    await store.replaceDocuments(collectionId, new Map([[documentId, stored]]), run.signal)
    await texts.write(documentId, extracted.text)
    records.putDocument(
      {
        id: documentId,
        collectionId,
        path: file.path,
        title: extracted.title,
        mediaType: formatOf(basename(file.path))?.mediaType ?? 'text/plain',
        size: file.size,
        modifiedAt: file.modifiedAt,
        sha256,
        chunks: stored.length,
        ...(extracted.pages === undefined ? {} : { pages: extracted.pages }),
      },
      embedder.modelId,
    )
    if (known.has(file.path)) counts.changed += 1
    else counts.added += 1
    filesDone += 1
  }

  let next = prepare(todo[0])
  next?.catch(() => {})
  let writing: Promise<void> = Promise.resolve()
  try {
    for (const [index, file] of todo.entries()) {
      run.signal.throwIfAborted()
      report(basename(file.path), index === 0)
      const prepared = await next
      // The engine is never idle: the next file is read and the last one written while this one is embedded.
      next = prepare(todo[index + 1])
      next?.catch(() => {})
      if (prepared === 'same') {
        records.touchDocument(documentIdOf(collectionId, file.path), file.size, file.modifiedAt)
        counts.unchanged += 1
        filesDone += 1
      } else if (prepared) {
        const stored = await embed(prepared, embedder, run.signal, (done) => {
          chunksDone += done
          report(basename(file.path))
        })
        await writing
        writing = commit(prepared, stored)
        writing.catch(() => {})
      } else {
        // It can no longer be read: an answer must not rest on what it used to say.
        const record = known.get(file.path)
        await writing
        if (record) await forget(collectionId, [record], parts, run)
        filesDone += 1
      }
    }
  } finally {
    // A document that is being written is finished even when the run is cancelled.
    await writing
  }
  report('', true)
  if (counts.added + counts.changed + counts.removed > 0) {
    progress({ stage: 'indexing', done: 0, total: 1, unit: 'steps' }, true)
    await store.optimize(collectionId, run.signal)
  }
  records.replaceProblems(collectionId, problems)
  records.setIngested(collectionId, Date.now())
  return { counts }
}

/** Stable, so that a run that was killed half-way writes over its own traces. */
export function documentIdOf(collectionId: string, path: string): string {
  return createHash('sha256').update(`${collectionId}\0${path}`).digest('hex').slice(0, 32)
}

async function prepareFile(
  collectionId: string,
  file: FoundFile,
  knownSum: string | undefined,
  current: boolean,
  parts: IngestParts,
  signal: AbortSignal,
): Promise<Prepared | 'same'> {
  const sha256 = await fileSum(file.path, signal)
  if (sha256 === knownSum && current) return 'same'
  const extracted = await parts.extractor.extract(file.path, signal)
  const documentId = documentIdOf(collectionId, file.path)
  return { file, documentId, sha256, extracted, chunks: chunkDocument(extracted) }
}

async function fileSum(path: string, signal: AbortSignal): Promise<string> {
  const limit = formatOf(basename(path))?.limit ?? 0
  const hash = createHash('sha256')
  // A file over the limit is refused by the extractor; it is not worth reading to the end.
  for await (const part of createReadStream(path, { signal, end: limit, highWaterMark: 1 << 20 }))
    hash.update(part as Buffer)
  return hash.digest('hex')
}

async function embed(
  { documentId, extracted, chunks }: Prepared,
  embedder: Embedder,
  signal: AbortSignal,
  onBatch: (chunks: number) => void,
): Promise<StoredChunk[]> {
  const stored: StoredChunk[] = []
  for (let at = 0; at < chunks.length; at += batchChunks) {
    const batch = chunks.slice(at, at + batchChunks)
    const vectors = await embedFitting(
      batch.map((chunk) => indexText(extracted.title, chunk)),
      embedder,
      signal,
    )
    for (const [index, chunk] of batch.entries())
      stored.push({
        ...chunk,
        id: `${documentId}-${at + index}`,
        documentId,
        context: extracted.title,
        ordinal: at + index,
        vector: vectors[index]!,
      })
    onBatch(batch.length)
  }
  return stored
}

/** A text that is longer for the tokenizer than it was guessed is embedded by its beginning; all of it stays searchable. */
async function embedFitting(
  texts: readonly string[],
  embedder: Embedder,
  signal: AbortSignal,
): Promise<Float32Array[]> {
  try {
    return await embedder.embed(texts, 'passage', signal)
  } catch (error) {
    if (!(error instanceof SiloError) || error.code !== 'context_overflow') throw error
    if (texts.length > 1) {
      const vectors: Float32Array[] = []
      for (const text of texts) vectors.push(...(await embedFitting([text], embedder, signal)))
      return vectors
    }
    const text = texts[0] ?? ''
    if (text.length < 64) throw error
    return embedFitting([text.slice(0, Math.floor(text.length * 0.7))], embedder, signal)
  }
}

async function forget(
  collectionId: string,
  documents: readonly { id: string }[],
  { records, store, texts }: IngestParts,
  run: RunContext,
): Promise<void> {
  if (documents.length === 0) return
  const ids = documents.map((document) => document.id)
  await store.removeDocuments(collectionId, ids, run.signal)
  records.removeDocuments(ids)
  for (const id of ids) await texts.remove(id)
}

type ProgressBody = Omit<Extract<Parameters<RunContext['emit']>[0], { type: 'progress' }>, 'type'>

function throttled(run: RunContext) {
  let last = 0
  return (body: ProgressBody, force = false): void => {
    if (!force && Date.now() - last < progressMs) return
    last = Date.now()
    run.emit({ type: 'progress', ...body })
  }
}
