import type { DatabaseSync } from 'node:sqlite'
import * as v from 'valibot'
import { migrate, transaction } from '#companion/records/database.ts'
import type { Collection, Document, Problem } from '#shared/domain/vault.ts'
import { wireErrorSchema } from '#shared/errors/silo-error.ts'
import type { DocumentHead } from '#shared/vault/document-head.ts'
import {
  entombDocument,
  insertDocument,
  nextChange,
  publicDocument,
  recordOf,
  recordOfHead,
  whereOf,
  type DocumentFilter,
  type DocumentRecord,
} from './document-rows.ts'
import { vaultSchema } from './vault-schema.ts'

export type { DocumentFilter, DocumentRecord } from './document-rows.ts'

export type CollectionRecord = Pick<
  Collection,
  'id' | 'name' | 'createdAt' | 'roots' | 'ingestedAt' | 'watched' | 'paused' | 'home' | 'source'
>

/** What happened to one document since a change number: its newest state, or that it is gone. */
export type DocumentChange =
  | {
      readonly kind: 'document'
      readonly change: number
      readonly document: Document
      /** The change by which its chunks came to be as they are. */
      readonly contentChange: number
    }
  | { readonly kind: 'removed'; readonly change: number; readonly id: string }

export interface Tombstone {
  readonly id: string
  readonly change: number
  /** Ms since 1970. */
  readonly removedAt: number
}

/** A problem with what the file was when it arose: what has not changed since is not tried again by itself. */
export interface ProblemRecord extends Problem {
  readonly size?: number
  readonly modifiedAt?: number
  readonly reader?: number
}

const rootsSchema = v.array(v.string())
const sourceSchema = v.picklist(['own', 'copy', 'live'])
const maxFound = 100_000

/** Collections, the documents in them whoever owns them, and what could not be read. Chunks and vectors are the store's. */
export class VaultRecords {
  readonly database: DatabaseSync
  readonly #deviceId: string

  /** @param deviceId this device: documents without an owner are its own */
  constructor(database: DatabaseSync, deviceId = '') {
    this.database = database
    this.#deviceId = deviceId
    migrate(database, 'vault', vaultSchema)
  }

  collections(): (CollectionRecord & { documents: number; chunks: number; problems: number })[] {
    return this.database
      .prepare(
        `SELECT c.*, (SELECT count(*) FROM documents d WHERE d.collection_id = c.id) AS documents,
           (SELECT coalesce(sum(chunks), 0) FROM documents d WHERE d.collection_id = c.id) AS chunks,
           (SELECT count(*) FROM problems p WHERE p.collection_id = c.id) AS problems
         FROM collections c ORDER BY c.created_at, c.id`,
      )
      .all()
      .map((row) => ({
        ...collectionOf(row),
        documents: Number(row.documents),
        chunks: Number(row.chunks),
        problems: Number(row.problems),
      }))
  }

  /** Without counts, which take a while. */
  names(): CollectionRecord[] {
    return this.database
      .prepare('SELECT * FROM collections ORDER BY created_at, id')
      .all()
      .map((row) => collectionOf(row))
  }

  collection(id: string): CollectionRecord | undefined {
    const row = this.database.prepare('SELECT * FROM collections WHERE id = ?').get(id)
    return row && collectionOf(row)
  }

  /**
   * One that is there already stays as it is.
   * @param of whose key decides about it, and how it is held here; absent: this device's own
   */
  createCollection(id: string, name: string, of: Pick<Collection, 'home' | 'source'> = {}): void {
    this.database
      .prepare(
        'INSERT OR IGNORE INTO collections (id, name, created_at, home, source) VALUES (?, ?, ?, ?, ?)',
      )
      .run(id, name, Date.now(), of.home ?? null, of.source ?? null)
  }

  /** How a collection of another device is held here. */
  setSource(id: string, source: Collection['source']): void {
    this.database.prepare('UPDATE collections SET source = ? WHERE id = ?').run(source ?? null, id)
  }

  renameCollection(id: string, name: string): void {
    this.database.prepare('UPDATE collections SET name = ? WHERE id = ?').run(name, id)
  }

  removeCollection(id: string): void {
    this.database.prepare('DELETE FROM collections WHERE id = ?').run(id)
  }

  setRoots(id: string, roots: readonly string[]): void {
    this.database
      .prepare('UPDATE collections SET roots = ? WHERE id = ?')
      .run(JSON.stringify(roots), id)
  }

  setIngested(id: string, at: number): void {
    this.database.prepare('UPDATE collections SET ingested_at = ? WHERE id = ?').run(at, id)
  }

  setWatched(id: string, watched: boolean): void {
    this.database
      .prepare('UPDATE collections SET watched = ? WHERE id = ?')
      .run(Number(watched), id)
  }

  setPaused(id: string, paused: boolean): void {
    this.database.prepare('UPDATE collections SET paused = ? WHERE id = ?').run(Number(paused), id)
  }

