import type { StoredChunk } from '#shared/contracts/vault-store.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { indexText, type Chunk } from './chunk.ts'
import type { Embedder } from './embedder.ts'

/** Chunks embedded per call: small enough to cancel between, large enough that the engine is never idle. */
export const batchChunks = 16

export interface Embeddable {
  readonly id: string
  readonly title: string
  readonly chunks: readonly Chunk[]
}

/** The chunks of several documents with their vectors, in the order of the documents. */
export async function embedDocuments(
  documents: readonly Embeddable[],
  embedder: Embedder,
  signal: AbortSignal,
  onBatch: (chunks: number) => void,
): Promise<StoredChunk[][]> {
  const all = documents.flatMap(({ id, title, chunks }) =>
    chunks.map((chunk, ordinal) => ({ id, title, chunk, ordinal })),
  )
  const vectors: Float32Array[] = []
  for (let at = 0; at < all.length; at += batchChunks) {
    const batch = all.slice(at, at + batchChunks)
    const texts = batch.map(({ title, chunk }) => indexText(title, chunk))
    vectors.push(...(await embedFitting(texts, embedder, signal)))
    onBatch(batch.length)
  }
  let next = 0
  return documents.map(({ id, title, chunks }) =>
    chunks.map((chunk, ordinal) => ({
      ...chunk,
      id: `${id}-${ordinal}`,
      documentId: id,
      context: title,
      ordinal,
      vector: vectors[next++]!,
    })),
  )
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
