import { termsOf } from '#shared/vault/terms.ts'
import type { Best } from './best.ts'
import type { LoadedSegment } from './loaded-collection.ts'
import { eachRow, findTerm } from './text-index.ts'

/** BM25 as LanceDB has it, so that phone and companion agree. */
const k1 = 1.2
const b = 0.75

/** Ranks the rows that hold words of the query by BM25, over all segments together. */
export function searchText(
  segments: readonly LoadedSegment[],
  text: string,
  best: Best<LoadedSegment>,
  fits: (loaded: LoadedSegment) => Uint8Array = ({ alive }) => alive,
): void {
  const terms = termsOf(text, 'query')
  if (terms.length === 0) return
  let rows = 0
  let length = 0
  for (const { segment } of segments) {
    rows += segment.rows
    for (const own of segment.index.lengths) length += own
  }
  if (rows === 0) return
  const average = length / rows || 1
  // Rows that are gone are counted until their segment is merged: it shifts all scores alike.
  const found = terms.map((term) => {
    const positions = segments.map(({ segment }) => findTerm(segment.index, term))
    const holding = positions.reduce((sum, at, index) => sum + (at < 0 ? 0 : segments[index]!.segment.index.counts[at]!), 0) // prettier-ignore
    return { positions, weight: Math.log(1 + (rows - holding + 0.5) / (holding + 0.5)) }
  })
  for (const [at, loaded] of segments.entries()) {
    const { segment } = loaded
    const alive = fits(loaded)
    const { lengths } = segment.index
    const scores = new Float32Array(segment.rows)
    let any = false
    for (const { positions, weight } of found) {
      if (positions[at]! < 0) continue
      any = true
      eachRow(segment.index, positions[at]!, (row, count) => {
        const norm = k1 * (1 - b + (b * lengths[row]!) / average)
        scores[row]! += (weight * count * (k1 + 1)) / (count + norm)
      })
    }
    if (!any) continue
    for (let row = 0; row < scores.length; row++) {
      const score = scores[row]!
      if (score > 0 && alive[row] === 1 && score > best.least) best.add(score, loaded, row)
    }
  }
}
