import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { extname, join } from 'node:path'
import type { FileAccess, FileEntry } from '#shared/contracts/tool.ts'
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

/**
 * Reads a document that the task may read. The reader opens by name, so it gets a copy of what was checked.
 * @throws SiloError file_no_text for an empty file, those of the reader and of the file access
 */
export async function readDocument(
  named: string,
  { extract, folder }: DocumentToolDeps,
  { files, signal }: { readonly files: FileAccess; readonly signal: AbortSignal },
): Promise<{ readonly entry: FileEntry; readonly content: DocumentContent }> {
  const entry = await files.stat(named, signal)
  if (entry.size === 0) throw new SiloError('file_no_text')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const place = await mkdtemp(join(folder, 'read-'))
  try {
    const copy = join(place, `${copyName}${extname(entry.path).toLowerCase()}`)
    await files.copyTo(entry.path, copy, signal)
    return { entry, content: await extract(copy, signal) }
  } finally {
    await rm(place, { recursive: true, force: true })
  }
}
