import type { LoadedCollection, LoadedSegment } from './loaded-collection.ts'
import { RowWriter, type Segment, type SegmentEntry } from './segment.ts'
import { mergeTextIndexes } from './text-index.ts'

/** Rows of a segment that was made of others, at most. */
const mostRows = 8192
/** As many neighbours are worth a merge; and a segment of which so much is gone is worth it alone. */
const leastRun = 4
const goneShare = 0.5

/** The longest run of neighbouring segments that is worth being made one, by index; undefined where none is. */
export function chooseRun(
  segments: readonly LoadedSegment[],
): { start: number; end: number } | undefined {
  const sizes = segments.map(({ alive }) => alive.reduce((sum, one) => sum + one, 0))
  let best: { start: number; end: number } | undefined
  for (let start = 0; start < segments.length; start++) {
    let end = start
    for (let rows = 0; end < segments.length && rows + sizes[end]! <= mostRows; end++)
      rows += sizes[end]!
    const long = end - start >= leastRun
    if (long && (!best || end - start > best.end - best.start)) best = { start, end }
  }
  if (best) return best
  const hollow = segments.findIndex(
    ({ segment }, index) => segment.rows > 0 && sizes[index]! < segment.rows * (1 - goneShare),
  )
  return hollow < 0 ? undefined : { start: hollow, end: hollow + 1 }
}

/**
 * One segment of several neighbours, with what still holds of them. `textOf` gives the bytes of a row's text.
 * Deletions are kept where a segment before the run may have what they delete.
 */
export function mergeSegments(
  collection: LoadedCollection,
  run: readonly LoadedSegment[],
  textOf: (segment: LoadedSegment, row: number) => Uint8Array,
): { segment: Segment; blocks: Uint8Array<ArrayBuffer>[] } {
  const dimensions = run[0]?.segment.dimensions ?? 1
  const rows = run.reduce((sum, { alive }) => sum + alive.reduce((one, two) => one + two, 0), 0)
  const writer = new RowWriter()
  const entries: SegmentEntry[] = []
  const scales = new Float32Array(rows)
  const values = new Int8Array(rows * dimensions)
  const maps: Int32Array[] = []
  for (const loaded of run) {
    const { segment, alive, current } = loaded
    const { start, end, page } = segment.columns
    for (const [index, entry] of segment.entries.entries()) {
      if (current[index] === 1) entries.push(...renewed(collection, run, entry))
    }
    const map = new Int32Array(segment.rows).fill(-1)
    for (let row = 0; row < segment.rows; row++) {
      if (alive[row] === 0) continue
      const next = writer.rows
      map[row] = next
      scales[next] = segment.scales[row]!
      values.set(segment.values.subarray(row * dimensions, (row + 1) * dimensions), next * dimensions) // prettier-ignore
      writer.add(start[row]!, end[row]!, page[row]!, textOf(loaded, row))
    }
    maps.push(map)
  }
  const first = collection.segments[0] === run[0]
  const gone = run.flatMap(({ segment }) => segment.removed)
  const removed = first ? [] : [...new Set(gone)]
  const index = mergeTextIndexes(run.map(({ segment }) => segment.index), maps, rows) // prettier-ignore
  const columns = writer.finish()
  return {
    segment: { rows, dimensions, entries, removed, columns, scales, values, index }, // prettier-ignore
    blocks: writer.blocks,
  }
}

/** The entry with the newest that is said of its document; nothing for a `kept` one that lies beside all its rows. */
function renewed(
  collection: LoadedCollection,
  run: readonly LoadedSegment[],
  entry: SegmentEntry,
): SegmentEntry[] {
  const known = collection.documents.get(entry.document.id)
  const kept = known?.kept
  if (!known || !kept || !run.includes(kept.segment)) return [entry]
  const { document, length, parts } = known
  if (entry.state === 'kept')
    return parts.every(({ segment }) => run.includes(segment)) ? [] : [entry]
  return [{ ...entry, document, ...(length === undefined ? {} : { length }) }]
}
