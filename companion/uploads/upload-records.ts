import type { DatabaseSync } from 'node:sqlite'
import { migrate, transaction } from '#companion/records/database.ts'
import type { CreateUpload } from '#shared/protocol/upload.ts'

export interface UploadRecord extends CreateUpload {
  /** Whose it is: '' for the owners, else a device id. */
  readonly space: string
  readonly received: number
  readonly state: 'open' | 'complete'
  /** Its name in the collection's folder, from the moment it was chosen. */
  readonly storedName?: string
  /** Of what arrived; set with `storedName`. */
  readonly contentSha256?: string
  readonly runId?: string
  readonly createdAt: number
  readonly updatedAt: number
}

/** The table of uploads. Their bytes lie in files. */
export class UploadRecords {
  readonly #database: DatabaseSync

  constructor(database: DatabaseSync) {
    this.#database = database
    migrate(database, 'uploads', [
      `CREATE TABLE uploads (
        id TEXT PRIMARY KEY, space TEXT NOT NULL, collection_id TEXT NOT NULL, name TEXT NOT NULL,
        size INTEGER NOT NULL, sha256 TEXT, received INTEGER NOT NULL DEFAULT 0,
        state TEXT NOT NULL DEFAULT 'open', stored_name TEXT, content_sha256 TEXT, run_id TEXT,
        created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL
      ) STRICT;
      CREATE INDEX uploads_by_collection ON uploads (collection_id, state)`,
    ])
  }

  insert(upload: CreateUpload, space: string): void {
    const now = Date.now()
    this.#database
      .prepare(
        `INSERT INTO uploads (id, space, collection_id, name, size, sha256, created_at, updated_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(
        upload.id,
        space,
        upload.collectionId,
        upload.name,
        upload.size,
        upload.sha256 ?? null,
        now,
        now,
      )
  }

  get(id: string): UploadRecord | undefined {
    const row = this.#database.prepare('SELECT * FROM uploads WHERE id = ?').get(id)
    return row && recordOf(row)
  }

  /** Newest first. */
  list(space: string, limit: number): UploadRecord[] {
    return this.#database
      .prepare('SELECT * FROM uploads WHERE space = ? ORDER BY created_at DESC, rowid DESC LIMIT ?')
      .all(space, limit)
      .map(recordOf)
  }

  open(): UploadRecord[] {
    return this.#database.prepare("SELECT * FROM uploads WHERE state = 'open'").all().map(recordOf)
  }

  complete(collectionId: string): UploadRecord[] {
    return this.#database
      .prepare("SELECT * FROM uploads WHERE collection_id = ? AND state = 'complete'")
      .all(collectionId)
      .map(recordOf)
  }

  /** Collections with files that no ingest has begun to read, and whose files they are. */
  unread(): { collectionId: string; space: string }[] {
    return this.#database
      .prepare(
        `SELECT collection_id, min(space) AS space FROM uploads
         WHERE state = 'complete' AND run_id IS NULL GROUP BY collection_id`,
      )
      .all()
      .map((row) => ({ collectionId: String(row.collection_id), space: String(row.space) }))
  }

  setReceived(id: string, received: number): void {
    this.#database
      .prepare('UPDATE uploads SET received = ?, updated_at = ? WHERE id = ?')
      .run(received, Date.now(), id)
  }

  setStored(id: string, name: string, sha256: string): void {
    this.#database
      .prepare('UPDATE uploads SET stored_name = ?, content_sha256 = ? WHERE id = ?')
      .run(name, sha256, id)
  }

  setComplete(id: string): void {
    this.#database
      .prepare("UPDATE uploads SET state = 'complete', updated_at = ? WHERE id = ?")
      .run(Date.now(), id)
  }

  /** Says which ingest reads the files of a collection that none has read yet. */
  setRun(collectionId: string, runId: string): void {
    this.#database
      .prepare(
        `UPDATE uploads SET run_id = ? WHERE collection_id = ? AND state = 'complete' AND run_id IS NULL`,
      )
      .run(runId, collectionId)
  }

  /** The ingest did not come to its end: the files are unread again. */
  clearRun(runId: string): void {
    this.#database.prepare('UPDATE uploads SET run_id = NULL WHERE run_id = ?').run(runId)
  }

  runIds(): string[] {
    return this.#database
      .prepare('SELECT DISTINCT run_id FROM uploads WHERE run_id IS NOT NULL')
      .all()
      .map((row) => String(row.run_id))
  }

  remove(ids: readonly string[]): void {
    const remove = this.#database.prepare('DELETE FROM uploads WHERE id = ?')
    transaction(this.#database, () => {
      for (const id of ids) remove.run(id)
    })
  }
}

function recordOf(row: Record<string, unknown>): UploadRecord {
  const text = (key: string, name: string) =>
    typeof row[key] === 'string' ? { [name]: row[key] } : {}
  return {
    id: String(row.id),
    space: String(row.space),
    collectionId: String(row.collection_id),
    name: String(row.name),
    size: Number(row.size),
    received: Number(row.received),
    state: row.state === 'complete' ? 'complete' : 'open',
    createdAt: Number(row.created_at),
    updatedAt: Number(row.updated_at),
    ...text('sha256', 'sha256'),
    ...text('stored_name', 'storedName'),
    ...text('content_sha256', 'contentSha256'),
    ...text('run_id', 'runId'),
  }
}
