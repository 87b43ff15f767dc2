/** A passage and where it stands in its document. */
export interface TextPiece {
  readonly text: string
  /** UTF-16 offsets into the document's extracted text. */
  readonly start: number
  readonly end: number
}

/** No extracted text is longer than this; an offset beyond it is damage or malice. */
const maxLength = 64 * 1024 * 1024

/**
 * The extracted text of a document, as far as its chunks hold it: every chunk at its offsets, line breaks where
 * nothing is known. `length` is that of the whole text where it is known.
 */
export function textOfChunks(pieces: readonly TextPiece[], length = 0): string {
  const parts: string[] = []
  let at = 0
  const gap = (to: number): void => {
    if (to > at) parts.push(to - at > 1 ? `${' '.repeat(to - at - 1)}\n` : ' ')
    at = Math.max(at, to)
  }
  for (const { text, start } of pieces.toSorted((a, b) => a.start - b.start)) {
    if (!Number.isInteger(start) || start < 0 || start + text.length > maxLength) continue
    gap(start)
    // Overlapping chunks: what stands there already is not written twice.
    const fresh = text.slice(at - start)
    parts.push(fresh)
    at += fresh.length
  }
  gap(Math.min(length, maxLength))
  return parts.join('')
}
