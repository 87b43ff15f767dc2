/**
 * The seam between the wire (companion/sync/bep: framing, TLS, Noise, compression) and the folders (companion/sync/folder:
 * scanning, versions, pulling). Messages are those of the Block Exchange Protocol, decoded, checked against the limits
 * of the wire, with names as they came: the folder side normalises and refuses. Numbers that may pass 2^53 are bigint.
 */
export const fileType = { file: 0, directory: 1, symlink: 4 } as const
export type FileType = (typeof fileType)[keyof typeof fileType]

export const maxBlockBytes = 16 * 1024 * 1024

export interface BlockInfo {
  readonly offset: number
  readonly size: number
  /** SHA-256 of the block. */
  readonly hash: Uint8Array
}

/** `id` is the short id of a device: the first 8 bytes of its BEP device id, big endian. */
export interface VersionCounter {
  readonly id: bigint
  readonly value: bigint
}

export interface FileInfo {
  readonly name: string
  readonly type: FileType
  readonly size: number
  /** Permission bits; meaningless with `noPermissions`. */
  readonly permissions: number
  readonly noPermissions: boolean
  readonly modifiedS: number
  readonly modifiedNs: number
  readonly modifiedBy: bigint
  readonly deleted: boolean
  readonly invalid: boolean
  readonly version: readonly VersionCounter[]
  /** The sender's counter: grows with every change it announces in a folder. */
  readonly sequence: number
  readonly blockSize: number
  readonly blocks: readonly BlockInfo[]
  readonly symlinkTarget?: string
  readonly blocksHash?: Uint8Array
}

export interface DeviceInFolder {
  /** 32 bytes. */
  readonly id: Uint8Array
  readonly name: string
  readonly maxSequence: number
  /** Changes when the sender's index was made anew: what was known of it is void. 0: none. */
  readonly indexId: bigint
}

export interface FolderInCluster {
  readonly id: string
  readonly label: string
  readonly readOnly: boolean
  readonly ignorePermissions: boolean
  readonly ignoreDelete: boolean
  readonly paused: boolean
  readonly devices: readonly DeviceInFolder[]
}

/** Why a request is not answered with data; numbers of the protocol. */
export const blockError = { none: 0, generic: 1, noSuchFile: 2, invalidFile: 3 } as const
export type BlockError = (typeof blockError)[keyof typeof blockError]

export interface BlockRequest {
  readonly folder: string
  readonly name: string
  readonly offset: number
  readonly size: number
  readonly hash: Uint8Array
  readonly fromTemporary: boolean
}

/** Extensions that only Silo devices announce in their hello; a stock Syncthing never sees them. */
export interface PeerFeatures {
  /** `requestMany` works: many small blocks in one answer. */
  readonly packed: boolean
}

/** What the folder side does with what comes from a peer. Calls come in the order of the messages. */
export interface BepHandler {
  clusterConfig(folders: readonly FolderInCluster[]): void | Promise<void>
  /** `full`: the sender's whole index begins here (Index), else more of it (IndexUpdate). Awaited: that is the back-pressure. */
  index(folder: string, files: readonly FileInfo[], full: boolean): void | Promise<void>
  /** Answers a block of ours. Permission is checked here, on every request. */
  request(
    request: BlockRequest,
    signal: AbortSignal,
  ): Promise<{ data: Uint8Array } | { error: BlockError }>
  /** Once, after the last message. */
  closed(reason: string): void
}

/** One connected peer after hello. Safe to use until `closed`; every call rejects after that. */
export interface BepPeer extends AsyncDisposable {
  readonly specVersion: 1
  /** 32 bytes: SHA-256 of the peer's certificate (Syncthing), or what a Silo device announced over Noise. */
  readonly bepId: Uint8Array
  /** Set for Silo devices: the authenticated libp2p peer id. */
  readonly peerId?: string
  readonly name: string
  readonly client: string
  readonly features: PeerFeatures
  /** Starts delivery; exactly once. Nothing is delivered before. */
  start(handler: BepHandler): void
  sendClusterConfig(folders: readonly FolderInCluster[]): Promise<void>
  /** Splits into messages within the wire's limits; resolves when handed to the socket. */
  sendIndex(folder: string, files: readonly FileInfo[], full: boolean): Promise<void>
  /**
   * Data of more than 16 KiB lies in a buffer with nothing else of use: it may be transferred.
   * @throws SiloError sync_block_missing, sync_peer_closed, timeout; the signal's reason
   */
  request(request: BlockRequest, signal: AbortSignal): Promise<Uint8Array>
  /** Only with `features.packed`; the answers are in the order asked, `undefined` where the peer has no such block. */
  requestMany(
    requests: readonly BlockRequest[],
    signal: AbortSignal,
  ): Promise<(Uint8Array | undefined)[]>
  close(reason: string): Promise<void>
  readonly closed: Promise<void>
}
