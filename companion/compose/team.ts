import { hostname } from 'node:os'
import type { DatabaseSync } from 'node:sqlite'
import type { ConversationStore } from '#companion/chat/conversation-store.ts'
import type { VaultPort } from '#companion/chat/ports.ts'
import { DeviceBook } from '#companion/link/device-book.ts'
import type { ChangeFeed } from '#companion/observe/change-feed.ts'
import type { RunRegistry } from '#companion/runs/registry.ts'
import { AuditLog } from '#companion/team/audit.ts'
import { guardedSearch } from '#companion/team/chat-search.ts'
import { Policies, type PoliciesInit } from '#companion/team/policies.ts'
import { followRevocations } from '#companion/team/revocation.ts'
import { Sharing, type AskHome } from '#companion/team/sharing.ts'
import { SiloError } from '#shared/errors/silo-error.ts'

interface Parts {
  readonly companionId: string
  /** PKCS #8 PEM. */
  readonly deviceKey: string
  readonly database: DatabaseSync
  readonly changes: ChangeFeed
  readonly conversations: ConversationStore
  readonly runs: RunRegistry
  /** Collections of the vault. */
  collections(): readonly { id: string; name: string; home?: string }[]
  /** Where there is a way to other companions. */
  readonly askHome?: AskHome
  /** What another home lets this companion do by its role there. */
  readonly given?: PoliciesInit['given']
}

/** Who may do what with the collections, and the log of what was done. */
export interface Team {
  readonly policies: Policies
  readonly audit: AuditLog
  readonly sharing: Sharing
  /** The vault as chats may ask it. */
  guard(vault: VaultPort): VaultPort
  close(): void
}

/** Follows the book and the vault by the change feed: what changes there is signed before anybody hears of it. */
export function composeTeam(parts: Parts): Team {
  const { companionId, deviceKey, database, changes } = parts
  const book = new DeviceBook(database)
  const devices = () => book.list()
  const policies = new Policies({
    database,
    self: companionId,
    keyPem: deviceKey,
    devices,
    collections: () => parts.collections(),
    ...(parts.given ? { given: parts.given } : {}),
  })
  const audit = new AuditLog({
    database,
    nameOf: (device) => book.get(device)?.name,
    onChange: () => changes.publish('settings', 'audit'),
  })
  const unreachable: AskHome = (home) => {
    const name = book.get(home)?.name ?? home.slice(-8)
    return Promise.reject(new SiloError('home_away', { params: { name } }))
  }
  const sharing = new Sharing({
    policies,
    audit,
    self: companionId,
    selfName: hostname(),
    devices,
    askHome: parts.askHome ?? unreachable,
  })
  const ends = [
    changes.subscribe(({ topic }) => {
      if (topic === 'vault' || topic === 'devices') policies.refresh()
    }),
    followRevocations({ ...parts, policies }),
    policies.onChange((id) => changes.publish('vault', id)),
  ]
  return {
    policies,
    audit,
    sharing,
    guard: (vault) => guardedSearch(vault, policies, audit),
    close() {
      for (const end of ends) end()
      audit.close()
    },
  }
}
