import {
  fileType,
  type BlockInfo,
  type FileInfo,
  type FileType,
  type VersionCounter,
} from '../bep-peer.ts'
import { ProtocolViolation, type ProtoReader, type ProtoWriter } from './proto.ts'

/** Counters one version may have: one a device that ever changed the file. */
const maxCounters = 1000
const lossy = new TextDecoder()

/** One file of an index. Structure is checked here; names, versions and whether the parts fit are the folder's matter. */
export function readFile(reader: ProtoReader): FileInfo {
  const blocks: BlockInfo[] = []
  const file: { -readonly [Key in keyof FileInfo]: FileInfo[Key] } = {
    name: '',
    type: fileType.file,
    size: 0,
    permissions: 0,
    noPermissions: false,
    modifiedS: 0,
    modifiedNs: 0,
    modifiedBy: 0n,
    deleted: false,
    invalid: false,
    version: [],
    sequence: 0,
    blockSize: 0,
    blocks,
  }
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    switch (tag) {
      case 0x0a:
        file.name = reader.string()
        break
      case 0x10:
        file.type = typeOf(reader.int32())
        break
      case 0x18:
        file.size = natural(reader.safeInteger())
        break
      case 0x20:
        file.permissions = reader.uint32() & 0o7777
        break
      case 0x28:
        file.modifiedS = reader.safeInteger()
        break
      case 0x30:
        file.deleted = reader.bool()
        break
      case 0x38:
        file.invalid = reader.bool()
        break
      case 0x40:
        file.noPermissions = reader.bool()
        break
      case 0x4a:
        file.version = reader.message(readVersion)
        break
      case 0x50:
        file.sequence = natural(reader.safeInteger())
        break
      case 0x58:
        file.modifiedNs = nanoseconds(reader.int32())
        break
      case 0x60:
        file.modifiedBy = reader.uint64()
        break
      case 0x68:
        file.blockSize = natural(reader.int32())
        break
      case 0x82:
        blocks.push(reader.message(readBlock))
        break
      case 0x8a:
        // A string until 1.29, bytes since; what is no text cannot be a target here.
        file.symlinkTarget = lossy.decode(reader.bytes())
        if (file.symlinkTarget.includes('\ufffd')) file.invalid = true
        break
      case 0x92:
        file.blocksHash = reader.copy()
        break
      default:
        reader.skip(tag)
    }
  }
  return file
}

/** Links to files and to directories were two types once. */
function typeOf(value: number): FileType {
  if (value === fileType.file || value === fileType.directory) return value
  if (value === 2 || value === 3 || value === fileType.symlink) return fileType.symlink
  throw new ProtocolViolation('an unknown type of file')
}

function natural(value: number): number {
  if (value < 0) throw new ProtocolViolation('a negative size or sequence')
  return value
}

function nanoseconds(value: number): number {
  return value >= 0 && value < 1_000_000_000 ? value : 0
}

function readVersion(reader: ProtoReader): VersionCounter[] {
  const counters: VersionCounter[] = []
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag !== 0x0a) {
      reader.skip(tag)
      continue
    }
    const counter = reader.message((inner) => {
      let id = 0n
      let value = 0n
      for (let field = inner.tag(); field !== 0; field = inner.tag()) {
        if (field === 0x08) id = inner.uint64()
        else if (field === 0x10) value = inner.uint64()
        else inner.skip(field)
      }
      return { id, value }
    })
    if (counters.push(counter) > maxCounters) throw new ProtocolViolation('an endless version')
  }
  return counters
}

function readBlock(reader: ProtoReader): BlockInfo {
  const block = { offset: 0, size: 0, hash: new Uint8Array(0) }
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 0x08) block.offset = natural(reader.safeInteger())
    else if (tag === 0x10) block.size = natural(reader.int32())
    // Copied: kept for long, while the message it stands in should go.
    else if (tag === 0x1a) block.hash = reader.copy()
    else reader.skip(tag)
  }
  return block
}

export function writeFile(writer: ProtoWriter, file: FileInfo): void {
  writer
    .string(1, file.name)
    .int(2, file.type)
    .int(3, file.size)
    .int(4, file.permissions)
    .int(5, file.modifiedS)
    .bool(6, file.deleted)
    .bool(7, file.invalid)
    .bool(8, file.noPermissions)
  if (file.version.length > 0)
    writer.message(9, (to) => {
      for (const { id, value } of file.version)
        to.message(1, (inner) => void inner.uint64(1, id).uint64(2, value))
    })
  writer
    .int(10, file.sequence)
    .int(11, file.modifiedNs)
    .uint64(12, file.modifiedBy)
    .int(13, file.blockSize)
  for (const block of file.blocks)
    writer.message(16, (to) => void to.int(1, block.offset).int(2, block.size).bytes(3, block.hash))
  if (file.symlinkTarget !== undefined) writer.string(17, file.symlinkTarget)
  writer.bytes(18, file.blocksHash)
}

/** About how many bytes a file takes in an index message; never less than it does. */
export function fileWeight(file: FileInfo): number {
  return (
    128 + file.name.length * 3 + (file.symlinkTarget?.length ?? 0) * 3 + file.version.length * 24 + file.blocks.length * 56 // prettier-ignore
  )
}
