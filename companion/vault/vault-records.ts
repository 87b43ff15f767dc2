import type { DatabaseSync } from 'node:sqlite'
import * as v from 'valibot'
import { migrate, transaction } from '#companion/records/database.ts'
import type { Collection, Document, Problem } from '#shared/domain/vault.ts'
import { wireErrorSchema } from '#shared/errors/silo-error.ts'

export interface DocumentRecord extends Document {
  readonly sha256: string
}

export type CollectionRecord = Pick<
  Collection,
  'id' | 'name' | 'createdAt' | 'roots' | 'ingestedAt'
>

const rootsSchema = v.array(v.string())

/** Collections, their documents, and what could not be read. Chunks and vectors are the store's. */
export class VaultRecords {
  readonly #database: DatabaseSync

  constructor(database: DatabaseSync) {
    this.#database = database
    migrate(database, 'vault', [
      `CREATE TABLE collections (
         id TEXT PRIMARY KEY, name TEXT NOT NULL, created_at INTEGER NOT NULL, roots TEXT NOT NULL DEFAULT '[]',
         ingested_at INTEGER) STRICT;
       CREATE TABLE documents (
         id TEXT PRIMARY KEY, collection_id TEXT NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
         path TEXT NOT NULL, title TEXT NOT NULL, media_type TEXT NOT NULL, size INTEGER NOT NULL,
         modified_at INTEGER NOT NULL, sha256 TEXT NOT NULL, chunks INTEGER NOT NULL, pages INTEGER,
         model TEXT NOT NULL) STRICT;
       CREATE UNIQUE INDEX documents_path ON documents (collection_id, path);
       CREATE TABLE problems (
         collection_id TEXT NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
         path TEXT NOT NULL, error TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (collection_id, path)) STRICT;`,
    ])
  }

  collections(): (CollectionRecord & { documents: number; chunks: number; problems: number })[] {
    return this.#database
      .prepare(
        `SELECT c.*, (SELECT count(*) FROM documents d WHERE d.collection_id = c.id) AS documents,
           (SELECT coalesce(sum(chunks), 0) FROM documents d WHERE d.collection_id = c.id) AS chunks,
           (SELECT count(*) FROM problems p WHERE p.collection_id = c.id) AS problems
         FROM collections c ORDER BY c.created_at, c.id`,
      )
      .all()
      .map((row) => ({
        id: String(row.id),
        name: String(row.name),
        createdAt: Number(row.created_at),
        roots: v.parse(rootsSchema, JSON.parse(String(row.roots))),
        ...(row.ingested_at === null ? {} : { ingestedAt: Number(row.ingested_at) }),
        documents: Number(row.documents),
        chunks: Number(row.chunks),
        problems: Number(row.problems),
      }))
  }

  createCollection(id: string, name: string): void {
    this.#database
      .prepare('INSERT OR IGNORE INTO collections (id, name, created_at) VALUES (?, ?, ?)')
      .run(id, name, Date.now())
  }

  renameCollection(id: string, name: string): void {
    this.#database.prepare('UPDATE collections SET name = ? WHERE id = ?').run(name, id)
  }

  removeCollection(id: string): void {
    this.#database.prepare('DELETE FROM collections WHERE id = ?').run(id)
  }

  setRoots(id: string, roots: readonly string[]): void {
    this.#database
      .prepare('UPDATE collections SET roots = ? WHERE id = ?')
      .run(JSON.stringify(roots), id)
  }

  setIngested(id: string, at: number): void {
    this.#database.prepare('UPDATE collections SET ingested_at = ? WHERE id = ?').run(at, id)
  }

  /** All documents of a collection by path. */
  documentsByPath(collectionId: string): Map<string, DocumentRecord & { model: string }> {
    const rows = this.#database
      .prepare('SELECT * FROM documents WHERE collection_id = ?')
      .all(collectionId)
    return new Map(rows.map((row) => [String(row.path), { ...documentOf(row), model: String(row.model) }])) // prettier-ignore
  }

  documents(
    collectionId: string,
    page: { query: string; offset: number; limit: number },
  ): { documents: Document[]; total: number } {
    const like = `%${page.query.replace(/[\\%_]/g, (char) => `\\${char}`)}%`
    const where = `collection_id = ? AND (title LIKE ? ESCAPE '\\' OR path LIKE ? ESCAPE '\\')`
    const total = this.#database
      .prepare(`SELECT count(*) AS total FROM documents WHERE ${where}`)
      .get(collectionId, like, like)
    const rows = this.#database
      .prepare(`SELECT * FROM documents WHERE ${where} ORDER BY path LIMIT ? OFFSET ?`)
      .all(collectionId, like, like, page.limit, page.offset)
    return {
      documents: rows.map((row) => publicDocument(documentOf(row))),
      total: Number(total?.total),
    }
  }

  document(id: string): Document | undefined {
    const row = this.#database.prepare('SELECT * FROM documents WHERE id = ?').get(id)
    return row === undefined ? undefined : publicDocument(documentOf(row))
  }

  putDocument(document: DocumentRecord, model: string): void {
    this.#database
      .prepare(
        `INSERT OR REPLACE INTO documents
           (id, collection_id, path, title, media_type, size, modified_at, sha256, chunks, pages, model)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(
        document.id,
        document.collectionId,
        document.path,
        document.title,
        document.mediaType,
        document.size,
        document.modifiedAt,
        document.sha256,
        document.chunks,
        document.pages ?? null,
        model,
      )
  }

  touchDocument(id: string, size: number, modifiedAt: number): void {
    this.#database
      .prepare('UPDATE documents SET size = ?, modified_at = ? WHERE id = ?')
      .run(size, modifiedAt, id)
  }

  removeDocuments(ids: readonly string[]): void {
    const remove = this.#database.prepare('DELETE FROM documents WHERE id = ?')
    transaction(this.#database, () => {
      for (const id of ids) remove.run(id)
    })
  }

  problems(collectionId: string): Problem[] {
    return this.#database
      .prepare('SELECT path, error, at FROM problems WHERE collection_id = ? ORDER BY path')
      .all(collectionId)
      .map((row) => ({
        path: String(row.path),
        error: v.parse(wireErrorSchema, JSON.parse(String(row.error))),
        at: Number(row.at),
      }))
  }

  replaceProblems(collectionId: string, problems: readonly Problem[]): void {
    transaction(this.#database, () => {
      this.#database.prepare('DELETE FROM problems WHERE collection_id = ?').run(collectionId)
      const insert = this.#database.prepare('INSERT OR REPLACE INTO problems (collection_id, path, error, at) VALUES (?, ?, ?, ?)') // prettier-ignore
      for (const { path, error, at } of problems)
        insert.run(collectionId, path, JSON.stringify(error), at)
    })
  }
}

function documentOf(row: Record<string, unknown>): DocumentRecord {
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
  }
}

function publicDocument(record: DocumentRecord): Document {
  const { sha256: _sha256, ...document } = record
  return document
}
