import { readFile, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { formatBytes } from '#shared/domain/byte-size.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { extractCsv } from './extract/csv.ts'
import { extractDocx } from './extract/docx.ts'
import { decodeText } from './extract/encoding.ts'
import { extractEpub } from './extract/epub.ts'
import type { Extracted } from './extract/extracted.ts'
import { formatOf, type Format } from './extract/formats.ts'
import { extractImage } from './extract/image.ts'
import { extractHtml } from './extract/html.ts'
import { extractMail, extractMbox, type ReadInner } from './extract/mail.ts'
import { extractMarkdown } from './extract/markdown.ts'
import { extractPdf } from './extract/pdf.ts'
import { extractPlain } from './extract/plain.ts'
import { extractPptx } from './extract/pptx.ts'
import type { Recognize } from './extract/recognize.ts'
import { extractSource } from './extract/syntax.ts'
import { extractXlsx } from './extract/xlsx.ts'
import { pathError } from './path-error.ts'

/** Mails in mails in mails: deeper ones are only named. */
const maxInner = 3

/**
 * Reads one file. Its size is looked at before its content. Pictures of text are read where there is one who
 * recognises them.
 * @throws SiloError file_unsupported, file_too_large, file_damaged, file_encrypted, file_no_text,
 *   file_changed, path_not_found, path_denied, ocr_failed
 */
export async function extractFile(path: string, recognize?: Recognize): Promise<Extracted> {
  const name = basename(path)
  const format = formatOf(name)
  if (!format) throw new SiloError('file_unsupported')
  const refuse = (cause: unknown): never => {
    throw pathError(path, cause)
  }
  const before = await stat(path).catch(refuse)
  checkSize(before.size, format)
  const bytes = await readFile(path).catch(refuse)
  const after = await stat(path).catch(refuse)
  if (after.size !== before.size || after.mtimeMs !== before.mtimeMs)
    throw new SiloError('file_changed')
  const extracted = await extractBytes(format.kind, new Uint8Array(bytes), name, recognize)
  if (!extracted.segments.some((segment) => segment.end > segment.start))
    throw new SiloError('file_no_text')
  return extracted
}

/** Reads the content of one file. `depth`: how many others it lies in. @throws as `extractFile` */
export async function extractBytes(
  kind: Format['kind'],
  bytes: Uint8Array,
  name: string,
  recognize?: Recognize,
  depth = 0,
): Promise<Extracted> {
  switch (kind) {
    case 'pdf':
      return extractPdf(bytes, name, recognize)
    case 'docx':
      return extractDocx(bytes, name)
    case 'xlsx':
      return extractXlsx(bytes, name)
    case 'pptx':
      return extractPptx(bytes, name)
    case 'epub':
      return extractEpub(bytes, name)
    case 'mail':
      return extractMail(bytes, name, readInner(recognize, depth))
    case 'mbox':
      return extractMbox(bytes, name, readInner(recognize, depth))
    case 'markdown':
      return extractMarkdown(decodeText(bytes), name)
    case 'html':
      return extractHtml(decodeText(bytes), name)
    case 'csv':
      return extractCsv(decodeText(bytes), name)
    case 'code':
      return extractSource(decodeText(bytes), name)
    case 'plain':
      return extractPlain(decodeText(bytes), name)
    case 'image':
      return extractImage(bytes, name, recognize)
  }
}

/** Pictures of fewer bytes are logos. */
const smallPicture = 10_000

/** What is attached to a mail. One that cannot be read does not spoil the mail. */
function readInner(recognize: Recognize | undefined, depth: number): ReadInner {
  return async (name, bytes) => {
    const format = formatOf(name)
    if (!format || depth >= maxInner || bytes.length > format.limit) return undefined
    if (format.kind === 'image' && bytes.length < smallPicture) return undefined
    try {
      return await extractBytes(format.kind, bytes, basename(name), recognize, depth + 1)
    } catch (error) {
      // A recogniser that fails may do better next time; the mail is then read again.
      if (error instanceof SiloError && error.code !== 'ocr_failed') return undefined
      throw error
    }
  }
}

function checkSize(size: number, { limit }: Format): void {
  if (size > limit)
    throw new SiloError('file_too_large', {
      params: { size: formatBytes(size), limit: formatBytes(limit) },
    })
}
