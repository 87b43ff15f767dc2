import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { basename } from 'node:path'
import { SiloError } from '#shared/errors/silo-error.ts'
import { chunkDocument, type Chunk } from './chunk.ts'
import type { Extracted } from './extract/extracted.ts'
import { formatOf } from './extract/formats.ts'
import type { Extractor } from './extractor.ts'
import { pathProblem } from './path-problem.ts'
import type { FoundFile } from './scan.ts'

/** Grows when reading gives more than before: what an older version read is read again, and embedded only where its text is other. */
export const readerVersion = 2

/** A file by its content. */
export interface Summed {
  readonly file: FoundFile
  readonly sha256: string
  readonly mediaType: string
}

export type Prepared =
  /** Its content is known already: that of this document. */
  | (Summed & { readonly kind: 'known'; readonly documentId: string })
  | (Summed & {
      readonly kind: 'read'
      readonly extracted: Extracted
      readonly chunks: readonly Chunk[]
    })
  | { readonly kind: 'failed'; readonly file: FoundFile; readonly error: SiloError }

export interface PrepareParts {
  readonly extractor: Pick<Extractor, 'extract'>
  /** The document that has this content and needs no reading. */
  known(summed: Summed): string | undefined
  /** A page of it that is a picture is being recognised, which takes seconds. */
  onPage?(file: FoundFile, page: number, pages: number): void
}

/** Reads one file as far as is needed. What is wrong with it is part of the answer. @throws the signal's reason */
export async function prepareFile(
  file: FoundFile,
  parts: PrepareParts,
  signal: AbortSignal,
): Promise<Prepared> {
  try {
    const format = formatOf(basename(file.path))
    const mediaType = format?.mediaType ?? 'text/plain'
    const sha256 = await fileSum(file.path, format?.limit ?? 0, signal)
    const summed = { file, sha256, mediaType }
    const documentId = parts.known(summed)
    if (documentId !== undefined) return { ...summed, kind: 'known', documentId }
    const extracted = await parts.extractor.extract(file.path, signal, {
      onPage: (page, pages) => parts.onPage?.(file, page, pages),
    })
    const chunks = chunkDocument(extracted)
    if (chunks.length === 0) throw new SiloError('file_no_text')
    return { ...summed, kind: 'read', extracted, chunks }
  } catch (error) {
    if (signal.aborted) throw signal.reason
    return { kind: 'failed', file, error: pathProblem(file.path, error) }
  }
}

async function fileSum(path: string, limit: number, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256')
  // A file over the limit is refused by the extractor; it is not worth reading to the end.
  for await (const part of createReadStream(path, { signal, end: limit, highWaterMark: 1 << 20 }))
    hash.update(part as Buffer)
  return hash.digest('hex')
}

/** Ids are made of the place where a content was first found, so that a run that was killed writes over its own traces. */
export function documentIdOf(
  deviceId: string,
  collectionId: string,
  path: string,
  isTaken: (id: string) => boolean,
): string {
  for (let number = 0; ; number++) {
    const id = createHash('sha256')
      .update(`${deviceId}\0${collectionId}\0${path}\0${number}`)
      .digest('hex')
      .slice(0, 32)
    if (!isTaken(id)) return id
  }
}
