import {
  blockError,
  maxBlockBytes,
  type BlockError,
  type BlockRequest,
  type FileInfo,
  type FolderInCluster,
} from '../bep-peer.ts'
import { readFile, writeFile } from './file-info.ts'
import { ProtocolViolation, ProtoReader, ProtoWriter } from './proto.ts'

/** Numbers of the message types. Those from 100 on are Silo's own and go to peers that have announced them only. */
export const messageType = {
  clusterConfig: 0,
  index: 1,
  indexUpdate: 2,
  request: 3,
  response: 4,
  downloadProgress: 5,
  ping: 6,
  close: 7,
  packedRequest: 100,
  packedResponse: 101,
} as const

const MiB = 1024 * 1024

/** Bytes a message of each type may have, uncompressed. The protocol says 500 MB of all of them. */
export const messageLimits: Readonly<Record<number, number>> = {
  [messageType.clusterConfig]: 8 * MiB,
  // One file of 10 TB has 655,360 blocks of some 45 bytes.
  [messageType.index]: 64 * MiB,
  [messageType.indexUpdate]: 64 * MiB,
  [messageType.request]: 256 * 1024,
  [messageType.response]: maxBlockBytes + 1024,
  [messageType.ping]: 1024,
  [messageType.close]: 64 * 1024,
  [messageType.packedRequest]: 2 * MiB,
  [messageType.packedResponse]: 9 * MiB,
}

/** What one packed request may ask for. */
export const maxPackedBytes = 4 * MiB
export const maxPackedItems = 1024
/** Ours; the number of a peer's folders is bounded by the size of the message. */
const maxReasonLength = 1000

export interface Header {
  readonly type: number
  readonly compressed: boolean
}

export function readHeader(bytes: Uint8Array): Header {
  let type = 0
  let compression = 0
  const reader = new ProtoReader(bytes)
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 0x08) type = reader.int32()
    else if (tag === 0x10) compression = reader.int32()
    else reader.skip(tag)
  }
  if (compression !== 0 && compression !== 1) throw new ProtocolViolation('an unknown compression')
  return { type, compressed: compression === 1 }
}

export function readClusterConfig(bytes: Uint8Array): FolderInCluster[] {
  const folders: FolderInCluster[] = []
  each(bytes, (tag, reader) => {
    if (tag === 0x0a) folders.push(reader.message(readFolder))
    else reader.skip(tag)
  })
  return folders
}

function readFolder(reader: ProtoReader): FolderInCluster {
  const devices: FolderInCluster['devices'][number][] = []
  const folder = { id: '', label: '', readOnly: false, ignorePermissions: false, ignoreDelete: false, paused: false, devices } // prettier-ignore
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 0x0a) folder.id = reader.string()
    else if (tag === 0x12) folder.label = reader.string()
    // Since 2.0 the type of the folder, of which 1 is send-only.
    else if (tag === 0x18) folder.readOnly = reader.int32() === 1
    else if (tag === 0x20) folder.ignorePermissions = reader.bool()
    else if (tag === 0x28) folder.ignoreDelete = reader.bool()
    // Since 2.0 the reason why it does not run.
    else if (tag === 0x38) folder.paused = reader.int32() !== 0
    else if (tag === 0x82) devices.push(reader.message(readDevice))
    else reader.skip(tag)
  }
  return folder
}

function readDevice(reader: ProtoReader): FolderInCluster['devices'][number] {
  const device = { id: new Uint8Array(0), name: '', maxSequence: 0, indexId: 0n }
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 0x0a) device.id = reader.copy()
    else if (tag === 0x12) device.name = reader.string()
    else if (tag === 0x30) device.maxSequence = Math.max(reader.safeInteger(), 0)
    else if (tag === 0x40) device.indexId = reader.uint64()
    else reader.skip(tag)
  }
  if (device.id.length !== 32) throw new ProtocolViolation('a device id that is not 32 bytes')
  return device
}

