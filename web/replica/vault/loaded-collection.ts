import type { Document } from '#shared/domain/vault.ts'
import type { Segment, SegmentEntry } from './segment.ts'

/** A segment in memory, and which of its rows still hold. */
export interface LoadedSegment {
  readonly id: string
  readonly number: number
  readonly segment: Segment
  /** 1 where the row is of a document as it is now. */
  readonly alive: Uint8Array
  /** Which document a row is of: index into `entries`. */
  readonly entryOf: Uint32Array
  /** 1 where the entry is what is known of its document now, or a part of it. */
  readonly current: Uint8Array
}

/** Rows of a document that lie together. */
export interface DocumentPart {
  readonly segment: LoadedSegment
  readonly entry: number
  readonly first: number
  readonly rows: number
}

export interface LoadedDocument {
  readonly document: Document
  readonly length: number | undefined
  /** The change its rows are of. */
  readonly contentChange: number
  readonly parts: readonly DocumentPart[]
  /** The entry, where a later page changed what is said of the document and not its rows. */
  readonly kept?: DocumentPart
}

/**
 * What a device holds of one collection. Segments are in the order they came: what a later one says of a document
 * replaces what earlier ones said.
 */
export class LoadedCollection {
  readonly id: string
  readonly #documents = new Map<string, LoadedDocument>()
  #segments: LoadedSegment[] = []
  #rows = 0

  constructor(id: string) {
    this.id = id
  }

  get segments(): readonly LoadedSegment[] {
    return this.#segments
  }

  get documents(): ReadonlyMap<string, LoadedDocument> {
    return this.#documents
  }

  /** Rows that hold. */
  get rows(): number {
    return this.#rows
  }

  /**
   * Adds the next segment. False where it speaks of chunks that are not here: something is missing, and the copy has
   * to begin anew.
   */
  add(id: string, number: number, segment: Segment): boolean {
    const { rows, entries, removed } = segment
    const loaded: LoadedSegment = {
      id,
      number,
      segment,
      alive: new Uint8Array(rows),
      entryOf: new Uint32Array(rows),
      current: new Uint8Array(entries.length),
    }
    this.#segments.push(loaded)
    for (const id of removed) this.#drop(id)
    let first = 0
    let whole = true
    for (const [index, entry] of entries.entries()) {
      loaded.entryOf.fill(index, first, first + entry.rows)
      if (!this.#put({ segment: loaded, entry: index, first, rows: entry.rows }, entry)) whole = false // prettier-ignore
      first += entry.rows
    }
    return whole
  }

  /** Forgets everything. */
  clear(): void {
    this.#documents.clear()
    this.#segments = []
    this.#rows = 0
  }

  #put(part: DocumentPart, entry: SegmentEntry): boolean {
    const { document, change, from, state } = entry
    const known = this.#documents.get(document.id)
    const length = entry.length ?? known?.length
    if (state === 'kept') {
      if (!known) return false
      if (known.kept) known.kept.segment.current[known.kept.entry] = 0
      part.segment.current[part.entry] = 1
      const { contentChange, parts } = known
      this.#documents.set(document.id, { document, length, contentChange, parts, kept: part }) // prettier-ignore
      return true
    }
    let parts: readonly DocumentPart[] = []
    if (from > 0) {
      const here = known?.parts.reduce((sum, { rows }) => sum + rows, 0)
      // The part before it is of another state of the document, which the feed will send whole.
      if (!known || known.contentChange !== change || here !== from) return true
      parts = known.parts
    } else this.#drop(document.id)
    part.segment.alive.fill(1, part.first, part.first + part.rows)
    part.segment.current[part.entry] = 1
    this.#rows += part.rows
    const all = [...parts, part]
    const kept = from > 0 ? known?.kept : undefined
    this.#documents.set(document.id, {
      document: kept && known ? known.document : document,
      length,
      contentChange: change,
      parts: all,
      ...(kept ? { kept } : {}),
    })
    return true
  }

  #drop(id: string): void {
    const known = this.#documents.get(id)
    if (!known) return
    for (const { segment, entry, first, rows } of known.parts) {
      segment.alive.fill(0, first, first + rows)
      segment.current[entry] = 0
      this.#rows -= rows
    }
    if (known.kept) known.kept.segment.current[known.kept.entry] = 0
    this.#documents.delete(id)
  }
}
