import { Field, FixedSizeList, Float32, Int32, List, Schema, Utf8 } from 'apache-arrow'
import type { OwnedChunk, StoreHit, StoredChunk } from '#shared/contracts/vault-store.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { parseDocumentHead, type DocumentHead } from '#shared/vault/document-head.ts'
import { termsOf } from '#shared/vault/terms.ts'

/** What a search gives back of a row. */
export const hitColumns = ['id', 'document_id', 'ordinal', 'text', 'headings', 'start', 'end', 'page'] // prettier-ignore

export interface Row {
  id: string
  document_id: string
  ordinal: number
  text: string
  headings: Iterable<string> | null
  start: number
  end: number
  page: number
  vector?: Iterable<number>
  document?: string | null
  _distance?: number
  _score?: number
}

const text = (name: string, nullable = false) => new Field(name, new Utf8(), nullable)
const int = (name: string) => new Field(name, new Int32(), false)

export function rowSchema(dimensions: number): Schema {
  return new Schema([
    text('id'),
    text('document_id'),
    int('ordinal'),
    text('text'),
    new Field('headings', new List(new Field('item', new Utf8(), true)), true),
    int('start'),
    int('end'),
    int('page'),
    text('terms'),
    new Field(
      'vector',
      new FixedSizeList(dimensions, new Field('item', new Float32(), true)),
      false,
    ),
    text('document', true),
  ])
}

/** For changing what is said of documents and nothing else. */
export const headSchema = new Schema([text('id'), text('document', true)])

export function rowOf(chunk: StoredChunk): Record<string, unknown> {
  return {
    id: chunk.id,
    document_id: chunk.documentId,
    ordinal: chunk.ordinal,
    text: chunk.text,
    headings: [...chunk.headings],
    start: chunk.start,
    end: chunk.end,
    page: chunk.page,
    terms: termsOf(
      [chunk.context ?? '', ...chunk.headings, chunk.text].join('\n'),
      'document',
    ).join(' '),
    vector: [...chunk.vector],
    document: chunk.ordinal === 0 && chunk.document ? JSON.stringify(chunk.document) : null,
  }
}

export function chunkOf(row: Row): StoreHit['chunk'] {
  return {
    id: row.id,
    documentId: row.document_id,
    ordinal: row.ordinal,
    text: row.text,
    headings: row.headings ? [...row.headings] : [],
    start: row.start,
    end: row.end,
    page: row.page,
  }
}

export function ownedChunkOf(row: Row, owner: string): OwnedChunk {
  return { ...chunkOf(row), vector: Float32Array.from(row.vector ?? []), owner }
}

export function headOf(row: Row): DocumentHead | undefined {
  return parseDocumentHead(row.document)
}

export function quote(value: string): string {
  return `'${value.replaceAll("'", "''")}'`
}

/** The condition that a row belongs to one of the documents. */
export function ofDocuments(documentIds: Iterable<string>): string {
  return `document_id IN (${[...documentIds].map(quote).join(', ')})`
}

/** Ids become folder and table names; anything else in them is a programming error. */
export function safeName(name: string): string {
  if (!isSafeName(name)) throw new SiloError('bad_request', { params: { detail: 'id' } })
  return name
}

export function isSafeName(name: string): boolean {
  return /^[A-Za-z0-9._-]{1,128}$/.test(name) && !name.startsWith('.')
}
