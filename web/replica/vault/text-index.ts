import { ByteWriter, compareBytes } from './bytes.ts'

/**
 * Which rows of a segment hold which terms, in a form that is searched as it is stored: the terms sorted by their
 * bytes, and for each a list of rows as varints: the step from the row before, times four, plus how often less one
 * (four times and more counts as four).
 */
export interface TextIndex {
  /** All terms, one after another, UTF-8. */
  readonly terms: Uint8Array<ArrayBuffer>
  /** Where each term begins in `terms`; one more for the end. */
  readonly termAt: Uint32Array<ArrayBuffer>
  readonly lists: Uint8Array<ArrayBuffer>
  /** Where each term's rows begin in `lists`; one more for the end. */
  readonly listAt: Uint32Array<ArrayBuffer>
  /** How many rows hold each term. */
  readonly counts: Uint32Array<ArrayBuffer>
  /** Terms in each row. */
  readonly lengths: Uint16Array<ArrayBuffer>
}

const utf8 = new TextEncoder()
const most = 4

/** @param rows the terms of each row, repeated as often as they stand there */
export function buildTextIndex(rows: Iterable<readonly string[]>): TextIndex {
  const lists = new Map<string, number[]>()
  const lengths: number[] = []
  const counted = new Map<string, number>()
  for (const terms of rows) {
    const row = lengths.length
    lengths.push(Math.min(terms.length, 0xffff))
    counted.clear()
    for (const term of terms) counted.set(term, (counted.get(term) ?? 0) + 1)
    for (const [term, count] of counted) {
      const list = lists.get(term)
      const entry = row * most + Math.min(count, most) - 1
      if (list) list.push(entry)
      else lists.set(term, [entry])
    }
  }
  const sorted = [...lists]
    .map(([term, list]) => ({ term: utf8.encode(term), list }))
    .sort((a, b) => compareBytes(a.term, b.term))
  return written(sorted, Uint16Array.from(lengths))
}

/**
 * One index of several. `maps` gives the new number of each row of each index; rows that are gone have none (-1).
 * New numbers have to rise with the old ones, index after index.
 */
export function mergeTextIndexes(
  indexes: readonly TextIndex[],
  maps: readonly Int32Array[],
  rows: number,
): TextIndex {
  const lengths = new Uint16Array(rows)
  for (const [at, { lengths: own }] of indexes.entries())
    for (const [row, length] of own.entries()) {
      const next = maps[at]![row]!
      if (next >= 0) lengths[next] = length
    }
  const heads = indexes.map(() => 0)
  const merged: { term: Uint8Array; list: number[] }[] = []
  for (;;) {
    let least: Uint8Array | undefined
    for (const [at, index] of indexes.entries()) {
      if (heads[at]! >= index.counts.length) continue
      const term = termOf(index, heads[at]!)
      if (!least || compareBytes(term, least) < 0) least = term
    }
    if (!least) break
    const list: number[] = []
    for (const [at, index] of indexes.entries()) {
      const head = heads[at]!
      if (head >= index.counts.length || compareBytes(termOf(index, head), least) !== 0) continue
      heads[at] = head + 1
      const map = maps[at]!
      eachRow(index, head, (row, count) => {
        const next = map[row]!
        if (next >= 0) list.push(next * most + count - 1)
      })
    }
    if (list.length > 0) merged.push({ term: least, list })
  }
  return written(merged, lengths)
}

/** The position of a term, or -1. */
export function findTerm(index: TextIndex, term: string): number {
  const wanted = utf8.encode(term)
  let low = 0
  let high = index.counts.length - 1
  while (low <= high) {
    const middle = (low + high) >> 1
    const order = compareBytes(termOf(index, middle), wanted)
    if (order === 0) return middle
    if (order < 0) low = middle + 1
    else high = middle - 1
  }
  return -1
}

/** Every row that holds the term at `position`, and how often (four at most), by row. */
export function eachRow(
  index: TextIndex,
  position: number,
  visit: (row: number, count: number) => void,
): void {
  const { lists, listAt } = index
  const end = listAt[position + 1]!
  let row = 0
  for (let at = listAt[position]!; at < end;) {
    let value = 0
    let shift = 0
    for (;;) {
      const byte = lists[at++]!
      value |= (byte & 127) << shift
      if (byte < 128) break
      shift += 7
    }
    row += value >>> 2
    visit(row, (value & 3) + 1)
  }
}

function termOf(index: TextIndex, position: number): Uint8Array {
  return index.terms.subarray(index.termAt[position]!, index.termAt[position + 1]!)
}

function written(
  entries: readonly { term: Uint8Array; list: readonly number[] }[],
  lengths: Uint16Array<ArrayBuffer>,
): TextIndex {
  const terms = new ByteWriter(entries.length * 8)
  const lists = new ByteWriter(entries.length * 16)
  const termAt = new Uint32Array(entries.length + 1)
  const listAt = new Uint32Array(entries.length + 1)
  const counts = new Uint32Array(entries.length)
  for (const [position, { term, list }] of entries.entries()) {
    termAt[position] = terms.length
    listAt[position] = lists.length
    counts[position] = list.length
    terms.push(term)
    let before = 0
    for (const entry of list) {
      const row = Math.floor(entry / most)
      lists.varint((row - before) * most + (entry % most))
      before = row
    }
  }
  termAt[entries.length] = terms.length
  listAt[entries.length] = lists.length
  return { terms: terms.take(), termAt, lists: lists.take(), listAt, counts, lengths }
}
