import * as v from 'valibot'
import { documentSchema } from '#shared/domain/vault.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import type { ReplicaPage } from '#shared/protocol/replica-page.ts'
import { termsOf } from '#shared/vault/terms.ts'
import { ByteWriter } from './bytes.ts'
import { buildTextIndex, type TextIndex } from './text-index.ts'

const count = v.pipe(v.number(), v.integer(), v.minValue(0))

/** What a segment says of one document: as in a page of the feed, with the number of its rows here. */
const entrySchema = v.object({
  document: documentSchema,
  length: v.optional(count),
  change: count,
  from: count,
  state: v.picklist(['complete', 'more', 'kept']),
  rows: count,
})
export type SegmentEntry = v.InferOutput<typeof entrySchema>

const headSchema = v.object({
  version: v.literal(1),
  rows: count,
  dimensions: v.pipe(v.number(), v.integer(), v.minValue(1)),
  entries: v.array(entrySchema),
  /** Documents that were removed by then. */
  removed: v.array(v.string()),
})

/** Where the text of each row is, and where it stands in its document. */
export interface RowColumns {
  readonly start: Uint32Array<ArrayBuffer>
  readonly end: Uint32Array<ArrayBuffer>
  readonly page: Uint32Array<ArrayBuffer>
  readonly block: Uint32Array<ArrayBuffer>
  readonly at: Uint32Array<ArrayBuffer>
  readonly bytes: Uint32Array<ArrayBuffer>
}

/** Some documents of a collection with everything a search needs but their texts, which lie in blocks beside it. */
export interface Segment {
  readonly rows: number
  readonly dimensions: number
  readonly entries: readonly SegmentEntry[]
  readonly removed: readonly string[]
  readonly columns: RowColumns
  readonly scales: Float32Array<ArrayBuffer>
  readonly values: Int8Array<ArrayBuffer>
  readonly index: TextIndex
}

/** A segment as it lies in the database: few large buffers, which are written a hundred times quicker than rows. */
export interface StoredSegment {
  /** Names the blocks of its texts; another one is another segment. */
  readonly id: string
  /** Bytes of its texts. */
  readonly textBytes: number
  readonly head: ArrayBuffer
  readonly columns: ArrayBuffer
  readonly scales: ArrayBuffer
  readonly values: ArrayBuffer
  readonly terms: ArrayBuffer
  readonly termAt: ArrayBuffer
  readonly lists: ArrayBuffer
  readonly listAt: ArrayBuffer
  readonly counts: ArrayBuffer
  readonly lengths: ArrayBuffer
}

/** Id, headings and text of a row, as they lie in a block. */
export const rowTextSchema = v.strictTuple([v.string(), v.array(v.string()), v.string()])
export type RowText = v.InferOutput<typeof rowTextSchema>

/** Texts are read a block at a time, for the few rows that are shown. */
const blockBytes = 32 * 1024

const utf8 = new TextEncoder()

/** Collects rows and their texts. */
export class RowWriter {
  readonly #columns: number[][] = [[], [], [], [], [], []]
  readonly blocks: Uint8Array<ArrayBuffer>[] = []
  #block = new ByteWriter(blockBytes)

  get rows(): number {
    return this.#columns[0]!.length
  }