export function writeClusterConfig(folders: readonly FolderInCluster[]): Buffer {
  const writer = new ProtoWriter(1024)
  for (const folder of folders)
    writer.message(1, (to) => {
      to.string(1, folder.id).string(2, folder.label).bool(3, folder.readOnly)
      to.bool(4, folder.ignorePermissions).bool(5, folder.ignoreDelete)
      // What we are in the middle of getting cannot be asked of us, and progress is of no use here.
      to.bool(6, true).bool(7, folder.paused)
      for (const device of folder.devices)
        to.message(16, (inner) =>
          inner
            .bytes(1, device.id)
            .string(2, device.name)
            .int(6, device.maxSequence)
            .uint64(8, device.indexId),
        )
    })
  return writer.finish()
}

export interface IndexMessage {
  readonly folder: string
  readonly files: readonly FileInfo[]
}

export function readIndex(bytes: Uint8Array): IndexMessage {
  let folder = ''
  const files: FileInfo[] = []
  each(bytes, (tag, reader) => {
    if (tag === 0x0a) folder = reader.string()
    else if (tag === 0x12) files.push(reader.message(readFile))
    else reader.skip(tag)
  })
  return { folder, files }
}

/** `previous`: the highest sequence sent before in this folder over this connection; 0 with the first. */
export function writeIndex(
  folder: string,
  files: readonly FileInfo[],
  sequences: { last: number; previous: number },
): Buffer {
  const writer = new ProtoWriter(64 * 1024)
  writer.string(1, folder)
  for (const file of files) writer.message(2, (to) => writeFile(to, file))
  return writer.int(3, sequences.last).int(4, sequences.previous).finish()
}

export interface NumberedRequest extends BlockRequest {
  readonly id: number
}

export function readRequest(bytes: Uint8Array): NumberedRequest {
  const request = emptyRequest()
  each(bytes, (tag, reader) => {
    if (tag === 0x08) request.id = reader.int32()
    else if (tag === 0x12) request.folder = reader.string()
    else if (tag === 0x1a) request.name = reader.string()
    else if (tag === 0x20) request.offset = reader.safeInteger()
    else if (tag === 0x28) request.size = reader.int32()
    else if (tag === 0x32) request.hash = reader.bytes()
    else if (tag === 0x38) request.fromTemporary = reader.bool()
    else reader.skip(tag)
  })
  return checkedRequest(request)
}

export function writeRequest(id: number, request: BlockRequest): Buffer {
  return new ProtoWriter(192)
    .int(1, id)
    .string(2, request.folder)
    .string(3, request.name)
    .int(4, request.offset)
    .int(5, request.size)
    .bytes(6, request.hash)
    .bool(7, request.fromTemporary)
    .finish()
}

function emptyRequest(): { -readonly [Key in keyof NumberedRequest]: NumberedRequest[Key] } {
  return { id: 0, folder: '', name: '', offset: 0, size: 0, hash: new Uint8Array(0), fromTemporary: false } // prettier-ignore
}

function checkedRequest<T extends BlockRequest>(request: T): T {
  if (request.size < 0 || request.size > maxBlockBytes || request.offset < 0)
    throw new ProtocolViolation('a request for what no block can be')
  return request
}

export interface ResponseMessage {
  readonly id: number
  readonly code: BlockError
  /** A view into the message. */
  readonly data: Uint8Array
}

const noData = new Uint8Array(0)

export function readResponse(bytes: Uint8Array): ResponseMessage {
  let id = 0
  let code: BlockError = blockError.none
  let data: Uint8Array = noData
  each(bytes, (tag, reader) => {
    if (tag === 0x08) id = reader.int32()
    else if (tag === 0x12) data = reader.bytes()
    else if (tag === 0x18) code = errorCode(reader.int32())
    else reader.skip(tag)
  })
  return { id, code, data }
}

/** What goes before the data and after it; the data itself is sent as it is. */
export function writeResponse(id: number, code: BlockError, dataLength: number): Buffer {
  const writer = new ProtoWriter(32).int(1, id).int(3, code)
  if (dataLength > 0) writer.bytesHeader(2, dataLength)
  return writer.finish()
}

