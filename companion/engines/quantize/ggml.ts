import koffi from 'koffi'
import { libraryFile, libraryFolder } from '../llama-cpp/library-folder.ts'
import { tensorTypes } from './plan.ts'

/** The part of GGML that turns weights from one type into another, from the library the engine itself uses. */
export interface Ggml {
  /** `rows` rows of `width` weights. @throws Error for a type it cannot read */
  toFloat(type: number, bytes: Uint8Array, rows: number, width: number): Float32Array
  /** `importance` weighs the columns; absent: all alike. */
  quantize(
    type: number,
    weights: Float32Array,
    rows: number,
    width: number,
    bytes: number,
    importance?: Float32Array,
  ): Uint8Array
}

/** Names of GGML's readers by type. */
const readers: Record<number, string> = {
  1: 'ggml_fp16_to_fp32_row',
  2: 'dequantize_row_q4_0',
  3: 'dequantize_row_q4_1',
  6: 'dequantize_row_q5_0',
  7: 'dequantize_row_q5_1',
  8: 'dequantize_row_q8_0',
  10: 'dequantize_row_q2_K',
  11: 'dequantize_row_q3_K',
  12: 'dequantize_row_q4_K',
  13: 'dequantize_row_q5_K',
  14: 'dequantize_row_q6_K',
  20: 'dequantize_row_iq4_nl',
  21: 'dequantize_row_iq3_s',
  23: 'dequantize_row_iq4_xs',
  30: 'ggml_bf16_to_fp32_row',
}

/** @throws Error where the engine's library is not for this machine */
export function loadGgml(): Ggml {
  const folder = libraryFolder()
  const file = folder === undefined ? undefined : libraryFile(folder, 'ggml-base')
  if (file === undefined) throw new Error('there is no GGML library for this machine')
  const library = koffi.load(file)
  const quantizeChunk = library.func(
    'size_t ggml_quantize_chunk(int type, const float *weights, void *out, int64_t start, int64_t rows, int64_t width, const float *importance)',
  )
  type Native = ReturnType<typeof library.func>
  const loaded = new Map<number, Native>()
  const readerOf = (type: number): Native => {
    const known = loaded.get(type)
    if (known) return known
    const name = readers[type]
    if (name === undefined) throw new Error(`tensors of type ${type} cannot be read`)
    const reader = library.func(`void ${name}(const void *bytes, float *weights, int64_t count)`)
    loaded.set(type, reader)
    return reader
  }
  return {
    toFloat(type, bytes, rows, width) {
      const weights = new Float32Array(rows * width)
      if (type === tensorTypes.F32)
        new Uint8Array(weights.buffer).set(bytes.subarray(0, weights.byteLength))
      else readerOf(type)(bytes, weights, rows * width)
      return weights
    },
    quantize(type, weights, rows, width, size, importance) {
      const out = new Uint8Array(size)
      const written: unknown = quantizeChunk(type, weights, out, 0, rows, width, importance ?? null)
      if (Number(written) !== size) throw new Error(`${String(written)} bytes instead of ${size}`)
      return out
    },
  }
}
