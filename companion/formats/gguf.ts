import { open, type FileHandle } from 'node:fs/promises'
import { SiloError } from '#shared/errors/silo-error.ts'

export type GgufValue = number | bigint | string | boolean | readonly (number | string)[]

export interface GgufHeader {
  readonly version: number
  /** Arrays longer than 64 entries (vocabularies) are skipped. */
  readonly metadata: ReadonlyMap<string, GgufValue>
  readonly tensors: readonly GgufTensor[]
  /** Where the descriptions of the tensors begin, and where their data does; bytes. */
  readonly infosAt: number
  readonly dataStart: number
  /** Tensors begin at multiples of this, bytes. */
  readonly alignment: number
  /** Where the value of `general.file_type` lies, a u32. */
  readonly fileTypeAt?: number
  /** Bytes the file must have for its tensors to be complete. */
  readonly expectedSize: number
  readonly fileSize: number
}

export interface GgufTensor {
  readonly name: string
  readonly dimensions: readonly number[]
  readonly type: number
  readonly offset: number
}

/** Bytes per block and values per block by GGML tensor type; unknown types are not size-checked. */
const blocks: Record<number, readonly [bytes: number, values: number]> = {
  0: [4, 1],
  1: [2, 1],
  2: [18, 32],
  3: [20, 32],
  6: [22, 32],
  7: [24, 32],
  8: [34, 32],
  10: [84, 256],
  11: [110, 256],
  12: [144, 256],
  13: [176, 256],
  14: [210, 256],
  15: [292, 256],
  16: [66, 256],
  17: [74, 256],
  18: [98, 256],
  19: [50, 256],
  20: [18, 32],
  21: [110, 256],
  22: [82, 256],
  23: [136, 256],
  24: [1, 1],
  25: [2, 1],
  26: [4, 1],
  27: [8, 1],
  28: [8, 1],
  29: [56, 256],
  30: [2, 1],
}

/** Bytes of a tensor as `type`; undefined for a type that is not known. */
export function tensorBytes(dimensions: readonly number[], type: number): number | undefined {
  const block = blocks[type]
  if (!block) return undefined
  return (dimensions.reduce((product, dimension) => product * dimension, 1) / block[1]) * block[0]
}

const fixedSizes: Record<number, number> = {
  0: 1,
  1: 1,
  2: 2,
  3: 2,
  4: 4,
  5: 4,
  6: 4,
  7: 1,
  10: 8,
  11: 8,
  12: 8,
}

const chunk = 1 << 20
const longestString = 4 << 20
const longestHeader = 256 << 20

/** Reads forward through a file in megabytes. */
class Cursor {
  readonly #file: FileHandle
  readonly #size: number
  #buffer = Buffer.alloc(0)
  #start = 0
  position = 0

  constructor(file: FileHandle, size: number) {
    this.#file = file
    this.#size = size
  }

