import type { DatabaseSync } from 'node:sqlite'
import { ReplicaEpoch } from '#companion/replica/epoch.ts'
import type { ReplicaChunks } from '#companion/replica/ports.ts'
import { ReplicaFeed } from '#companion/replica/replica-feed.ts'
import { VaultRecords } from '#companion/vault/vault-records.ts'
import type { Team } from './team.ts'

interface Parts {
  readonly companionId: string
  readonly database: DatabaseSync
  /** The vault's index, and which vectors it has. */
  readonly index: {
    readonly store: ReplicaChunks
    readonly modelId: string
    readonly dimensions: number
  }
  readonly team: Pick<Team, 'policies' | 'audit'>
}

/** The feed by which phones copy what they may have of the vault. */
export function composeReplica({ companionId, database, index, team }: Parts): ReplicaFeed {
  const { store, modelId, dimensions } = index
  const epoch = new ReplicaEpoch(database)
  return new ReplicaFeed({
    companionId,
    modelId,
    dimensions,
    records: new VaultRecords(database, companionId),
    chunks: store,
    access: team.policies,
    epoch: () => epoch.of(modelId, dimensions),
    audit: (line) => team.audit.record(line),
  })
}
