import type { SyncKind } from '#shared/protocol/sync.ts'
import type { FolderEngine } from './folder-engine.ts'

/** A device at the other end of a connection: proved by TLS or by Noise. */
export interface SyncParty {
  /** 32 bytes. */
  readonly bepId: Uint8Array
  /** Its Syncthing id as text, or the peer id of a companion. */
  readonly key: string
  /** Set for companions. */
  readonly peerId?: string
}

/**
 * A folder that takes part in sync. The service asks `permits` when a device connects, at `refresh`, and for each
 * message: `read`, it sees the folder, its index and its blocks; `write`, its index is taken.
 */
export interface MountedFolder {
  readonly engine: FolderEngine
  readonly kind: SyncKind
  permits(party: SyncParty, operation: 'read' | 'write'): boolean
  /** Hears of a block that was asked for and not permitted. */
  refused?(party: SyncParty): void
}

/** What the rest of the companion uses of sync: datasets and policies travel by it. */
export interface SyncMounts {
  /** This device in the protocol. 32 bytes. */
  readonly bepId: Uint8Array
  /** The proved device id of a companion, once it was connected; kept over restarts. */
  bepIdOf(peerId: string): Uint8Array | undefined
  /** Shares the folder with whom it permits. The engine is started by its owner. @returns how to take it out again */
  mount(folder: MountedFolder): () => void
  /** Permissions have changed: those who lost one are cut off at once, those who won one are told. */
  refresh(): void
}
