import type { Message } from '#shared/domain/conversation.ts'
import type { SearchHit } from '#shared/domain/vault.ts'
import type { Unreachable } from '#shared/protocol/search.ts'
import { conversationQuery, isTask } from '#shared/vault/conversation-query.ts'
import type { VaultPort } from './ports.ts'

/** Passages asked of the vault for one question. */
const passageCount = 6
/** Passages named where none answers. */
const nearestCount = 3

/** What an answer can rest on. */
export interface Grounding {
  readonly hits: readonly SearchHit[]
  /** True where the vault was asked and does not hold it: said instead of an answer. `hits` are the nearest. */
  readonly missing: boolean
  readonly unreachable: readonly Unreachable[]
}

/** Asks the vault what the last message of a branch asks, unless it asks nothing of documents. */
export async function ground(
  branch: readonly Message[],
  collectionIds: readonly string[],
  caller: string,
  vault: VaultPort,
  signal: AbortSignal,
): Promise<Grounding> {
  const users = branch.filter(({ role }) => role === 'user')
  const query =
    collectionIds.length === 0
      ? undefined
      : conversationQuery(users.at(-1)?.text ?? '', users.at(-2)?.text)
  if (query === undefined) return { hits: [], missing: false, unreachable: [] }
  const asked = { query: query.slice(0, 2000), collectionIds, limit: passageCount, caller }
  const { hits, found, unreachable } = await vault.search(asked, signal)
  if (found) return { hits, missing: false, unreachable }
  return isTask(users.at(-1)!.text)
    ? { hits: [], missing: false, unreachable }
    : { hits: hits.slice(0, nearestCount), missing: true, unreachable }
}
