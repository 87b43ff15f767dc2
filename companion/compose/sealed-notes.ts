import { readFile, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { notePurpose } from '#companion/seal/home-conversion.ts'
import type { Seal } from '#companion/seal/seal.ts'
import { isSealed } from '#companion/seal/sealed-bytes.ts'
import { decodeText } from '#companion/vault/extract/encoding.ts'
import { extractMarkdown } from '#companion/vault/extract/markdown.ts'
import type { Extractor } from '#companion/vault/extractor.ts'
import { isWithin } from '#companion/vault/scan.ts'
import { maxNoteBytes } from '#shared/protocol/notes.ts'

/**
 * The reader, and before it the notes that are encrypted on the disk: those are opened here, because the process that
 * reads documents has no key.
 */
export function sealedNotesReader(
  reader: Extractor,
  root: string,
  seal: Seal,
): Pick<Extractor, 'extract'> & AsyncDisposable {
  return {
    async extract(path, signal, options) {
      if (!seal.on || !isWithin(path, root)) return reader.extract(path, signal, options)
      signal.throwIfAborted()
      const { size } = await stat(path)
      // A note that is larger than notes are is nothing that was sealed here.
      const bytes = size > maxNoteBytes + 4096 ? undefined : await readFile(path)
      if (!bytes || !isSealed(bytes)) return reader.extract(path, signal, options)
      const text = decodeText(new Uint8Array(seal.open(bytes, notePurpose)))
      return extractMarkdown(text, basename(path))
    },
    [Symbol.asyncDispose]: () => reader[Symbol.asyncDispose](),
  }
}
