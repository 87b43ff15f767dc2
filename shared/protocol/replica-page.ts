import * as v from 'valibot'
import { SiloError } from '#shared/errors/silo-error.ts'
import { maxPageBytes, replicaHeadSchema, type ReplicaHead } from './replica.ts'

/**
 * One page of the replica feed on the wire. All numbers are little endian.
 *
 * | bytes | what |
 * |---|---|
 * | 4 | `SRP1`: the magic with the version of this form |
 * | 4 | u32: bytes of the head, H |
 * | H | the head: JSON in UTF-8 (`replicaHeadSchema`) |
 * | 0…3 | zeros, to a multiple of 4 |
 * | 4 × n | f32: the scale of each of the n chunks' vectors |
 * | n × dimensions | i8: the vectors; a component is its byte times the scale |
 *
 * Nothing follows. A page that is not exactly this is refused as a whole.
 */
export const replicaPageType = 'application/vnd.silo.replica; version=1'

const magic = 0x31_50_52_53 // "SRP1"

export interface ReplicaPage {
  readonly head: ReplicaHead
  readonly vectors: QuantizedVectors
}

/** Vectors as bytes with one scale each. */
export interface QuantizedVectors {
  readonly dimensions: number
  readonly scales: Float32Array<ArrayBuffer>
  /** Row by row. */
  readonly values: Int8Array<ArrayBuffer>
}

/** Each vector by its own largest component: the loss is below half a 127th of it in every component. */
export function quantize(vectors: readonly Float32Array[], dimensions: number): QuantizedVectors {
  const scales = new Float32Array(vectors.length)
  const values = new Int8Array(vectors.length * dimensions)
  for (const [row, vector] of vectors.entries()) {
    let largest = 0
    for (const value of vector) largest = Math.max(largest, Math.abs(value))
    const scale = largest / 127
    scales[row] = scale
    if (!(scale > 0)) continue
    for (let at = 0; at < dimensions; at++)
      values[row * dimensions + at] = Math.round((vector[at] ?? 0) / scale)
  }
  return { dimensions, scales, values }
}

export function encodeReplicaPage({ head, vectors }: ReplicaPage): Uint8Array<ArrayBuffer> {
  const json = new TextEncoder().encode(JSON.stringify(head))
  const { scales, values } = vectors
  const start = aligned(8 + json.length)
  const bytes = new Uint8Array(start + scales.length * 4 + values.length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, magic, true)
  view.setUint32(4, json.length, true)
  bytes.set(json, 8)
  for (const [row, scale] of scales.entries()) view.setFloat32(start + row * 4, scale, true)
  bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.length), start + scales.length * 4) // prettier-ignore
  return bytes
}

/** Reads a page strictly. @throws SiloError bad_response */
export function decodeReplicaPage(bytes: Uint8Array): ReplicaPage {
  if (bytes.length < 8 || bytes.length > maxPageBytes) throw malformed('size')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  if (view.getUint32(0, true) !== magic) throw malformed('version')
  const headBytes = view.getUint32(4, true)
  const start = aligned(8 + headBytes)
  if (start > bytes.length) throw malformed('head')
  const head = headOf(bytes.subarray(8, 8 + headBytes))
  for (let at = 8 + headBytes; at < start; at++) if (bytes[at] !== 0) throw malformed('padding')
  const rows = rowsOf(head)
  const { dimensions } = head
  if (bytes.length !== start + rows * (4 + dimensions)) throw malformed('length')
  const scales = new Float32Array(rows)
  for (let row = 0; row < rows; row++) {
    const scale = view.getFloat32(start + row * 4, true)
    if (!Number.isFinite(scale) || scale < 0) throw malformed('scale')
    scales[row] = scale
  }
  // Copied, so that what is kept does not hold the whole page.
  const values = new Int8Array(rows * dimensions)
  new Uint8Array(values.buffer).set(bytes.subarray(start + rows * 4))
  return { head, vectors: { dimensions, scales, values } }
}

/** Chunks in a page. */
export function rowsOf(head: Pick<ReplicaHead, 'documents'>): number {
  return head.documents.reduce((sum, { chunks }) => sum + chunks.length, 0)
}

function headOf(bytes: Uint8Array): ReplicaHead {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw malformed('json', cause)
  }
  const parsed = v.safeParse(replicaHeadSchema, value, { abortEarly: true })
  if (!parsed.success) throw malformed(v.getDotPath(parsed.issues[0]) ?? 'head')
  const head = parsed.output
  for (const { document, state, from, chunks } of head.documents) {
    if (document.collectionId !== head.collectionId) throw malformed('collection')
    if (state === 'kept' && (chunks.length > 0 || from > 0)) throw malformed('kept')
    for (const [, start, end] of chunks) if (end < start) throw malformed('offsets')
  }
  return head
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / 4) * 4
}

function malformed(detail: string, cause?: unknown): SiloError {
  return new SiloError('bad_response', { cause: cause ?? new Error(`replica page: ${detail}`) })
}
