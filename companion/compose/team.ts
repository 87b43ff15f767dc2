import { hostname } from 'node:os'
import type { DatabaseSync } from 'node:sqlite'
import type { ChangeFeed } from '#companion/observe/change-feed.ts'
import { AuditLog } from '#companion/team/audit.ts'
import { Policies } from '#companion/team/policies.ts'
import { Sharing, type AskHome } from '#companion/team/sharing.ts'
import type { PairedDevice } from '#shared/domain/device.ts'
import { SiloError } from '#shared/errors/silo-error.ts'

interface Parts {
  readonly companionId: string
  readonly keyPem: string
  readonly database: DatabaseSync
  readonly changes: ChangeFeed
  /** The book. */
  devices(): readonly Pick<PairedDevice, 'id' | 'name' | 'role' | 'kind'>[]
  /** Collections of the vault. */
  collections(): readonly { id: string; name: string }[]
  /** Where there is a way to other companions. */
  readonly askHome?: AskHome
}

/** Who may do what with the collections, and the log of what was done. */
export interface Team {
  readonly policies: Policies
  readonly audit: AuditLog
  readonly sharing: Sharing
  close(): void
}

/** Follows the book and the vault by the change feed: what changes there is signed before anybody hears of it. */
export function composeTeam(parts: Parts): Team {
  const { companionId, keyPem, database, changes, devices } = parts
  const policies = new Policies({
    database,
    self: companionId,
    keyPem,
    devices,
    collections: () => parts.collections(),
  })
  const audit = new AuditLog({
    database,
    nameOf: (device) => devices().find(({ id }) => id === device)?.name,
    onChange: () => changes.publish('settings', 'audit'),
  })
  const unreachable: AskHome = (home) => {
    const name = devices().find(({ id }) => id === home)?.name ?? home.slice(-8)
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
    policies.onChange((id) => changes.publish('vault', id)),
  ]
  return {
    policies,
    audit,
    sharing,
    close() {
      for (const end of ends) end()
      audit.close()
    },
  }
}
