import type { VaultPort } from '#companion/chat/ports.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import type { AuditLog } from './audit.ts'
import type { Policies } from './policies.ts'

/**
 * The vault as chats ask it: each question is checked against what its asker may read now, and noted. The person here
 * who asks what is theirs leaves no line.
 */
export function guardedSearch(
  vault: VaultPort,
  policies: Policies,
  audit: Pick<AuditLog, 'record'>,
): VaultPort {
  return {
    ...(vault.widen ? { widen: vault.widen.bind(vault) } : {}),
    async search(request, signal) {
      const { caller, collectionIds } = request
      const line = { device: caller, action: 'search', collectionIds, detail: request.query } as const // prettier-ignore
      // Collections that are gone meanwhile are nobody's: owners ask what is left.
      const readable = collectionIds.filter((id) => policies.accessOf(id, caller))
      if (readable.length < collectionIds.length && caller !== 'self') {
        audit.record({ ...line, allowed: false })
        throw new SiloError('collection_unknown')
      }
      if (readable.length === 0) return { hits: [], understood: [], found: false, unreachable: [] }
      const answer = await vault.search({ ...request, collectionIds: readable }, signal)
      const still = answer.hits.filter(({ collectionId }) =>
        policies.accessOf(collectionId, caller),
      )
      if (caller !== 'self' || !readable.every((id) => policies.isOwn(id)))
        audit.record({ ...line, collectionIds: readable, allowed: true, count: still.length })
      return { ...answer, hits: still }
    },
  }
}
