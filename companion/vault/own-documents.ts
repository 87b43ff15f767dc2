import type { DatabaseSync } from 'node:sqlite'
import * as v from 'valibot'
import { transaction } from '#companion/records/database.ts'
import { documentSchema } from '#shared/domain/vault.ts'
import {
  entombDocument,
  insertDocument,
  nextChange,
  recordOf,
  type DocumentRecord,
} from './document-rows.ts'
import type { VaultRecords } from './vault-records.ts'

/** A file that was read, and the document that its content is. */
export interface FileRecord {
  readonly path: string
  readonly documentId: string
  readonly size: number
  readonly modifiedAt: number
  readonly inode: string
  readonly sha256: string
}

export interface OwnDocument extends DocumentRecord {
  readonly model: string
  readonly reader: number
}

/** Where a root was when it was last read: its path with links resolved, and which folder (`disk:number`) it was. */
export interface RootPlace {
  readonly top: string
  readonly place: string
}

/** What is about to be written: a document as it will be, or that it will be gone. */
export interface Staged {
  readonly id: string
  readonly document: OwnDocument | null
}

const stagedSchema = v.object({
  ...documentSchema.entries,
  sha256: v.string(),
  length: v.optional(v.number()),
  model: v.string(),
  reader: v.number(),
})

/**
 * The documents that this device read, and the files they come from. A write touches the index, a text and the
 * records; what it is going to do is noted first, so that the next start can finish or undo what a kill cut in half.
 */
export class OwnDocuments {
  readonly #database: DatabaseSync

  constructor(records: Pick<VaultRecords, 'database'>) {
    this.#database = records.database
  }

  files(collectionId: string): Map<string, FileRecord> {
    return new Map(
      this.#database
        .prepare('SELECT * FROM files WHERE collection_id = ?')
        .all(collectionId)
        .map((row) => [
          String(row.path),
          {
            path: String(row.path),
            documentId: String(row.document_id),
            size: Number(row.size),
            modifiedAt: Number(row.modified_at),
            inode: String(row.inode),
            sha256: String(row.sha256),
          },
        ]),
    )
  }

  documents(collectionId: string): Map<string, OwnDocument> {
    return new Map(
      this.#database
        .prepare(`SELECT * FROM documents WHERE collection_id = ? AND owner = ''`)
        .all(collectionId)
        .map((row) => [
          String(row.id),
          { ...recordOf(row), model: String(row.model), reader: Number(row.reader) },
        ]),
    )
  }

  /** Whether any document, of whatever owner, or a write that was cut short has this id. */
  isTaken(id: string): boolean {
    return (
      this.#database
        .prepare(
          'SELECT 1 FROM documents WHERE id = ? UNION ALL SELECT 1 FROM pending WHERE document_id = ?',
        ) // prettier-ignore
        .get(id, id) !== undefined
    )
  }

  /** Notes what is going to be written. On disk when this returns. */
  stage(collectionId: string, staged: readonly Staged[]): void {
    transaction(this.#database, () => {
      const insert = this.#database.prepare(
        'INSERT OR REPLACE INTO pending (collection_id, document_id, record) VALUES (?, ?, ?)',
      )
      for (const { id, document } of staged)
        insert.run(collectionId, id, document && JSON.stringify(document))
    })
  }

  /** What was noted and is not settled; a note that cannot be read counts as nothing to go on with. */
  staged(collectionId: string): (Staged & { damaged?: true })[] {
    return this.#database
      .prepare('SELECT document_id, record FROM pending WHERE collection_id = ?')
      .all(collectionId)
      .map((row) => {
        const id = String(row.document_id)
        if (row.record === null) return { id, document: null }
        const parsed = v.safeParse(stagedSchema, parseJson(String(row.record)))
        if (!parsed.success) return { id, document: null, damaged: true }
        return { id, document: parsed.output as OwnDocument }
      })
  }

  /** Documents that no file leads to. */
  homeless(collectionId: string): string[] {
    return this.#database
      .prepare(
        `SELECT id FROM documents WHERE collection_id = ? AND owner = ''
           AND NOT EXISTS (SELECT 1 FROM files WHERE document_id = documents.id)`,
      )
      .all(collectionId)
      .map((row) => String(row.id))
  }

  /**
   * Writes documents, files and deletions in one step.
   * @param write.contents ids among `documents` whose chunks are other than before
   * @param write.gone paths that lead to nothing any more
   */
  apply(
    collectionId: string,
    write: {
      readonly documents?: readonly OwnDocument[]
      readonly contents?: ReadonlySet<string>
      readonly files?: readonly FileRecord[]
      readonly gone?: readonly string[]
      readonly removed?: readonly string[]
    },
  ): void {
    transaction(this.#database, () => {
      const dropFile = this.#database.prepare(
        'DELETE FROM files WHERE collection_id = ? AND path = ?',
      )
      for (const path of write.gone ?? []) dropFile.run(collectionId, path)
      const putFile = this.#database.prepare(
        `INSERT OR REPLACE INTO files (collection_id, path, document_id, size, modified_at, inode, sha256)
         VALUES (?, ?, ?, ?, ?, ?, ?)`,
      )
      for (const file of write.files ?? [])
        putFile.run(collectionId, file.path, file.documentId, file.size, file.modifiedAt, file.inode, file.sha256) // prettier-ignore
      const before = this.#database.prepare('SELECT content_change FROM documents WHERE id = ?')
      for (const document of write.documents ?? []) {
        const change = nextChange(this.#database, collectionId)
        const known = write.contents?.has(document.id) ? undefined : before.get(document.id)
        const contentChange = known ? Number(known.content_change) : change
        const { model, reader } = document
        insertDocument(this.#database, document, { model, reader, change, contentChange })
      }
      const dropFiles = this.#database.prepare(
        'DELETE FROM files WHERE collection_id = ? AND document_id = ?',
      )
      for (const id of write.removed ?? []) {
        dropFiles.run(collectionId, id)
        entombDocument(this.#database, collectionId, id, nextChange(this.#database, collectionId))
      }
    })
  }

  /** What was staged is done, or undone. */
  settle(collectionId: string, ids: Iterable<string>): void {
    transaction(this.#database, () => {
      const remove = this.#database.prepare(
        'DELETE FROM pending WHERE collection_id = ? AND document_id = ?',
      )
      for (const id of ids) remove.run(collectionId, id)
    })
  }

  rootPlace(collectionId: string, root: string): RootPlace | undefined {
    const row = this.#database
      .prepare('SELECT place FROM root_places WHERE collection_id = ? AND root = ?')
      .get(collectionId, root)
    const parsed = v.safeParse(placeSchema, row && parseJson(String(row.place)))
    return parsed.success ? parsed.output : undefined
  }

  setRootPlace(collectionId: string, root: string, at: RootPlace): void {
    this.#database
      .prepare('INSERT OR REPLACE INTO root_places (collection_id, root, place) VALUES (?, ?, ?)')
      .run(collectionId, root, JSON.stringify({ top: at.top, place: at.place }))
  }
}

const placeSchema = v.object({ top: v.string(), place: v.string() })

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
