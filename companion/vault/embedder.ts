import type { LoadedModel } from '#shared/contracts/engine.ts'

/** Texts to unit-length vectors, the way the retrieval model was trained. */
export interface Embedder {
  /** Part of every dataset's identity: vectors of two models are never compared. */
  readonly modelId: string
  readonly dimensions: number
  embed(
    texts: readonly string[],
    kind: 'query' | 'passage',
    signal: AbortSignal,
  ): Promise<Float32Array[]>
}

export interface EmbedLease {
  readonly loaded: Pick<LoadedModel, 'embed'>
  release(): void
}

/** multilingual-e5: prefixes for query and passage; its tokenizer file carries no NFKC, so that is done here. */
export function createE5Embedder(
  modelId: string,
  dimensions: number,
  acquire: (signal: AbortSignal) => Promise<EmbedLease>,
): Embedder {
  return {
    modelId,
    dimensions,
    async embed(texts, kind, signal) {
      const lease = await acquire(signal)
      try {
        return await lease.loaded.embed(
          texts.map((text) => e5Text(text, kind)),
          signal,
        )
      } finally {
        lease.release()
      }
    },
  }
}

/** The exact text the model gets. */
export function e5Text(text: string, kind: 'query' | 'passage'): string {
  return `${kind}: ${text.normalize('NFKC')}`
}
