import type { DatabaseSync } from 'node:sqlite'
import * as v from 'valibot'
import type { Document, DocumentKind } from '#shared/domain/vault.ts'
import { documentKindSchema } from '#shared/domain/vault.ts'
import type { DocumentHead } from '#shared/vault/document-head.ts'

/** A document as the records know it. `owner` is absent for those of this device. */
export interface DocumentRecord extends Document {
  readonly sha256: string
  /** UTF-16 code units of its extracted text; absent where it was read by a version that did not count. */
  readonly length?: number
}

/** What narrows a look-up; what is absent does not narrow. */
export interface DocumentFilter {
  readonly collectionIds?: readonly string[]
  /** Device ids; '' and this device's own id are those read here. */
  readonly owners?: readonly string[]
  readonly kinds?: readonly DocumentKind[]
  readonly mediaTypes?: readonly string[]
  /** Ms since 1970, of the date a document bears, else of its last change: from, inclusive. */
  readonly since?: number
  /** Ms since 1970, exclusive. */
  readonly until?: number
  /** At most so many, newest first. Default 100,000. */
  readonly limit?: number
}

type Row = Record<string, unknown>

const copiesSchema = v.array(v.string())

export function recordOf(row: Row): DocumentRecord {
  const copies = row.copies === '[]' ? [] : v.parse(copiesSchema, JSON.parse(String(row.copies)))
  const kind = v.safeParse(documentKindSchema, row.kind)
  return {
    id: String(row.id),
    collectionId: String(row.collection_id),
    path: String(row.path),
    title: String(row.title),
    mediaType: String(row.media_type),
    size: Number(row.size),
    modifiedAt: Number(row.modified_at),
    sha256: String(row.sha256),
    chunks: Number(row.chunks),
    ...(row.pages === null ? {} : { pages: Number(row.pages) }),
    ...(kind.success ? { kind: kind.output } : {}),
    ...(row.date === null ? {} : { date: Number(row.date) }),
    ...(row.author === null ? {} : { author: String(row.author) }),
    ...(row.length === null ? {} : { length: Number(row.length) }),
    ...(row.owner === '' ? {} : { owner: String(row.owner) }),
    ...(copies.length ? { copies } : {}),
  }
}

/** Without what is not shown. */
export function publicDocument(record: DocumentRecord): Document {
  const { sha256: _sha256, length: _length, ...document } = record
  return document
}

/** What the dataset says of it. */
export function headOfRecord(record: DocumentRecord): DocumentHead {
  const { title, path, mediaType, size, modifiedAt, sha256, chunks, pages, kind, date, author, copies, length = 0 } = record // prettier-ignore
  return {
    title: title.slice(0, 2000),
    path: path.slice(0, 8192),
    mediaType,
    size,
    modifiedAt,
    sha256,
    chunks,
    length,
    ...(pages === undefined ? {} : { pages }),
    ...(kind === undefined ? {} : { kind }),
    ...(date === undefined ? {} : { date }),
    ...(author === undefined ? {} : { author: author.slice(0, 500) }),
    ...(copies === undefined ? {} : { copies: copies.slice(0, 1000) }),
  }
}

/** What a dataset of `owner` says, as a record. */
export function recordOfHead(
  head: DocumentHead,
  of: { id: string; collectionId: string; owner: string },
): DocumentRecord {
  return {
    ...head,
    ...of,
    modifiedAt: Math.round(head.modifiedAt),
    ...(head.date === undefined ? {} : { date: Math.round(head.date) }),
  }
}

export interface Kept {
  /** Identity of the embedding model its vectors are of. */
  readonly model: string
  /** Version of the reading; what an older one read is read again. */
  readonly reader: number
  readonly change: number
  /** The change by which its chunks came to be as they are. */
  readonly contentChange: number
}

export function insertDocument(database: DatabaseSync, record: DocumentRecord, kept: Kept): void {
  database
    .prepare(
      `INSERT OR REPLACE INTO documents
         (id, collection_id, owner, path, title, media_type, size, modified_at, sha256, chunks, pages, kind, date,
          author, length, copies, model, reader, change, content_change)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    .run(
      record.id,
      record.collectionId,
      record.owner ?? '',
      record.path,
      record.title,
      record.mediaType,
      record.size,
      record.modifiedAt,
      record.sha256,
      record.chunks,
      record.pages ?? null,
      record.kind ?? null,
      record.date ?? null,
      record.author ?? null,
      record.length ?? null,
      JSON.stringify(record.copies ?? []),
      kept.model,
      kept.reader,
      kept.change,
      kept.contentChange,
    )
  database
    .prepare('DELETE FROM tombstones WHERE collection_id = ? AND document_id = ?')
    .run(record.collectionId, record.id)
}

/** Takes the document away and leaves a tombstone with the number of the change. */
export function entombDocument(
  database: DatabaseSync,
  collectionId: string,
  id: string,
  change: number,
): void {
  database.prepare('DELETE FROM documents WHERE id = ?').run(id)
  database
    .prepare(
      `INSERT OR REPLACE INTO tombstones (collection_id, document_id, change, removed_at)
       VALUES (?, ?, ?, ?)`,
    )
    .run(collectionId, id, change, Date.now())
}

/** The number of the next change of a collection; it counts as given. */
export function nextChange(database: DatabaseSync, collectionId: string): number {
  const row = database
    .prepare('UPDATE collections SET change = change + 1 WHERE id = ? RETURNING change')
    .get(collectionId)
  return Number(row?.change ?? 0)
}

/** The condition of a filter, and its values. */
export function whereOf(
  filter: DocumentFilter,
  ownId: string,
): { sql: string; values: (string | number)[] } {
  const parts: string[] = []
  const values: (string | number)[] = []
  const oneOf = (column: string, wanted: readonly string[] | undefined): void => {
    if (!wanted) return
    parts.push(`${column} IN (SELECT value FROM json_each(?))`)
    values.push(JSON.stringify(wanted))
  }
  oneOf('collection_id', filter.collectionIds)
  oneOf(
    'owner',
    filter.owners?.map((owner) => (owner === ownId ? '' : owner)),
  )
  oneOf('kind', filter.kinds)
  oneOf('media_type', filter.mediaTypes)
  if (filter.since !== undefined) {
    parts.push('coalesce(date, modified_at) >= ?')
    values.push(filter.since)
  }
  if (filter.until !== undefined) {
    parts.push('coalesce(date, modified_at) < ?')
    values.push(filter.until)
  }
  return { sql: parts.length ? parts.join(' AND ') : '1', values }
}
