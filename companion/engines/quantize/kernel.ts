import { parentPort } from 'node:worker_threads'
import { loadGgml } from './ggml.ts'

/** Entry of a thread that quantizes pieces of tensors, one after the other. */

export interface Piece {
  readonly from: number
  readonly to: number
  readonly bytes: Uint8Array
  readonly rows: number
  readonly width: number
  /** Of the result, bytes. */
  readonly size: number
  readonly importance?: Float32Array
}

const ggml = loadGgml()
parentPort!.on('message', (piece: Piece) => {
  const { from, to, bytes, rows, width, size, importance } = piece
  const weights = ggml.toFloat(from, bytes, rows, width)
  const out = ggml.quantize(to, weights, rows, width, size, importance)
  parentPort!.postMessage(out, [out.buffer as ArrayBuffer])
})
