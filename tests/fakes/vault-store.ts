import { termsOf } from '#companion/vault/terms.ts'
import type { StoredChunk, StoreHit, VaultStore } from '#shared/contracts/vault-store.ts'

/** A store in memory: passes the same contract suite as the real one. */
export function createFakeVaultStore(): VaultStore {
  const collections = new Map<string, Map<string, StoredChunk>>()
  const chunksOf = (id: string): StoredChunk[] => [...(collections.get(id)?.values() ?? [])]
  return {
    specVersion: 1,
    async replaceDocument(collectionId, documentId, chunks, signal) {
      signal.throwIfAborted()
      const next = new Map(
        chunksOf(collectionId)
          .filter((chunk) => chunk.documentId !== documentId)
          .map((chunk) => [chunk.id, chunk]),
      )
      for (const chunk of chunks) next.set(chunk.id, chunk)
      collections.set(collectionId, next)
    },
    async removeDocuments(collectionId, documentIds, signal) {
      signal.throwIfAborted()
      for (const chunk of chunksOf(collectionId))
        if (documentIds.includes(chunk.documentId)) collections.get(collectionId)?.delete(chunk.id)
    },
    async removeCollection(collectionId, signal) {
      signal.throwIfAborted()
      collections.delete(collectionId)
    },
    async optimize(_collectionId, signal) {
      signal.throwIfAborted()
    },
    async countChunks(collectionId, signal) {
      signal.throwIfAborted()
      return chunksOf(collectionId).length
    },
    async countByDocument(collectionId, signal) {
      signal.throwIfAborted()
      const counts = new Map<string, number>()
      for (const { documentId } of chunksOf(collectionId))
        counts.set(documentId, (counts.get(documentId) ?? 0) + 1)
      return counts
    },
    async search({ collectionIds, text, vector, limit }, signal) {
      signal.throwIfAborted()
      const all = collectionIds.flatMap((id) => chunksOf(id).map((chunk) => ({ id, chunk })))
      const dense = ranked(all, ({ chunk }) => dot(chunk.vector, vector), -Infinity)
      const wanted = termsOf(text, 'query')
      const textual = ranked(
        all,
        ({ chunk }) => {
          const searched = [chunk.context ?? '', ...chunk.headings, chunk.text].join(' ')
          const known = new Set(termsOf(searched, 'document'))
          return wanted.filter((term) => known.has(term)).length
        },
        0,
      )
      const hits: StoreHit[] = all.map((entry) => {
        const denseRank = rankIn(dense, entry)
        const textRank = rankIn(textual, entry)
        const { vector: _vector, context: _context, ...chunk } = entry.chunk
        return {
          collectionId: entry.id,
          chunk,
          score: (denseRank ? 1 / (60 + denseRank) : 0) + (textRank ? 1 / (60 + textRank) : 0),
          ...(denseRank ? { denseRank } : {}),
          ...(textRank ? { textRank } : {}),
        }
      })
      return hits
        .filter((hit) => hit.score > 0)
        .sort((a, b) => b.score - a.score)
        .slice(0, limit)
    },
    async [Symbol.asyncDispose]() {
      collections.clear()
    },
  }
}

function ranked<T>(all: readonly T[], score: (entry: T) => number, above: number): T[] {
  return all
    .map((entry) => ({ entry, score: score(entry) }))
    .filter((scored) => scored.score > above)
    .sort((a, b) => b.score - a.score)
    .slice(0, 50)
    .map((scored) => scored.entry)
}

function rankIn<T>(list: readonly T[], entry: T): number | undefined {
  const index = list.indexOf(entry)
  return index < 0 ? undefined : index + 1
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let at = 0; at < a.length; at++) sum += a[at]! * b[at]!
  return sum
}
