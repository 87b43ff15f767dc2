import type { LoadedSegment } from './loaded-collection.ts'
import type { Best } from './best.ts'

/**
 * Compares a query with every row that holds, or of them with those that fit. Exact but for the rounding of the stored
 * vectors.
 */
export function searchDense(
  segments: readonly LoadedSegment[],
  query: Float32Array,
  best: Best<LoadedSegment>,
  fits: (loaded: LoadedSegment) => Uint8Array = ({ alive }) => alive,
): void {
  for (const loaded of segments) {
    const { segment } = loaded
    const alive = fits(loaded)
    const { rows, dimensions, scales, values } = segment
    if (dimensions !== query.length) continue
    for (let row = 0; row < rows; row++) {
      if (alive[row] === 0) continue
      const score = dot(values, row * dimensions, query, dimensions) * scales[row]!
      if (score > best.least) best.add(score, loaded, row)
    }
  }
}

/** The cosines of a query with up to `count` rows from all over: what is usual for it. */
export function cosines(
  segments: readonly LoadedSegment[],
  query: Float32Array,
  count: number,
): number[] {
  const rows = segments.reduce((sum, { segment }) => sum + segment.rows, 0)
  // An odd step, so that it falls on no rhythm of the documents.
  const step = Math.max(1, Math.floor(rows / count) | 1)
  const found: number[] = []
  let at = 0
  for (const { alive, segment } of segments) {
    const { dimensions, scales, values } = segment
    if (dimensions !== query.length) continue
    for (let row = 0; row < segment.rows; row++)
      if (at++ % step === 0 && alive[row] === 1 && found.length < count)
        found.push(dot(values, row * dimensions, query, dimensions) * scales[row]!)
  }
  return found
}

/** Four sums, so that no addition waits for the one before. */
function dot(values: Int8Array, from: number, query: Float32Array, length: number): number {
  let a = 0
  let b = 0
  let c = 0
  let d = 0
  let at = 0
  for (; at + 3 < length; at += 4) {
    a += values[from + at]! * query[at]!
    b += values[from + at + 1]! * query[at + 1]!
    c += values[from + at + 2]! * query[at + 2]!
    d += values[from + at + 3]! * query[at + 3]!
  }
  for (; at < length; at++) a += values[from + at]! * query[at]!
  return a + b + c + d
}