  async take(length: number): Promise<Buffer> {
    if (length > longestString || this.position + length > Math.min(this.#size, longestHeader)) {
      throw new RangeError('the header runs past the end')
    }
    const at = this.position - this.#start
    if (at < 0 || at + length > this.#buffer.length) {
      const wanted = Math.min(Math.max(length, chunk), this.#size - this.position)
      const buffer = Buffer.alloc(wanted)
      const { bytesRead } = await this.#file.read(buffer, 0, wanted, this.position)
      if (bytesRead < length) throw new RangeError('the file ended early')
      this.#buffer = buffer.subarray(0, bytesRead)
      this.#start = this.position
    }
    const from = this.position - this.#start
    this.position += length
    return this.#buffer.subarray(from, from + length)
  }

  async u32(): Promise<number> {
    return (await this.take(4)).readUInt32LE(0)
  }

  async u64(): Promise<number> {
    const value = Number((await this.take(8)).readBigUInt64LE(0))
    if (!Number.isSafeInteger(value)) throw new RangeError('a length is out of range')
    return value
  }

  async string(): Promise<string> {
    return (await this.take(await this.u64())).toString('utf8')
  }
}

/**
 * Reads and checks a GGUF header: magic, version, every length, and that all tensors lie within the file.
 * @throws SiloError model_corrupt (param `model` is `name`), model_not_installed when there is no file
 */
export async function readGguf(path: string, name: string): Promise<GgufHeader> {
  let file: FileHandle
  try {
    file = await open(path, 'r')
  } catch (error) {
    throw new SiloError('model_not_installed', { params: { model: name }, cause: error })
  }
  try {
    const { size } = await file.stat()
    const header = await parse(new Cursor(file, size), size)
    if (header.expectedSize > size) throw new RangeError('tensors are cut off')
    return header
  } catch (error) {
    throw new SiloError('model_corrupt', { params: { model: name }, cause: error })
  } finally {
    await file.close()
  }
}

async function parse(cursor: Cursor, fileSize: number): Promise<GgufHeader> {
  if ((await cursor.take(4)).toString('latin1') !== 'GGUF') throw new RangeError('no GGUF magic')
  const version = await cursor.u32()
  if (version < 2 || version > 3) throw new RangeError(`GGUF version ${version}`)
  const tensorCount = await cursor.u64()
  const entryCount = await cursor.u64()
  if (tensorCount > 100_000 || entryCount > 100_000) throw new RangeError('implausible counts')
  const metadata = new Map<string, GgufValue>()
  let fileTypeAt: number | undefined
  for (let i = 0; i < entryCount; i++) {
    const key = await cursor.string()
    const type = await cursor.u32()
    if (key === 'general.file_type' && type === 4) fileTypeAt = cursor.position
    const value = await readValue(cursor, type)
    if (value !== undefined) metadata.set(key, value)
  }
  const infosAt = cursor.position
  const tensors: GgufTensor[] = []
  for (let i = 0; i < tensorCount; i++) {
    const name = await cursor.string()
    const rank = await cursor.u32()
    if (rank > 8) throw new RangeError('implausible tensor rank')
    const dimensions: number[] = []
    for (let d = 0; d < rank; d++) dimensions.push(await cursor.u64())
    tensors.push({ name, dimensions, type: await cursor.u32(), offset: await cursor.u64() })
  }
  const alignment = Number(metadata.get('general.alignment') ?? 32)
  const dataStart = Math.ceil(cursor.position / alignment) * alignment
  let end = 0
  for (const { dimensions, type, offset } of tensors)
    end = Math.max(end, offset + (tensorBytes(dimensions, type) ?? 1))
  return {
    version,
    metadata,
    tensors,
    infosAt,
    dataStart,
    alignment,
    ...(fileTypeAt === undefined ? {} : { fileTypeAt }),
    expectedSize: dataStart + end,
    fileSize,
  }
}

async function readValue(cursor: Cursor, type: number): Promise<GgufValue | undefined> {
  switch (type) {
    case 0:
      return (await cursor.take(1)).readUInt8(0)
    case 1:
      return (await cursor.take(1)).readInt8(0)
    case 2:
      return (await cursor.take(2)).readUInt16LE(0)
    case 3:
      return (await cursor.take(2)).readInt16LE(0)
    case 4:
      return cursor.u32()
    case 5:
      return (await cursor.take(4)).readInt32LE(0)
    case 6:
      return (await cursor.take(4)).readFloatLE(0)
    case 7:
      return (await cursor.take(1)).readUInt8(0) !== 0
    case 8:
      return cursor.string()
    case 9:
      return readArray(cursor)
    case 10:
      return Number((await cursor.take(8)).readBigUInt64LE(0))
    case 11:
      return Number((await cursor.take(8)).readBigInt64LE(0))
    case 12:
      return (await cursor.take(8)).readDoubleLE(0)
    default:
      throw new RangeError(`unknown metadata type ${type}`)
  }
}

async function readArray(cursor: Cursor): Promise<readonly (number | string)[] | undefined> {
  const type = await cursor.u32()
  const length = await cursor.u64()
  const keep = length <= 64
  const items: (number | string)[] = []
  const size = fixedSizes[type]
  if (size !== undefined && !keep) {
    for (let rest = length * size; rest > 0; rest -= chunk) await cursor.take(Math.min(rest, chunk))
    return undefined
  }
  for (let i = 0; i < length; i++) {
    const value = await readValue(cursor, type)
    if (keep && (typeof value === 'number' || typeof value === 'string')) items.push(value)
  }
  return keep ? items : undefined
}

export interface GgufFacts {
  readonly architecture: string
  readonly name: string | undefined
  readonly contextLength: number
  readonly parameters: number
  /** Bytes of KV cache per token at f16; 0 for encoders. */
  readonly kvBytesPerToken: number
  readonly embeddingLength: number
  readonly embedding: boolean
  readonly quantization: string
  readonly licence: string | undefined
}

const fileTypes: Record<number, string> = {
  0: 'F32',
  1: 'F16',
  2: 'Q4_0',
  3: 'Q4_1',
  7: 'Q8_0',
  8: 'Q5_0',
  9: 'Q5_1',
  10: 'Q2_K',
  11: 'Q3_K_S',
  12: 'Q3_K_M',
  13: 'Q3_K_L',
  14: 'Q4_K_S',
  15: 'Q4_K_M',
  16: 'Q5_K_S',
  17: 'Q5_K_M',
  18: 'Q6_K',
  32: 'BF16',
}

/** What the header says about the model, in the terms of the catalogue. */
export function ggufFacts(header: GgufHeader): GgufFacts {
  const { metadata } = header
  const architecture = String(metadata.get('general.architecture') ?? 'unknown')
  const number = (key: string): number => {
    const value = metadata.get(`${architecture}.${key}`)
    if (typeof value === 'number') return value
    // Some models give one value per layer.
    return Array.isArray(value) ? Math.max(0, ...value.map(Number)) : 0
  }
  const text = (key: string): string | undefined => {
    const value = metadata.get(key)
    return typeof value === 'string' && value ? value : undefined
  }
  const heads = number('attention.head_count') || 1
  const kvHeads = number('attention.head_count_kv') || heads
  const width = number('embedding_length')
  const keyLength = number('attention.key_length') || width / heads
  const valueLength = number('attention.value_length') || width / heads
  const embedding = metadata.has(`${architecture}.pooling_type`) || /bert|embed/.test(architecture)
  return {
    architecture,
    name: text('general.name'),
    contextLength: number('context_length') || 2048,
    parameters: header.tensors.reduce(
      (sum, tensor) => sum + tensor.dimensions.reduce((a, b) => a * b, 1),
      0,
    ),
    kvBytesPerToken: embedding
      ? 0
      : number('block_count') * kvHeads * (keyLength + valueLength) * 2,
    embeddingLength: width,
    embedding,
    quantization: fileTypes[Number(metadata.get('general.file_type') ?? -1)] ?? 'mixed',
    licence: text('general.license'),
  }
}
