import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import * as v from 'valibot'
import type { PeerRoads } from '#companion/link/peer-roads.ts'
import type { ChangeFeed } from '#companion/observe/change-feed.ts'
import type { Log } from '#companion/observe/log.ts'
import { openDatabase } from '#companion/records/database.ts'
import type { AuditLog } from '#companion/team/audit.ts'
import { Exchange } from '#companion/team/exchange.ts'
import { Federation } from '#companion/team/federation.ts'
import type { Policies } from '#companion/team/policies.ts'
import {
  ReceivedDocuments,
  type ReceivedDocumentsInit,
} from '#companion/team/received-documents.ts'
import { Replication, type ReplicationInit } from '#companion/team/replication.ts'
import { TeamCollections } from '#companion/team/team-collections.ts'
import { TeamRecords } from '#companion/team/team-records.ts'
import type { AskHome } from '#companion/team/sharing.ts'
import { VaultRecords } from '#companion/vault/vault-records.ts'
import { fromWire, SiloError, wireErrorSchema } from '#shared/errors/silo-error.ts'

interface Parts {
  readonly companionId: string
  readonly name: string
  readonly database: DatabaseSync
  readonly changes: ChangeFeed
  readonly policies: Policies
  readonly roads: PeerRoads
  readonly vault: { removeCollection(id: string): Promise<void> }
  /** The vault's index, and which vectors it has. */
  readonly index: { readonly store: ReceivedDocumentsInit['store']; readonly modelId: string }
  readonly home: string
  readonly deviceKey: string
  /** Absent where nothing is synchronised: then there are no copies. */
  readonly sync?: Pick<ReplicationInit, 'mounts' | 'openFolder'>
  readonly audit: AuditLog
  readonly log: Log
  readonly holderLimitMs?: number
}

/** The team: what other companions share with this one and it with them. */
export function composeTeamPeers(parts: Parts) {
  const { companionId: self, database, changes, policies, roads, vault, log } = parts
  const records = new TeamRecords(database)
  const shelf = new VaultRecords(database, self)
  const collections: TeamCollections = new TeamCollections({
    self,
    selfName: parts.name,
    policies,
    roads,
    records,
    shelf: {
      list: () => shelf.names(),
      put(id, name) {
        const home = policies.get(id)?.policy.home
        const known = shelf.names().some((each) => each.id === id)
        if (known) shelf.renameCollection(id, name)
        else shelf.createCollection(id, name, home === undefined ? {} : { home })
      },
      remove: (id) => vault.removeCollection(id),
      parts: (id) =>
        shelf.owners(id).map(({ owner, ...part }) => ({ ...part, owner: owner || self })),
    },
    copies: { drop: async (id) => replication?.drop(id) },
    onChange: (id) => changes.publish('vault', id),
    log,
  })
  const replication: Replication | undefined =
    parts.sync &&
    new Replication({
      ...parts.sync,
      self,
      keyPem: parts.deviceKey,
      index: join(parts.home, 'vault', 'index'),
      received: join(parts.home, 'vault', 'received'),
      openDatabase,
      policies,
      roads,
      collections,
      records,
      documents: new ReceivedDocuments({ ...parts.index, records: shelf, log }),
      audit: parts.audit,
      onChange: (id) => changes.publish('vault', id),
      log,
    })
  const exchange = new Exchange({
    self,
    policies,
    roads,
    records,
    datasets: (id) => collections.held(id),
    onChange() {
      void collections.reconcile().then(() => replication?.refresh())
      policies.givenChanged()
    },
    log,
  })
  const federation = new Federation({
    self,
    policies,
    roads,
    collections,
    records,
    log,
    ...(parts.holderLimitMs === undefined ? {} : { holderLimitMs: parts.holderLimitMs }),
  })
  const stops = [
    changes.subscribe(({ topic, id }) => {
      if (topic !== 'vault') return
      exchange.tellAll()
      if (id !== undefined) replication?.written(id)
    }),
    policies.onChange(() => void collections.reconcile().then(() => replication?.refresh())),
  ]
  void collections.reconcile().then(() => replication?.refresh())
  return {
    collections,
    exchange,
    federation,
    replication,
    async [Symbol.asyncDispose](): Promise<void> {
      for (const stop of stops) stop()
      await exchange[Symbol.asyncDispose]()
      await collections.settled()
      await replication?.[Symbol.asyncDispose]()
    },
  }
}

const failureSchema = v.object({ error: wireErrorSchema })

/** The API of another collection's home, over the standing connection with it. */
export function homeAsker(roads: () => PeerRoads, nameOf: (id: string) => string): AskHome {
  return async (home, { method, path, body }, signal) => {
    const road = roads().get(home)
    if (!road) throw new SiloError('home_away', { params: { name: nameOf(home) } })
    const response = await road.request(
      {
        method,
        path,
        ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }), // prettier-ignore
      },
      signal,
    )
    const answer: unknown = await response.json().catch((cause: unknown) => {
      signal.throwIfAborted()
      throw new SiloError('bad_response', { cause })
    })
    if (response.ok) return answer
    const failure = v.safeParse(failureSchema, answer)
    throw failure.success ? fromWire(failure.output.error) : new SiloError('bad_response')
  }
}
