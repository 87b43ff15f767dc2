import type { PeerCompanion } from '#companion/link/peer-roads.ts'
import { formatSyncthingId } from '#shared/domain/syncthing-id.ts'
import type { SyncDevice, SyncFolder } from '#shared/protocol/sync.ts'
import type { Connections } from './connections.ts'
import type { FolderState } from './folder-engine.ts'
import type { MountedFolder } from './mounted-folder.ts'
import type { SyncRecords } from './sync-records.ts'
import type { Connected } from './sync-service.ts'

interface Parts {
  readonly records: SyncRecords
  readonly connected: ReadonlyMap<string, Connected>
  readonly connections: Connections
}

const maxProblems = 20

/** Every device a folder can be shared with: those with Syncthing that are configured, and the paired companions. */
export function deviceView(parts: Parts, companions: readonly PeerCompanion[]): SyncDevice[] {
  const { records } = parts
  const syncthing = records.devices().map((device): SyncDevice => {
    const { id, name, addresses, paused, lastSeenAt } = device
    const seen = lastSeenAt === undefined ? {} : { lastSeenAt }
    return { id, kind: 'syncthing', name, addresses: [...addresses], paused, ...presence(parts, id, paused), ...seen } // prettier-ignore
  })
  const silo = companions.map(({ id, name }): SyncDevice => {
    const lastSeenAt = records.lastSeen(id)
    const seen = lastSeenAt === undefined ? {} : { lastSeenAt }
    return { id, kind: 'silo', name, addresses: [], paused: false, ...presence(parts, id, false), ...seen } // prettier-ignore
  })
  return [...syncthing, ...silo]
}

function presence(
  { connected, connections }: Parts,
  id: string,
  paused: boolean,
): Pick<SyncDevice, 'state' | 'error' | 'client' | 'address' | 'received' | 'sent'> {
  const found = connected.get(id)
  if (found) {
    const { connection, address } = found
    const { client } = connection
    return { state: 'connected', client, ...(address === undefined ? {} : { address }), ...connection.traffic } // prettier-ignore
  }
  if (paused) return { state: 'paused', received: 0, sent: 0 }
  const { connecting, error } = connections.state(id)
  return {
    state: connecting ? 'connecting' : 'away',
    ...(error === undefined ? {} : { error }),
    received: 0,
    sent: 0,
  }
}

export function folderView(mounted: Iterable<MountedFolder>, records: SyncRecords): SyncFolder[] {
  const configured = new Map(records.folders().map((record) => [record.id, record]))
  const companions = new Map(records.companions().map(({ peerId, bepId }) => [hex(bepId), peerId]))
  return [...mounted]
    .map(({ engine, kind }): SyncFolder => {
      const record = configured.get(engine.id)
      const state = engine.state()
      const { condition, error, files, bytes, needFiles, needBytes, doneBytes, changedHere, scannedAt, problemCount } = state // prettier-ignore
      return {
        id: engine.id,
        label: record?.label ?? engine.id,
        path: engine.root,
        kind,
        type: engine.type,
        paused: condition === 'paused',
        devices: [...(record?.devices ?? [])],
        condition,
        ...(error === undefined ? {} : { error }),
        files,
        bytes,
        needFiles,
        needBytes,
        doneBytes,
        percent: percentOf(state),
        changedHere,
        ...(record?.syncedAt === undefined ? {} : { syncedAt: record.syncedAt }),
        ...(scannedAt === undefined ? {} : { scannedAt }),
        problems: state.problems.slice(0, maxProblems).map((problem) => ({ ...problem })),
        problemCount,
        peers: state.peers.map(({ bepId, attached, needFiles: files, needBytes: bytes }) => ({
          deviceId: companions.get(hex(bepId)) ?? formatSyncthingId(bepId),
          attached,
          needFiles: files,
          needBytes: bytes,
        })),
      }
    })
    .toSorted((a, b) => a.label.localeCompare(b.label))
}

/** 100 only where nothing is lacking. */
export function percentOf(
  state: Pick<FolderState, 'files' | 'bytes' | 'needFiles' | 'needBytes' | 'doneBytes'>,
): number {
  // prettier-ignore
  const { files, bytes, needFiles, needBytes, doneBytes } = state
  if (needFiles === 0) return 100
  const part =
    needBytes > 0
      ? 1 - Math.max(needBytes - doneBytes, 0) / (bytes + needBytes)
      : files / (files + needFiles)
  return Math.min(Math.max(Math.floor(part * 100), 0), 99)
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
