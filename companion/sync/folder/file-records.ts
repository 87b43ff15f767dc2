import { fileType, type FileInfo, type FileType } from '#companion/sync/bep-peer.ts'
import {
  blockSizeFor,
  contentHash,
  isBlockSize,
  minBlockBytes,
  packBlocks,
  sameBytes,
  unpackBlocks,
} from './block-list.ts'
import { isSafeName } from './names.ts'
import { maxCounters, normalVersion, type Version } from './versions.ts'

/** What an index says of one name; `permissions` undefined where they mean nothing. */
export interface IndexedFile {
  readonly name: string
  readonly type: FileType
  readonly size: number
  readonly permissions?: number
  readonly modifiedS: number
  readonly modifiedNs: number
  readonly modifiedBy: bigint
  readonly deleted: boolean
  /** Not to be had from whom it is of, and no ground for changes: ignored there, or changed where only receiving is allowed. */
  readonly invalid: boolean
  readonly version: Version
  readonly sequence: number
  readonly blockSize: number
  /** SHA-256 of each block, one after another. Files only. */
  readonly hashes: Uint8Array
  /** One hash of all content. Files only. */
  readonly content: Uint8Array
  readonly target?: string
}

/** What is here. */
export interface LocalFile extends IndexedFile {
  /** The state on disk it was taken from, see `statText`; empty: look again. */
  readonly stat: string
  readonly ignored: boolean
  /** Receive-only: changed here. */
  readonly changedHere: boolean
}

export const noBytes = new Uint8Array(0)
const maxSize = 2 ** 50
const maxTargetBytes = 4096

/** A gone file, as the next version of what it was. */
export function deletionOf(file: LocalFile, version: Version, by: bigint): LocalFile {
  return {
    ...file,
    size: 0,
    deleted: true,
    invalid: false,
    ignored: false,
    modifiedBy: by,
    version,
    hashes: noBytes,
    content: noBytes,
    stat: '',
  }
}

export function sameContent(a: IndexedFile, b: IndexedFile): boolean {
  if (a.type !== b.type || a.deleted !== b.deleted) return false
  if (a.type === fileType.file) return a.size === b.size && sameBytes(a.content, b.content)
  return a.target === b.target
}

/**
 * Node sets times as floating seconds, which keeps them to under a microsecond: what is written with a time is found
 * with nearly that.
 */
export function sameTime(a: IndexedFile, b: IndexedFile): boolean {
  return Math.abs((a.modifiedS - b.modifiedS) * 1e9 + (a.modifiedNs - b.modifiedNs)) < 2000
}

/** What a peer announced, checked as strictly as it will be relied on; undefined where it cannot be used. */
export function acceptFile(file: FileInfo): IndexedFile | undefined {
  if (!isSafeName(file.name)) return undefined
  if (file.version.length === 0 || file.version.length > maxCounters) return undefined
  if (!Number.isSafeInteger(file.sequence) || file.sequence < 0) return undefined
  if (!Number.isSafeInteger(file.modifiedS) || !Number.isInteger(file.modifiedNs)) return undefined
  if (file.modifiedNs < 0 || file.modifiedNs >= 1e9) return undefined
  const common = {
    name: file.name,
    type: file.type,
    size: 0,
    ...(file.noPermissions ? {} : { permissions: file.permissions & 0o777 }),
    modifiedS: file.modifiedS,
    modifiedNs: file.modifiedNs,
    modifiedBy: file.modifiedBy,
    deleted: file.deleted,
    invalid: file.invalid,
    version: normalVersion(file.version),
    sequence: file.sequence,
    blockSize: 0,
    hashes: noBytes,
    content: noBytes,
  }
  if (common.version.length === 0) return undefined
  if (file.deleted || file.invalid || file.type === fileType.directory) return common
  if (file.type === fileType.symlink) {
    const target = file.symlinkTarget
    if (!target || target.includes('\0') || Buffer.byteLength(target) > maxTargetBytes)
      return undefined
    return { ...common, target }
  }
  if (file.type !== fileType.file) return undefined
  const { size } = file
  if (!Number.isSafeInteger(size) || size < 0 || size > maxSize) return undefined
  const blockSize = file.blockSize === 0 ? minBlockBytes : file.blockSize
  if (!isBlockSize(blockSize)) return undefined
  const hashes = packBlocks(file.blocks, size, blockSize)
  if (!hashes) return undefined
  return { ...common, size, blockSize, hashes, content: contentHash(hashes, size) }
}

/** What we announce of a file. */
export function announce(file: LocalFile, ignorePermissions: boolean): FileInfo {
  const invalid = file.invalid || file.ignored || file.changedHere
  const isFile = file.type === fileType.file && !file.deleted
  return {
    name: file.name,
    type: file.type,
    size: isFile ? file.size : 0,
    permissions: file.permissions ?? 0,
    noPermissions: ignorePermissions || file.permissions === undefined,
    modifiedS: file.modifiedS,
    modifiedNs: file.modifiedNs,
    modifiedBy: file.modifiedBy,
    deleted: file.deleted,
    invalid,
    version: file.version,
    sequence: file.sequence,
    blockSize: isFile ? file.blockSize || blockSizeFor(file.size) : 0,
    blocks:
      isFile && !invalid
        ? unpackBlocks(file.hashes, file.size, file.blockSize || blockSizeFor(file.size))
        : [],
    ...(file.target === undefined || file.deleted ? {} : { symlinkTarget: file.target }),
    ...(isFile && !invalid ? { blocksHash: file.content } : {}),
  }
}
