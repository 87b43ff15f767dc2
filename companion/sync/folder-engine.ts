import type { DatabaseSync } from 'node:sqlite'
import type { Log } from '#companion/observe/log.ts'
import type {
  BepPeer,
  BlockError,
  BlockRequest,
  FileInfo,
  FolderInCluster,
} from '#companion/sync/bep-peer.ts'

/**
 * The seam between who keeps connections (companion/sync: configured folders, peers, cluster configs) and what keeps
 * one folder (companion/sync/folder). A peer's cluster config names many folders, so the service sends it, with
 * `describe` of each folder shared with that peer, and hands to each engine what concerns its folder.
 *
 * A connection goes: `describe` of every shared folder → `peer.sendClusterConfig` → their cluster config arrives →
 * `attach(peer, theirs)` for each folder both share → `index` and `request` as they come → `detach(peer)`.
 */
export type FolderType = 'sendreceive' | 'sendonly' | 'receiveonly'

export interface FolderOptions {
  /**
   * `dataset`: a Lance dataset. Immutable files are pulled before the manifests that name them, and what was deleted
   * stays for `graceS`, so a reader never sees a torn index. Default `files`.
   */
  readonly order?: 'files' | 'dataset'
  /** Permission bits are neither announced nor set. Default false (true on Windows). */
  readonly ignorePermissions?: boolean
  /** Deletions by others are not done here. Default false. */
  readonly ignoreDelete?: boolean
  /** Watches the folder and scans what changed at once. Default true. */
  readonly watch?: boolean
  /** Seconds between full scans; 0: none but the first. Default 3600. */
  readonly rescanS?: number
  /** Only with `dataset`: seconds a deleted file stays. Default 600. */
  readonly graceS?: number
  /** What one peer may announce in this folder, files. Default 1,000,000. */
  readonly maxFiles?: number
  /**
   * Short id of the only device that may write here: entries with any other counter in their version are refused,
   * whoever sends them.
   */
  readonly onlyWriter?: bigint
  /** Whether two names may differ in case only. Default: found out by trying. */
  readonly caseSensitive?: boolean
}

export interface FolderInit {
  /** As on the wire: the same on all devices that share the folder. */
  readonly id: string
  readonly label: string
  /** Absolute path; made if it is not there. */
  readonly root: string
  readonly type: FolderType
  /** This device, 32 bytes. */
  readonly bepId: Uint8Array
  /** Tables are made by the engine and shared by all folders; `openDatabase` of a file of its own is best. */
  readonly database: DatabaseSync
  readonly options?: FolderOptions
  readonly log: Log
  /**
   * Asked for each message: `read`, may this device see the index and take blocks; `write`, are its changes taken
   * here. Default: yes.
   */
  permits?(device: Uint8Array, operation: 'read' | 'write'): boolean
}

export type FolderCondition = 'starting' | 'scanning' | 'syncing' | 'idle' | 'paused' | 'error'

/** A file that is not as it should be, and why. `code` is of the registry of errors. */
export interface FolderProblem {
  /** As on the wire, shortened where it is very long. */
  readonly name: string
  readonly code: string
  /** Ms since 1970. */
  readonly at: number
}

export interface FolderPeerState {
  readonly bepId: Uint8Array
  readonly attached: boolean
  /** What it still lacks of ours, as far as it has told. */
  readonly needFiles: number
  readonly needBytes: number
  /** Blocks of it that were not what they should be. */
  readonly badBlocks: number
}

export interface FolderState {
  readonly condition: FolderCondition
  /** Why `condition` is `error`; a code of the registry, e.g. disk_full. Tried again by itself. */
  readonly error?: string
  /** What is here: files, without directories and deletions. */
  readonly files: number
  readonly bytes: number
  /** What others have and this device lacks, deletions among the files. */
  readonly needFiles: number
  readonly needBytes: number
  /** Bytes of the files under way that are here already. */
  readonly doneBytes: number
  /** Receive-only: files changed here, which nobody takes. */
  readonly changedHere: number
  readonly sequence: number
  /** Ms since 1970 of the last finished full scan. */
  readonly scannedAt?: number
  readonly peers: readonly FolderPeerState[]
  /** The newest 100. */
  readonly problems: readonly FolderProblem[]
  readonly problemCount: number
}

export interface FolderEngine extends AsyncDisposable {
  readonly id: string
  readonly type: FolderType
  readonly root: string

  /** First scan, then watching and pulling. Resolves after the first scan; peers may be attached before. */
  start(): Promise<void>

  /** This folder as our cluster config for that device says it: what we are at, and how far we know the device. */
  describe(device: Uint8Array): FolderInCluster

  /** Both cluster configs are exchanged; `theirs` is their entry for this folder. Sends the index from here on. */
  attach(peer: BepPeer, theirs: FolderInCluster): void
  /** The connection is gone, or the folder is no longer shared over it. */
  detach(peer: BepPeer): void
  /** An Index or IndexUpdate from that peer. Resolves when it is stored. */
  index(peer: BepPeer, files: readonly FileInfo[], full: boolean): Promise<void>
  /** A block for that peer. Never rejects but by the signal. */
  request(
    peer: BepPeer,
    request: BlockRequest,
    signal: AbortSignal,
  ): Promise<{ data: Uint8Array } | { error: BlockError }>
  /** The device no longer shares this folder: what it announced is dropped. */
  forget(device: Uint8Array): void

  state(): FolderState
  /** Looks for changes: in the whole folder, or only in these paths (relative, `/` between). */
  rescan(paths?: readonly string[]): Promise<void>
  /** Nothing is scanned, pulled or answered until `resume`; the index is kept. */
  pause(): void
  resume(): void
  /** Send-only: what is here becomes the newest version everywhere. */
  override(): Promise<void>
  /** Receive-only: what was changed here goes back to what the others have. */
  revert(): Promise<void>
  /** The lines of `.stignore`, without those it includes. */
  ignores(): Promise<readonly string[]>
  setIgnores(lines: readonly string[]): Promise<void>

  /** Called when `state()` has become another, at most some times a second. Returns how to stop. */
  onChange(listener: () => void): () => void
  /** Called with the names that were written, moved here or deleted because another device had them so. */
  onPulled(listener: (names: readonly string[]) => void): () => void
  /** Resolves when nothing is to scan or pull that could be got now. For tests and `silo sync`. */
  settled(signal: AbortSignal): Promise<void>
}
