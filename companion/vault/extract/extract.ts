import { readFile, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { SiloError } from '#shared/errors/silo-error.ts'
import { extractCsv } from './csv.ts'
import { extractDocx } from './docx.ts'
import { decodeText } from './encoding.ts'
import type { Extracted } from './extracted.ts'
import { formatOf, type Format } from './formats.ts'
import { extractHtml } from './html.ts'
import { extractMarkdown } from './markdown.ts'
import { extractPdf } from './pdf.ts'
import { extractCode, extractPlain } from './plain.ts'
import { extractXlsx } from './xlsx.ts'

/**
 * Reads one file. Its size is looked at before its content.
 * @throws SiloError file_unsupported, file_too_large, file_damaged, file_encrypted, file_no_text,
 *   file_changed, path_not_found, path_denied
 */
export async function extractFile(path: string): Promise<Extracted> {
  const name = basename(path)
  const format = formatOf(name)
  if (!format) throw new SiloError('file_unsupported')
  try {
    const before = await stat(path)
    if (before.size > format.limit)
      throw new SiloError('file_too_large', {
        params: { size: megabytes(before.size), limit: megabytes(format.limit) },
      })
    const bytes = new Uint8Array(await readFile(path))
    const after = await stat(path)
    if (after.size !== before.size || after.mtimeMs !== before.mtimeMs)
      throw new SiloError('file_changed')
    const extracted = await extractBytes(format.kind, bytes, name)
    if (extracted.segments.length === 0) throw new SiloError('file_no_text')
    return extracted
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'EACCES' || code === 'EPERM')
      throw new SiloError('path_denied', { params: { path }, cause: error })
    if (code === 'ENOENT') throw new SiloError('path_not_found', { params: { path }, cause: error })
    throw error
  }
}

async function extractBytes(
  kind: Format['kind'],
  bytes: Uint8Array,
  name: string,
): Promise<Extracted> {
  switch (kind) {
    case 'pdf':
      return extractPdf(bytes, name)
    case 'docx':
      return extractDocx(bytes, name)
    case 'xlsx':
      return extractXlsx(bytes, name)
    case 'markdown':
      return extractMarkdown(decodeText(bytes), name)
    case 'html':
      return extractHtml(decodeText(bytes), name)
    case 'csv':
      return extractCsv(decodeText(bytes), name)
    case 'code':
      return extractCode(decodeText(bytes), name)
    case 'plain':
      return extractPlain(decodeText(bytes), name)
  }
}

function megabytes(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${(bytes / 1e6).toFixed(1)} MB`
}
