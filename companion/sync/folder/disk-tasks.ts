import type { FileType } from '#companion/sync/bep-peer.ts'
import type { IgnoreSource } from './ignores.ts'

/** What worker threads do for folders; both sides of the channel are ours. */
export interface Entry {
  readonly name: string
  readonly type: FileType
  readonly size: number
  /** Permission bits. */
  readonly mode: number
  readonly modifiedS: number
  readonly modifiedNs: number
  readonly stat: string
  readonly target?: string
}

export interface Failure {
  readonly name: string
  /** Of the operating system, e.g. EACCES; or `changed`, `unsafe`. */
  readonly code: string
}

export interface ListTask {
  readonly kind: 'list'
  readonly root: string
  readonly folders: readonly string[]
  readonly ignore: IgnoreSource
  readonly dataset: boolean
  readonly limit: number
}

export interface Listing {
  readonly entries: readonly Entry[]
  readonly folders: readonly string[]
  /** Directories still to be listed. */
  readonly rest: readonly string[]
  readonly temporaries: readonly string[]
  readonly failures: readonly Failure[]
}

export interface LookTask {
  readonly kind: 'look'
  readonly root: string
  readonly names: readonly string[]
}

export interface HashTask {
  readonly kind: 'hash'
  readonly root: string
  readonly files: readonly HashedFile[]
  /** Not 0: stop. */
  readonly cancel: Int32Array
}

export interface HashedFile {
  readonly name: string
  /** The one it had. */
  readonly blockSize?: number
  /** Only this one of `count` stretches, for several threads. */
  readonly part?: { readonly index: number; readonly count: number }
}

export interface Hashed {
  readonly entry: Entry
  readonly blockSize: number
  readonly hashes: Uint8Array
  /** Modified so lately that a change within the clock's grain might not show. */
  readonly fresh: boolean
}

export interface ReadTask {
  readonly kind: 'read'
  readonly root: string
  readonly blocks: readonly {
    readonly name: string
    readonly offset: number
    readonly size: number
    /** Empty: not to be checked. */
    readonly hash: Uint8Array
    /** With this state on disk the content is what was hashed. */
    readonly stat: string
  }[]
}

export interface ReadResult {
  readonly data: Uint8Array
  /** Bytes of each block in `data`; -1: no such file, -2: not this content any more. */
  readonly sizes: readonly number[]
}

/** One name that is to become something. `expect`: the state on disk it was decided on; '' is nothing there. */
export interface Placement {
  readonly name: string
  readonly expect: string
  readonly make: 'data' | 'temporary' | 'moved' | 'directory' | 'symlink' | 'metadata' | 'nothing'
  /** Where what is there goes instead of being replaced. */
  readonly conflict?: string
  /** Of what is there now, where it is not of the kind that is to come. */
  readonly replaces?: 'directory' | 'other'
  readonly mode?: number
  readonly modifiedS?: number
  readonly modifiedNs?: number
  readonly target?: string
  /** `data`: bytes in the task's data. */
  readonly at?: number
  readonly size?: number
  readonly blockSize?: number
  readonly hashes?: Uint8Array
  /** `moved`: from where, and its state there. */
  readonly from?: string
  readonly fromExpect?: string
  /** `nothing` for a directory: its children that may go with it. */
  readonly deletable?: readonly string[]
}

export interface PlaceTask {
  readonly kind: 'place'
  readonly root: string
  readonly items: readonly Placement[]
  readonly data: Uint8Array
}

/** `changed`: not what was expected is there; `wrong`: the data have another hash; else of the operating system. */
export type Placed = { readonly stat: string } | { readonly code: string }

export interface OpenTemporaryTask {
  readonly kind: 'open-temporary'
  readonly root: string
  readonly name: string
  readonly size: number
  readonly blockSize: number
  readonly hashes: Uint8Array
}

export interface OpenedTemporary {
  readonly fd: number
  /** 1 for each block that is there. */
  readonly have: Uint8Array
}

export interface CopyTask {
  readonly kind: 'copy'
  readonly root: string
  readonly fd: number
  readonly blocks: readonly {
    readonly index: number
    readonly to: number
    readonly size: number
    readonly hash: Uint8Array
    readonly from: string
    readonly offset: number
  }[]
}

export interface WriteTask {
  readonly kind: 'write'
  readonly fd: number
  readonly offset: number
  readonly hash: Uint8Array
  readonly data: Uint8Array
}

export interface FinishTask {
  readonly kind: 'finish'
  readonly fd: number
}

export interface RemoveTemporariesTask {
  readonly kind: 'remove-temporaries'
  readonly root: string
  readonly names: readonly string[]
}

export interface DiskTasks {
  list: { task: ListTask; result: Listing }
  look: { task: LookTask; result: readonly (Entry | undefined)[] }
  hash: { task: HashTask; result: readonly (Hashed | Failure)[] }
  read: { task: ReadTask; result: ReadResult }
  place: { task: PlaceTask; result: readonly Placed[] }
  'open-temporary': { task: OpenTemporaryTask; result: OpenedTemporary }
  copy: { task: CopyTask; result: readonly number[] }
  write: { task: WriteTask; result: boolean }
  finish: { task: FinishTask; result: null }
  'remove-temporaries': { task: RemoveTemporariesTask; result: null }
}

export type DiskTask = DiskTasks[keyof DiskTasks]['task']
