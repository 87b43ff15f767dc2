import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { extname, join } from 'node:path'
import type { FileEntry, ToolContext } from '#shared/contracts/tool.ts'
import type { DocumentKind } from '#shared/domain/vault.ts'
import { SiloError } from '#shared/errors/silo-error.ts'

/** What a reader of documents finds in one. Offsets are UTF-16 code units into `text`. */
export interface DocumentContent {
  readonly kind: DocumentKind
  readonly title: string
  readonly text: string
  readonly segments: readonly { readonly start: number; readonly end: number; readonly kind: 'heading' | 'text' | 'code' | 'row'; readonly headings: readonly string[]; readonly page: number }[]
  readonly pages?: number
  readonly date?: number
  readonly author?: string
} // prettier-ignore

export interface DocumentToolDeps {
  /** @throws SiloError where the document cannot be read */
  readonly extract: (path: string, signal: AbortSignal) => Promise<DocumentContent>
  /** Folder for copies on their way to the reader; made when needed. */
  readonly folder: string
}

/** The name a copy has; a title that is only this was made up from the file's name. */
export const copyName = 'document'

/** What a tool needs to read documents. */
type Reading = Pick<ToolContext, 'files' | 'signal'>

/**
 * Reads a document that the task may read.
 * @throws SiloError file_no_text for an empty file, those of the reader and of the file access
 */
export async function readDocument(
  named: string,
  { extract, folder }: DocumentToolDeps,
  context: Reading,
): Promise<{ readonly entry: FileEntry; readonly content: DocumentContent }> {
  const entry = await context.files.stat(named, context.signal)
  return { entry, content: await readCopy(entry, folder, context, extract) }
}

/**
 * Reads a file by its name: the reader opens it itself, so it gets a copy of what was checked, in a place of its own.
 * @throws SiloError file_no_text for an empty file, those of the reader and of the file access
 */
export async function readCopy<T>(
  { path, size }: FileEntry,
  folder: string,
  { files, signal }: Reading,
  read: (copy: string, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  if (size === 0) throw new SiloError('file_no_text')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const place = await mkdtemp(join(folder, 'read-'))
  try {
    const copy = join(place, `${copyName}${extname(path).toLowerCase()}`)
    await files.copyTo(path, copy, signal)
    return await read(copy, signal)
  } finally {
    await rm(place, { recursive: true, force: true })
  }
}

interface Known {
  readonly path: string
  readonly size: number
  readonly modifiedAt: number
}

/**
 * Reads files one after the other, with progress. One that cannot be read has the code of the error as its `problem`.
 * @throws SiloError where a path may not be looked at; the signal's reason
 */
export async function readEach<T extends object>(
  paths: readonly string[],
  context: ToolContext,
  read: (entry: FileEntry) => Promise<T>,
): Promise<(Known & (T | { readonly problem: string }))[]> {
  const { files, signal } = context
  const all: (Known & (T | { readonly problem: string }))[] = []
  for (const [index, named] of paths.entries()) {
    context.progress(index, paths.length, named.split(/[/\\]/).at(-1))
    const entry = await files.stat(named, signal)
    const { path, size, modifiedAt } = entry
    const known = { path, size, modifiedAt }
    try {
      all.push({ ...known, ...(await read(entry)) })
    } catch (cause) {
      signal.throwIfAborted()
      if (!(cause instanceof SiloError)) throw cause
      all.push({ ...known, problem: cause.code })
    }
  }
  return all
}
