import { createWriteStream } from 'node:fs'
import { once } from 'node:events'
import { finished } from 'node:stream/promises'

/** GGUF value types (ggml's `gguf_type`). */
const types = { u32: 4, i32: 5, f32: 6, bool: 7, string: 8, array: 9 } as const
const alignment = 32

export interface GgufTensorData {
  readonly name: string
  /** Row length first, as GGML counts. */
  readonly dimensions: readonly number[]
  /** GGML type: 0 = F32, 2 = Q4_0. */
  readonly type: number
  readonly bytes: Uint8Array
}

/** Collects metadata in order and writes a GGUF v3 file. The same input gives the same bytes. */
export class GgufWriter {
  readonly #parts: Buffer[] = []
  #count = 0

  string(key: string, value: string): void {
    this.#key(key, types.string)
    this.#parts.push(lengthPrefixed(Buffer.from(value)))
  }

  u32(key: string, value: number): void {
    this.#key(key, types.u32)
    this.#parts.push(uint32(value))
  }

  f32(key: string, value: number): void {
    this.#key(key, types.f32)
    const bytes = Buffer.alloc(4)
    bytes.writeFloatLE(value)
    this.#parts.push(bytes)
  }

  bool(key: string, value: boolean): void {
    this.#key(key, types.bool)
    this.#parts.push(Buffer.from([value ? 1 : 0]))
  }

  strings(key: string, values: readonly Uint8Array[]): void {
    this.#array(key, types.string, values.length)
    for (const value of values) this.#parts.push(lengthPrefixed(value))
  }

  f32s(key: string, values: Float32Array): void {
    this.#array(key, types.f32, values.length)
    this.#parts.push(Buffer.from(values.buffer, values.byteOffset, values.byteLength))
  }

  i32s(key: string, values: Int32Array): void {
    this.#array(key, types.i32, values.length)
    this.#parts.push(Buffer.from(values.buffer, values.byteOffset, values.byteLength))
  }

  /** Writes the file. @throws the stream's error (ENOSPC, …) */
  async write(path: string, tensors: readonly GgufTensorData[]): Promise<void> {
    const head = [Buffer.from('GGUF'), uint32(3), uint64(tensors.length), uint64(this.#count)]
    const infos: Buffer[] = []
    let offset = 0
    for (const tensor of tensors) {
      infos.push(lengthPrefixed(Buffer.from(tensor.name)), uint32(tensor.dimensions.length))
      for (const dimension of tensor.dimensions) infos.push(uint64(dimension))
      infos.push(uint32(tensor.type), uint64(offset))
      offset += padded(tensor.bytes.byteLength)
    }
    const header = Buffer.concat([...head, ...this.#parts, ...infos])
    const stream = createWriteStream(path)
    const done = finished(stream)
    // Without this a write error before `await done` would be unhandled.
    done.catch(() => {})
    const write = async (bytes: Uint8Array) => {
      if (bytes.byteLength > 0 && !stream.write(bytes))
        await Promise.race([once(stream, 'drain'), done])
    }
    await write(header)
    await write(Buffer.alloc(padded(header.length) - header.length))
    for (const tensor of tensors) {
      await write(tensor.bytes)
      await write(Buffer.alloc(padded(tensor.bytes.byteLength) - tensor.bytes.byteLength))
    }
    stream.end()
    await done
  }

  #key(key: string, type: number): void {
    this.#count += 1
    this.#parts.push(lengthPrefixed(Buffer.from(key)), uint32(type))
  }

  #array(key: string, type: number, length: number): void {
    this.#key(key, types.array)
    this.#parts.push(uint32(type), uint64(length))
  }
}

function padded(length: number): number {
  return Math.ceil(length / alignment) * alignment
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

function uint64(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}

function lengthPrefixed(bytes: Uint8Array): Buffer {
  return Buffer.concat([uint64(bytes.byteLength), bytes])
}
