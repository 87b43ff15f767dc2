import type { OwnedChunk, VaultStore } from '#shared/contracts/vault-store.ts'
import type { SearchHit } from '#shared/domain/vault.ts'
import { guessTokens } from '#shared/generation/token-guess.ts'

/** Passages to each side that are looked at: a section longer than this is not read to its end. */
const reach = 3

/**
 * Gives passages the section they stand in, best first, while it fits: a rule reads differently with its exception two
 * lines below. Neighbours that are hits themselves are left to those. Offsets stay those of the passage.
 * @param tokens for all passages together
 */
export async function withSections(
  hits: readonly SearchHit[],
  tokens: number,
  store: Pick<VaultStore, 'chunksOf'>,
  signal: AbortSignal,
): Promise<SearchHit[]> {
  let room = tokens - hits.reduce((sum, { text }) => sum + guessTokens(text), 0)
  const taken = new Set(hits.map(({ chunkId }) => chunkId))
  const widened: SearchHit[] = []
  for (const hit of hits) {
    signal.throwIfAborted()
    const { ordinal } = hit
    const around =
      room > 0 && ordinal !== undefined && hit.owner !== undefined
        ? await store.chunksOf(hit.collectionId, [hit.documentId], signal, hit.owner, { from: ordinal - reach, to: ordinal + reach }) // prettier-ignore
        : []
    const section = around.length > 1 ? sectionOf(hit, around, taken, room) : undefined
    if (section) {
      room -= section.tokens
      for (const { id } of section.chunks) taken.add(id)
      widened.push({ ...hit, section: section.chunks.map(({ text }) => text).join('\n') })
    } else widened.push(hit)
  }
  return widened
}

function sectionOf(
  hit: SearchHit,
  around: readonly OwnedChunk[],
  taken: ReadonlySet<string>,
  room: number,
): { chunks: OwnedChunk[]; tokens: number } | undefined {
  const own = around.findIndex(({ id }) => id === hit.chunkId)
  if (own < 0) return undefined
  const chunks = [around[own]!]
  let tokens = 0
  const take = (chunk: OwnedChunk | undefined, next: number): boolean => {
    if (!chunk || taken.has(chunk.id) || chunk.ordinal !== next) return false
    if (!sameSection(chunk, hit)) return false
    const more = guessTokens(chunk.text)
    if (tokens + more > room) return false
    tokens += more
    return true
  }
  // What follows explains more often than what went before.
  while (take(around[own + 1 + trailing(chunks, hit)], chunks.at(-1)!.ordinal + 1))
    chunks.push(around[own + 1 + trailing(chunks, hit)]!)
  let before = own - 1
  while (take(around[before], chunks[0]!.ordinal - 1)) chunks.unshift(around[before--]!)
  return chunks.length > 1 ? { chunks, tokens } : undefined
}

function trailing(chunks: readonly OwnedChunk[], hit: SearchHit): number {
  return chunks.length - 1 - chunks.findIndex(({ id }) => id === hit.chunkId)
}

/** Under the same headings; without any, on the same page. */
function sameSection(chunk: OwnedChunk, hit: SearchHit): boolean {
  if (chunk.headings.length === 0 && hit.headings.length === 0) return chunk.page === (hit.page ?? 0) // prettier-ignore
  return chunk.headings.join('\n') === hit.headings.join('\n')
}
