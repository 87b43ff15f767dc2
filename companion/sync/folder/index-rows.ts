import type { SQLInputValue, SQLOutputValue } from 'node:sqlite'
import type { FileType } from '#companion/sync/bep-peer.ts'
import type { IndexedFile, LocalFile } from './file-records.ts'
import { decodeVersion, encodeVersion, type Version } from './versions.ts'

/** Bits of the column `flags`. */
export const flags = { deleted: 1, invalid: 2, ignored: 4, changedHere: 8 } as const

export const columns =
  'name, sequence, flags, version, type, size, modified_s, modified_ns, modified_by, permissions, stat, target, block_size, content, hashes'

type Row = Record<string, SQLOutputValue>

/** A row without its blocks. */
export interface ShortRow {
  readonly name: string
  readonly device: number
  readonly sequence: number
  readonly deleted: boolean
  readonly invalid: boolean
  readonly ignored: boolean
  readonly changedHere: boolean
  readonly version: Version
  readonly type: FileType
  readonly size: number
  readonly modifiedS: number
  readonly modifiedNs: number
  readonly stat: string
  readonly permissions?: number
}

/** What is remembered of a name here, without its version. */
export type LocalState = Pick<
  ShortRow,
  'sequence' | 'deleted' | 'ignored' | 'changedHere' | 'type' | 'size' | 'stat' | 'permissions'
>

/** Of the columns sequence, flags, type, size, permissions and stat. */
export function stateOf(row: readonly SQLOutputValue[]): LocalState {
  const [sequence, bits, type, size, permissions, stat] = row as [number, number, FileType, number, number, string] // prettier-ignore
  return {
    sequence,
    deleted: (bits & flags.deleted) !== 0,
    ignored: (bits & flags.ignored) !== 0,
    changedHere: (bits & flags.changedHere) !== 0,
    type,
    size,
    stat,
    ...(permissions < 0 ? {} : { permissions }),
  }
}

export function shortOf(row: Row): ShortRow {
  const bits = row['flags'] as number
  const permissions = row['permissions'] as number
  return {
    name: row['name'] as string,
    device: row['device'] as number,
    sequence: row['sequence'] as number,
    deleted: (bits & flags.deleted) !== 0,
    invalid: (bits & flags.invalid) !== 0,
    ignored: (bits & flags.ignored) !== 0,
    changedHere: (bits & flags.changedHere) !== 0,
    version: decodeVersion(row['version'] as Uint8Array),
    type: row['type'] as FileType,
    size: row['size'] as number,
    modifiedS: row['modified_s'] as number,
    modifiedNs: row['modified_ns'] as number,
    stat: row['stat'] as string,
    ...(permissions < 0 ? {} : { permissions }),
  }
}

export function remoteOf(row: Row): IndexedFile {
  const target = row['target'] as string | null
  const {
    device: _device,
    stat: _stat,
    ignored: _ignored,
    changedHere: _here,
    ...rest
  } = shortOf(row)
  return {
    ...rest,
    modifiedBy: Buffer.from(row['modified_by'] as Uint8Array).readBigUInt64BE(),
    blockSize: row['block_size'] as number,
    content: row['content'] as Uint8Array,
    hashes: row['hashes'] as Uint8Array,
    ...(target === null ? {} : { target }),
  }
}

export function localOf(row: Row): LocalFile {
  const bits = row['flags'] as number
  return {
    ...remoteOf(row),
    stat: row['stat'] as string,
    ignored: (bits & flags.ignored) !== 0,
    changedHere: (bits & flags.changedHere) !== 0,
  }
}

/** In the order of `columns`. */
export function valuesOf(file: LocalFile): SQLInputValue[] {
  const by = Buffer.alloc(8)
  by.writeBigUInt64BE(file.modifiedBy)
  const bits =
    (file.deleted ? flags.deleted : 0) |
    (file.invalid ? flags.invalid : 0) |
    (file.ignored ? flags.ignored : 0) |
    (file.changedHere ? flags.changedHere : 0)
  return [
    file.name,
    file.sequence,
    bits,
    encodeVersion(file.version),
    file.type,
    file.size,
    file.modifiedS,
    file.modifiedNs,
    by,
    file.permissions ?? -1,
    file.stat,
    file.target ?? null,
    file.blockSize,
    file.content,
    file.hashes,
  ]
}

/** The first 8 bytes of a hash, as what SQLite calls an integer. */
export function hashKey(hash: Uint8Array): bigint {
  return Buffer.from(hash.buffer, hash.byteOffset, hash.byteLength).readBigInt64BE()
}
