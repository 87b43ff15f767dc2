import { fuse } from '#shared/vault/fusion.ts'
import { termsOf } from '#shared/vault/terms.ts'
import type { StoredChunk, StoreHit, VaultStore } from '#shared/contracts/vault-store.ts'

export interface FakeVaultStore extends VaultStore {
  /** Puts a document into the dataset of another device, as if it had come by sync. */
  receive(collectionId: string, owner: string, chunks: readonly StoredChunk[]): Promise<void>
}

type Entry = { collectionId: string; owner: string; chunk: StoredChunk }

/** A store in memory: passes the same contract suite as the real one. */
export function createFakeVaultStore(deviceId = 'test-device'): FakeVaultStore {
  let all: Entry[] = []
  const inCollection = (id: string, owner?: string): Entry[] =>
    all.filter((entry) => entry.collectionId === id && (!owner || entry.owner === owner))
  const replace = (
    collectionId: string,
    owner: string,
    documents: ReadonlyMap<string, readonly StoredChunk[]>,
  ): void => {
    const kept = all.filter(
      (entry) =>
        entry.collectionId !== collectionId ||
        entry.owner !== owner ||
        !documents.has(entry.chunk.documentId),
    )
    const added = [...documents.values()].flat().map((chunk) => ({ collectionId, owner, chunk }))
    all = [...kept, ...added]
  }
  return {
    specVersion: 2,
    deviceId,
    async receive(collectionId, owner, chunks) {
      const documents = Map.groupBy(chunks, (chunk) => chunk.documentId)
      replace(collectionId, owner, documents)
    },
    async replaceDocument(collectionId, documentId, chunks, signal) {
      signal.throwIfAborted()
      replace(collectionId, deviceId, new Map([[documentId, chunks]]))
    },
    async replaceDocuments(collectionId, documents, signal) {
      signal.throwIfAborted()
      replace(collectionId, deviceId, documents)
    },
    async putHeads(collectionId, heads, signal) {
      signal.throwIfAborted()
      all = all.map((entry) => {
        const head = heads.get(entry.chunk.documentId)
        const own = entry.collectionId === collectionId && entry.owner === deviceId
        if (!head || !own || entry.chunk.ordinal !== 0) return entry
        return { ...entry, chunk: { ...entry.chunk, document: head } }
      })
    },
    async removeDocuments(collectionId, documentIds, signal) {
      signal.throwIfAborted()
      replace(collectionId, deviceId, new Map(documentIds.map((id) => [id, []])))
    },
    async removeCollection(collectionId, signal, owner) {
      signal.throwIfAborted()
      const gone = new Set(inCollection(collectionId, owner))
      all = all.filter((entry) => !gone.has(entry))
    },
    async optimize(_collectionId, signal) {
      signal.throwIfAborted()
    },
    async countChunks(collectionId, signal, owner) {
      signal.throwIfAborted()
      return inCollection(collectionId, owner).length
    },
    async countByDocument(collectionId, signal) {
      signal.throwIfAborted()
      const counts = new Map<string, number>()
      for (const { chunk } of inCollection(collectionId, deviceId))
        counts.set(chunk.documentId, (counts.get(chunk.documentId) ?? 0) + 1)
      return counts
    },
    async documents(collectionId, owner, signal) {
      signal.throwIfAborted()
      const first = inCollection(collectionId, owner).filter(({ chunk }) => chunk.ordinal === 0)
      return new Map(first.map(({ chunk }) => [chunk.documentId, chunk.document]))
    },
    async sample(collectionIds, count, signal) {
      signal.throwIfAborted()
      const held = collectionIds.flatMap((id) => inCollection(id))
      return held.slice(0, count).map(({ chunk }) => chunk.vector)
    },
    async chunksOf(collectionId, documentIds, signal, owner, range) {
      signal.throwIfAborted()
      return inCollection(collectionId, owner)
        .filter(({ chunk }) => documentIds.includes(chunk.documentId))
        .filter(({ chunk }) => !range || (chunk.ordinal >= range.from && chunk.ordinal <= range.to))
        .map(({ owner, chunk: { context: _context, document: _head, ...chunk } }) => ({
          ...chunk,
          owner,
        })) // prettier-ignore
        .sort((a, b) => a.documentId.localeCompare(b.documentId) || a.ordinal - b.ordinal)
    },
    async datasets(collectionId, signal) {
      signal.throwIfAborted()
      const owners = new Set([deviceId, ...inCollection(collectionId).map(({ owner }) => owner)])
      return [...owners].map((owner) => ({
        owner,
        own: owner === deviceId,
        chunks: inCollection(collectionId, owner).length,
        version: 1,
        index: { kind: 'exact' as const },
      }))
    },
    async search({ collectionIds, text, vector, limit, owners, documentIds, textWeight }, signal) {
      signal.throwIfAborted()
      const searched = collectionIds
        .flatMap((id) => inCollection(id))
        .filter(({ owner }) => owners?.includes(owner) ?? true)
        .filter(({ chunk }) => documentIds?.includes(chunk.documentId) ?? true)
      const dense = ranked(searched, ({ chunk }) => dot(chunk.vector, vector), -Infinity)
      const wanted = termsOf(text, 'query')
      const byWords = ranked(
        searched,
        ({ chunk }) => {
          const known = new Set(
            termsOf([chunk.context ?? '', ...chunk.headings, chunk.text].join(' '), 'document'),
          )
          return wanted.filter((term) => known.has(term)).length
        },
        0,
      )
      const lists = [dense, textWeight === 0 ? [] : byWords]
      return fuse(lists, ({ entry }) => entry, [1, textWeight ?? 1])
        .slice(0, limit)
        .map(({ item: { entry }, score, ranks: [denseRank, textRank] }): StoreHit => {
          const { vector: _vector, context: _context, document: _head, ...chunk } = entry.chunk
          return {
            collectionId: entry.collectionId,
            owner: entry.owner,
            chunk,
            score,
            ...(denseRank ? { denseRank, similarity: dense[denseRank - 1]!.score } : {}),
            ...(textRank ? { textRank, textScore: byWords[textRank - 1]!.score } : {}),
          }
        })
    },
    async [Symbol.asyncDispose]() {
      all = []
    },
  }
}

function ranked(
  entries: readonly Entry[],
  scoreOf: (entry: Entry) => number,
  above: number,
): { entry: Entry; score: number }[] {
  return entries
    .map((entry) => ({ entry, score: scoreOf(entry) }))
    .filter(({ score }) => score > above)
    .sort((a, b) => b.score - a.score)
    .slice(0, 50)
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let at = 0; at < a.length; at++) sum += a[at]! * b[at]!
  return sum
}
