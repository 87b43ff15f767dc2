import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { DatabaseSync } from 'node:sqlite'
import * as v from 'valibot'
import { migrate } from '#companion/records/database.ts'
import { catalogueEntrySchema, type CatalogueEntry } from '#shared/domain/model.ts'

export interface ImportedModel {
  readonly entry: CatalogueEntry
  readonly path: string
}

/** What is known of files on disk: sums already computed, and models that people brought themselves. */
export class FileRecords {
  readonly #database: DatabaseSync

  constructor(database: DatabaseSync) {
    this.#database = database
    migrate(database, 'models', [
      `CREATE TABLE model_sums (path TEXT PRIMARY KEY, size INTEGER NOT NULL, modified REAL NOT NULL, sha256 TEXT NOT NULL) STRICT;
       CREATE TABLE imported_models (id TEXT PRIMARY KEY, path TEXT NOT NULL, entry TEXT NOT NULL) STRICT;`,
    ])
  }

  /** The file's sha256, computed once and again only when size or time changed. `onBytes` gets the bytes read. */
  async sha256(
    path: string,
    signal: AbortSignal,
    onBytes?: (done: number) => void,
  ): Promise<string> {
    const { size, mtimeMs } = await stat(path)
    const known = this.#database
      .prepare('SELECT sha256 FROM model_sums WHERE path = ? AND size = ? AND modified = ?')
      .get(path, size, mtimeMs)
    if (typeof known?.sha256 === 'string') return known.sha256
    const hash = createHash('sha256')
    let done = 0
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20, signal })) {
      hash.update(chunk as Buffer)
      done += (chunk as Buffer).length
      onBytes?.(done)
    }
    const sum = hash.digest('hex')
    this.#database
      .prepare(
        'INSERT OR REPLACE INTO model_sums (path, size, modified, sha256) VALUES (?, ?, ?, ?)',
      )
      .run(path, size, mtimeMs, sum)
    return sum
  }

  imported(): ImportedModel[] {
    const rows = this.#database.prepare('SELECT path, entry FROM imported_models ORDER BY id').all()
    return rows.flatMap((row) => {
      const entry = v.safeParse(catalogueEntrySchema, JSON.parse(String(row.entry)))
      return entry.success ? [{ entry: entry.output, path: String(row.path) }] : []
    })
  }

  addImported({ entry, path }: ImportedModel): void {
    this.#database
      .prepare('INSERT OR REPLACE INTO imported_models (id, path, entry) VALUES (?, ?, ?)')
      .run(entry.id, path, JSON.stringify(entry))
  }

  removeImported(id: string): void {
    this.#database.prepare('DELETE FROM imported_models WHERE id = ?').run(id)
  }
}
