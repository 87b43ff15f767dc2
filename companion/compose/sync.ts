import { hostname } from 'node:os'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import type { Config } from '#companion/config/config.ts'
import type { SecretText } from '#companion/config/secret-text.ts'
import type { PeerRoads } from '#companion/link/peer-roads.ts'
import type { ChangeFeed } from '#companion/observe/change-feed.ts'
import type { Log } from '#companion/observe/log.ts'
import { openDatabase } from '#companion/records/database.ts'
import { bepIdentity } from '#companion/sync/bep/identity.ts'
import { readEnvelope } from '#companion/seal/seal.ts'
import { LocalDiscovery } from '#companion/sync/local-discovery.ts'
import { SyncRecords } from '#companion/sync/sync-records.ts'
import { SyncService, type SyncServiceInit } from '#companion/sync/sync-service.ts'
import { openFolder } from '#companion/sync/folder/folder.ts'

export { openFolder }

/** Beside the ports of the app, of the local network and of the link. */
export const defaultSyncPort = 7455

/** For tests. */
export type SyncOverrides = Partial<Pick<SyncServiceInit, 'discovery' | 'host' | 'redialMs' | 'times' | 'own'>> // prettier-ignore

interface Parts {
  readonly config: Config
  readonly companionId: string
  readonly version: string
  readonly database: DatabaseSync
  /** The certificate of this device in Syncthing's protocol. */
  readonly certificate: SecretText
  readonly notesPath: string
  readonly roads: PeerRoads
  readonly changes: ChangeFeed
  readonly log: Log
  readonly overrides?: SyncOverrides
}

/** Folders kept alike with other devices. `start` opens what is configured. */
export async function composeSync(parts: Parts): Promise<SyncService> {
  const { config, changes, log } = parts
  const identity = await bepIdentity(parts.certificate)
  const index = openDatabase(join(config.home, 'sync', 'index.db'))
  const service = new SyncService({
    identity,
    own: { deviceName: hostname(), clientVersion: `v${parts.version}` },
    ownPeerId: parts.companionId,
    records: new SyncRecords(parts.database),
    database: index,
    home: config.home,
    notesPath: parts.notesPath,
    notesEncrypted: () => readEnvelope(config.home)?.notes === true,
    openFolder,
    roads: parts.roads,
    discovery: (onFound) => new LocalDiscovery({ bepId: identity.bepId, onFound, log }),
    port: config.syncPort ?? defaultSyncPort,
    log,
    onChange: () => changes.publish('sync'),
    onClosed: () => index.close(),
    ...parts.overrides,
  })
  return service
}