  add(start: number, end: number, page: number, text: Uint8Array): void {
    if (this.#block.length > 0 && this.#block.length + text.length > blockBytes) this.#flush()
    const row = [start, end, page, this.blocks.length, this.#block.length, text.length]
    for (const [column, value] of row.entries()) this.#columns[column]!.push(value)
    this.#block.push(text)
  }

  finish(): RowColumns {
    if (this.#block.length > 0) this.#flush()
    const [start, end, page, block, at, bytes] = this.#columns.map((column) => Uint32Array.from(column)) // prettier-ignore
    return { start: start!, end: end!, page: page!, block: block!, at: at!, bytes: bytes! }
  }

  #flush(): void {
    this.blocks.push(this.#block.take())
    this.#block = new ByteWriter(blockBytes)
  }
}

/** A page of the feed as a segment and the blocks of its texts. */
export function segmentOf({ head, vectors }: ReplicaPage): {
  segment: Segment
  blocks: Uint8Array<ArrayBuffer>[]
} {
  const writer = new RowWriter()
  const terms: string[][] = []
  const entries = head.documents.map(({ chunks, ...entry }): SegmentEntry => {
    for (const [id, start, end, page, headings, text] of chunks) {
      writer.add(start, end, page, utf8.encode(JSON.stringify([id, headings, text])))
      // The words the companion's index has of it.
      terms.push(termsOf([entry.document.title, ...headings, text].join('\n'), 'document'))
    }
    return { ...entry, rows: chunks.length }
  })
  const columns = writer.finish()
  const { scales, values, dimensions } = vectors
  const index = buildTextIndex(terms)
  const { removed } = head
  return {
    segment: { rows: writer.rows, dimensions, entries, removed, columns, scales, values, index },
    blocks: writer.blocks,
  }
}

export function storedSegment(
  id: string,
  segment: Segment,
  blocks: readonly Uint8Array[],
): StoredSegment {
  const { rows, dimensions, entries, removed, columns, scales, values, index } = segment
  const { start, end, page, block, at, bytes } = columns
  const all = new Uint32Array(rows * 6)
  for (const [column, data] of [start, end, page, block, at, bytes].entries())
    all.set(data, column * rows)
  return {
    id,
    textBytes: blocks.reduce((sum, { length }) => sum + length, 0),
    head: utf8.encode(JSON.stringify({ version: 1, rows, dimensions, entries, removed })).buffer,
    columns: all.buffer,
    scales: scales.buffer,
    values: values.buffer,
    terms: index.terms.buffer,
    termAt: index.termAt.buffer,
    lists: index.lists.buffer,
    listAt: index.listAt.buffer,
    counts: index.counts.buffer,
    lengths: index.lengths.buffer,
  }
}

/** Reads a stored segment strictly. @throws SiloError page_storage_failed where it is damaged or of another version */
export function loadSegment(stored: StoredSegment): Segment {
  const head = headOf(stored.head)
  const { rows, dimensions, entries, removed } = head
  const column = (at: number): Uint32Array<ArrayBuffer> =>
    new Uint32Array(stored.columns, at * rows * 4, rows)
  const own = entries.reduce((sum, entry) => sum + entry.rows, 0)
  const lists = stored.counts?.byteLength
  const whole =
    own === rows &&
    stored.columns?.byteLength === rows * 24 &&
    stored.scales?.byteLength === rows * 4 &&
    stored.values?.byteLength === rows * dimensions &&
    stored.lengths?.byteLength === rows * 2 &&
    stored.termAt?.byteLength === lists + 4 &&
    stored.listAt?.byteLength === lists + 4
  if (!whole) throw damaged()
  const termAt = new Uint32Array(stored.termAt)
  const listAt = new Uint32Array(stored.listAt)
  if (termAt.at(-1) !== stored.terms.byteLength || listAt.at(-1) !== stored.lists.byteLength)
    throw damaged()
  return {
    rows,
    dimensions,
    entries,
    removed,
    columns: { start: column(0), end: column(1), page: column(2), block: column(3), at: column(4), bytes: column(5) }, // prettier-ignore
    scales: new Float32Array(stored.scales),
    values: new Int8Array(stored.values),
    index: {
      terms: new Uint8Array(stored.terms),
      termAt,
      lists: new Uint8Array(stored.lists),
      listAt,
      counts: new Uint32Array(stored.counts),
      lengths: new Uint16Array(stored.lengths),
    },
  }
}

/** Bytes a segment takes, its texts included. */
export function segmentBytes(stored: StoredSegment): number {
  const { id: _id, textBytes, ...buffers } = stored
  return Object.values(buffers).reduce((sum, { byteLength }) => sum + byteLength, textBytes)
}

function headOf(bytes: ArrayBuffer): v.InferOutput<typeof headSchema> {
  try {
    return v.parse(headSchema, JSON.parse(new TextDecoder().decode(bytes)))
  } catch (cause) {
    throw damaged(cause)
  }
}

function damaged(cause?: unknown): SiloError {
  return new SiloError('page_storage_failed', { cause: cause ?? new Error('a damaged segment') })
}