function errorCode(value: number): BlockError {
  return value === 0 || value === 2 || value === 3 ? value : blockError.generic
}

/** Silo's own: many small blocks asked for at once. The folder stands once for all that follow in it. */
export function readPackedRequest(bytes: Uint8Array): { id: number; items: BlockRequest[] } {
  let id = 0
  let folder = ''
  let total = 0
  const items: BlockRequest[] = []
  each(bytes, (tag, reader) => {
    if (tag === 0x08) id = reader.int32()
    else if (tag === 0x12) {
      const item = reader.message((inner) => {
        const request = { ...emptyRequest(), folder }
        for (let field = inner.tag(); field !== 0; field = inner.tag()) {
          if (field === 0x0a) folder = request.folder = inner.string()
          else if (field === 0x12) request.name = inner.string()
          else if (field === 0x18) request.offset = inner.safeInteger()
          else if (field === 0x20) request.size = inner.int32()
          else if (field === 0x2a) request.hash = inner.bytes()
          else inner.skip(field)
        }
        return checkedRequest(request)
      })
      total += item.size
      if (items.push(item) > maxPackedItems || total > maxPackedBytes)
        throw new ProtocolViolation('a packed request for too much')
    } else reader.skip(tag)
  })
  return { id, items }
}

export function writePackedRequest(id: number, items: readonly BlockRequest[]): Buffer {
  const writer = new ProtoWriter(items.length * 96 + 64).int(1, id)
  let folder = ''
  for (const item of items)
    writer.message(2, (to) => {
      if (item.folder !== folder) to.string(1, (folder = item.folder))
      to.string(2, item.name).int(3, item.offset).int(4, item.size).bytes(5, item.hash)
    })
  return writer.finish()
}

export type PackedAnswer = { readonly data: Uint8Array } | { readonly error: BlockError }

export function readPackedResponse(bytes: Uint8Array): { id: number; answers: PackedAnswer[] } {
  let id = 0
  const answers: PackedAnswer[] = []
  each(bytes, (tag, reader) => {
    if (tag === 0x08) id = reader.int32()
    else if (tag === 0x12) {
      let code: BlockError = blockError.none
      let data: Uint8Array = noData
      reader.message((inner) => {
        for (let field = inner.tag(); field !== 0; field = inner.tag()) {
          if (field === 0x08) code = errorCode(inner.int32())
          else if (field === 0x12) data = inner.bytes()
          else inner.skip(field)
        }
      })
      if (answers.push(code === blockError.none ? { data } : { error: code }) > maxPackedItems)
        throw new ProtocolViolation('a packed response with too much')
    } else reader.skip(tag)
  })
  return { id, answers }
}

export function writePackedResponse(id: number, answers: readonly PackedAnswer[]): Buffer {
  let size = 16
  for (const answer of answers) size += 16 + ('data' in answer ? answer.data.length : 0)
  const writer = new ProtoWriter(size).int(1, id)
  for (const answer of answers) {
    if ('error' in answer) writer.message(2, (to) => void to.int(1, answer.error))
    else {
      const head = answer.data.length === 0 ? 0 : new ProtoWriter(16).bytesHeader(2, answer.data.length).length // prettier-ignore
      writer.bytesHeader(2, head + answer.data.length).bytes(2, answer.data)
    }
  }
  return writer.finish()
}

export function readClose(bytes: Uint8Array): string {
  let reason = ''
  each(bytes, (tag, reader) => {
    if (tag === 0x0a) reason = reader.string()
    else reader.skip(tag)
  })
  return reason.slice(0, maxReasonLength)
}

export function writeClose(reason: string): Buffer {
  return new ProtoWriter(64).string(1, reason.slice(0, maxReasonLength)).finish()
}

function each(bytes: Uint8Array, read: (tag: number, reader: ProtoReader) => void): void {
  const reader = new ProtoReader(bytes)
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) read(tag, reader)
}