  documents(
    collectionId: string,
    page: { query: string; offset: number; limit: number },
  ): { documents: Document[]; total: number } {
    const like = `%${page.query.replace(/[\\%_]/g, (char) => `\\${char}`)}%`
    const where = `collection_id = ? AND (title LIKE ? ESCAPE '\\' OR path LIKE ? ESCAPE '\\')`
    const total = this.database
      .prepare(`SELECT count(*) AS total FROM documents WHERE ${where}`)
      .get(collectionId, like, like)
    const rows = this.database
      .prepare(`SELECT * FROM documents WHERE ${where} ORDER BY path, owner LIMIT ? OFFSET ?`)
      .all(collectionId, like, like, page.limit, page.offset)
    return { documents: rows.map((row) => publicDocument(recordOf(row))), total: Number(total?.total) } // prettier-ignore
  }

  /** @param owner only if it is of this device */
  document(id: string, owner?: string): Document | undefined {
    const record = this.record(id)
    if (!record || (owner !== undefined && owner !== (record.owner ?? this.#deviceId)))
      return undefined
    return publicDocument(record)
  }

  record(id: string): DocumentRecord | undefined {
    const row = this.database.prepare('SELECT * FROM documents WHERE id = ?').get(id)
    return row && recordOf(row)
  }

  /** Documents by collection, owner, kind, type and date; newest first. */
  findDocuments(filter: DocumentFilter): Document[] {
    const { sql, values } = whereOf(filter, this.#deviceId)
    return this.database
      .prepare(
        `SELECT * FROM documents WHERE ${sql} ORDER BY coalesce(date, modified_at) DESC, id LIMIT ?`,
      ) // prettier-ignore
      .all(...values, filter.limit ?? maxFound)
      .map((row) => publicDocument(recordOf(row)))
  }

  /** As `findDocuments`, their ids only. */
  findDocumentIds(filter: DocumentFilter): string[] {
    const { sql, values } = whereOf(filter, this.#deviceId)
    return this.database
      .prepare(
        `SELECT id FROM documents WHERE ${sql} ORDER BY coalesce(date, modified_at) DESC, id LIMIT ?`,
      ) // prettier-ignore
      .all(...values, filter.limit ?? maxFound)
      .map((row) => String(row.id))
  }

  countDocuments(filter: DocumentFilter): number {
    const { sql, values } = whereOf(filter, this.#deviceId)
    const row = this.database.prepare(`SELECT count(*) AS n FROM documents WHERE ${sql}`).get(...values) // prettier-ignore
    return Number(row?.n)
  }

  /** Who has documents in a collection; '' is this device. */
  owners(collectionId: string): { owner: string; documents: number; chunks: number }[] {
    return this.database
      .prepare(
        `SELECT owner, count(*) AS documents, sum(chunks) AS chunks FROM documents
         WHERE collection_id = ? GROUP BY owner ORDER BY owner`,
      )
      .all(collectionId)
      .map((row) => ({
        owner: String(row.owner),
        documents: Number(row.documents),
        chunks: Number(row.chunks),
      }))
  }

  /** The number of the collection's last change; 0 before the first. Grows by at least 1 with each change. */
  lastChange(collectionId: string): number {
    const row = this.database
      .prepare('SELECT change FROM collections WHERE id = ?')
      .get(collectionId)
    return Number(row?.change ?? 0)
  }

  /** Documents that changed after `since`, in their newest state, ascending by change. */
  documentsSince(
    collectionId: string,
    since: number,
    limit: number,
  ): Extract<DocumentChange, { kind: 'document' }>[] {
    return this.database
      .prepare(
        'SELECT * FROM documents WHERE collection_id = ? AND change > ? ORDER BY change LIMIT ?',
      ) // prettier-ignore
      .all(collectionId, since, limit)
      .map((row) => ({
        kind: 'document',
        change: Number(row.change),
        document: publicDocument(recordOf(row)),
        contentChange: Number(row.content_change),
      }))
  }

  /** Deletions after `since`, ascending by change. A document that came back is none. */
  tombstonesSince(collectionId: string, since: number, limit: number): Tombstone[] {
    return this.database
      .prepare(
        'SELECT * FROM tombstones WHERE collection_id = ? AND change > ? ORDER BY change LIMIT ?',
      ) // prettier-ignore
      .all(collectionId, since, limit)
      .map((row) => ({
        id: String(row.document_id),
        change: Number(row.change),
        removedAt: Number(row.removed_at),
      }))
  }

  /** Documents and deletions after `since`, each once and with its last change, ascending by it. */
  changesSince(collectionId: string, since: number, limit: number): DocumentChange[] {
    const removed = this.tombstonesSince(collectionId, since, limit).map(
      ({ id, change }): DocumentChange => ({ kind: 'removed', change, id }),
    )
    return [...this.documentsSince(collectionId, since, limit), ...removed]
      .sort((a, b) => a.change - b.change)
      .slice(0, limit)
  }

  /** Documents of another device that are known here, by id. */
  receivedDocuments(collectionId: string, owner: string): Map<string, DocumentRecord> {
    return new Map(
      this.database
        .prepare('SELECT * FROM documents WHERE collection_id = ? AND owner = ?')
        .all(collectionId, owner)
        .map((row) => [String(row.id), recordOf(row)]),
    )
  }

  /**
   * Makes the documents of `owner` exactly those that its dataset names, in one step. Ids that another owner has
   * already are left out: no device can put itself in the place of another.
   * @param model identity of the dataset's vectors
   * @returns ids put (new or other than before), removed, and left out
   */
  replaceReceived(
    collectionId: string,
    owner: string,
    heads: ReadonlyMap<string, DocumentHead>,
    model: string,
  ): { put: string[]; removed: string[]; refused: string[] } {
    return transaction(this.database, () => {
      const known = this.receivedDocuments(collectionId, owner)
      const removed = [...known.keys()].filter((id) => !heads.has(id))
      this.#remove(collectionId, removed)
      return { ...this.#put(collectionId, owner, heads, model), removed }
    })
  }

  /** Adds or replaces documents of another device. @returns as `replaceReceived` */
  putReceived(
    collectionId: string,
    owner: string,
    heads: ReadonlyMap<string, DocumentHead>,
    model: string,
  ): { put: string[]; refused: string[] } {
    return transaction(this.database, () => this.#put(collectionId, owner, heads, model))
  }

  /** Takes away documents of another device, by default all of them. @returns ids of those there were */
  removeReceived(collectionId: string, owner: string, ids?: readonly string[]): string[] {
    if (owner === '') return []
    return transaction(this.database, () => {
      const known = this.receivedDocuments(collectionId, owner)
      const gone = [...known.keys()].filter((id) => ids?.includes(id) ?? true)
      this.#remove(collectionId, gone)
      return gone
    })
  }

  problems(collectionId: string): Problem[] {
    return [...this.problemsByPath(collectionId).values()].map(({ path, error, at }) => ({ path, error, at })) // prettier-ignore
  }

  problemsByPath(collectionId: string): Map<string, ProblemRecord> {
    const rows = this.database
      .prepare('SELECT * FROM problems WHERE collection_id = ? ORDER BY path')
      .all(collectionId)
    return new Map(
      rows.map((row) => [
        String(row.path),
        {
          path: String(row.path),
          error: v.parse(wireErrorSchema, JSON.parse(String(row.error))),
          at: Number(row.at),
          ...(row.size === null ? {} : { size: Number(row.size) }),
          ...(row.modified_at === null ? {} : { modifiedAt: Number(row.modified_at) }),
          ...(row.reader === null ? {} : { reader: Number(row.reader) }),
        },
      ]),
    )
  }

  replaceProblems(collectionId: string, problems: readonly ProblemRecord[]): void {
    transaction(this.database, () => {
      this.database.prepare('DELETE FROM problems WHERE collection_id = ?').run(collectionId)
      const insert = this.database.prepare(
        `INSERT OR REPLACE INTO problems (collection_id, path, error, at, size, modified_at, reader)
         VALUES (?, ?, ?, ?, ?, ?, ?)`,
      )
      for (const { path, error, at, size, modifiedAt, reader } of problems)
        insert.run(collectionId, path, JSON.stringify(error), at, size ?? null, modifiedAt ?? null, reader ?? null) // prettier-ignore
    })
  }

  #put(
    collectionId: string,
    owner: string,
    heads: ReadonlyMap<string, DocumentHead>,
    model: string,
  ): { put: string[]; refused: string[] } {
    const put: string[] = []
    const refused: string[] = []
    if (owner === '' || owner === this.#deviceId) return { put, refused: [...heads.keys()] }
    const find = this.database.prepare('SELECT * FROM documents WHERE id = ?')
    for (const [id, head] of heads) {
      const row = find.get(id)
      if (row && (row.owner !== owner || row.collection_id !== collectionId)) {
        refused.push(id)
        continue
      }
      const record = recordOfHead(head, { id, collectionId, owner })
      const before = row && recordOf(row)
      if (before && row.model === model && same(before, record)) continue
      const change = nextChange(this.database, collectionId)
      const kept = before && row.model === model && before.sha256 === head.sha256 && before.chunks === head.chunks // prettier-ignore
      const contentChange = kept ? Number(row.content_change) : change
      insertDocument(this.database, record, { model, reader: 0, change, contentChange })
      put.push(id)
    }
    return { put, refused }
  }

  #remove(collectionId: string, ids: readonly string[]): void {
    for (const id of ids)
      entombDocument(this.database, collectionId, id, nextChange(this.database, collectionId))
  }
}

function collectionOf(row: Record<string, unknown>): CollectionRecord {
  const source = v.safeParse(sourceSchema, row.source)
  return {
    id: String(row.id),
    name: String(row.name),
    createdAt: Number(row.created_at),
    roots: v.parse(rootsSchema, JSON.parse(String(row.roots))),
    ...(row.ingested_at === null ? {} : { ingestedAt: Number(row.ingested_at) }),
    ...(row.home === null ? {} : { home: String(row.home) }),
    ...(source.success ? { source: source.output } : {}),
    watched: row.watched === 1,
    ...(row.paused === 1 ? { paused: true } : {}),
  }
}

function same(a: DocumentRecord, b: DocumentRecord): boolean {
  return canonical(a) === canonical(b)
}

function canonical(record: DocumentRecord): string {
  return JSON.stringify(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)))
}
