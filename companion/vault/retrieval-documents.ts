import type { DatabaseSync } from 'node:sqlite'
import type { Document } from '#shared/domain/vault.ts'
import type { FileType, SearchFilters } from '#shared/protocol/search.ts'
import type { DocumentCatalogue } from './retrieval-ports.ts'

const endings: Record<FileType, readonly string[]> = {
  pdf: ['pdf'],
  word: ['docx', 'doc', 'odt', 'rtf'],
  excel: ['xlsx', 'xls', 'ods'],
  csv: ['csv', 'tsv'],
  powerpoint: ['pptx', 'ppt', 'odp'],
  epub: ['epub'],
  html: ['html', 'htm', 'xhtml'],
  markdown: ['md', 'markdown'],
  text: ['txt', 'text', 'log'],
}

/** The catalogue over the vault's records. */
export class DocumentRecords implements DocumentCatalogue {
  readonly #database: DatabaseSync
  readonly #read: (id: string, owner: string) => Document | undefined

  /** @param read a document as the records have it, of the owner named */
  constructor(database: DatabaseSync, read: (id: string, owner: string) => Document | undefined) {
    this.#database = database
    this.#read = read
  }

  document(id: string, owner: string): Document | undefined {
    return this.#read(id, owner)
  }

  matching(
    collectionIds: readonly string[],
    { kinds, types, since, until }: SearchFilters,
  ): string[] | undefined {
    if (!kinds && !types && since === undefined && until === undefined) return undefined
    const conditions = ['collection_id IN (SELECT value FROM json_each(?))']
    const values: (string | number)[] = [JSON.stringify(collectionIds)]
    if (kinds) {
      conditions.push('kind IN (SELECT value FROM json_each(?))')
      values.push(JSON.stringify(kinds))
    }
    if (types) {
      const names = types.flatMap((type) => endings[type])
      conditions.push(`(${names.map(() => 'lower(path) LIKE ?').join(' OR ') || '0'})`)
      values.push(...names.map((ending) => `%.${ending}`))
    }
    if (since !== undefined) {
      conditions.push('coalesce(date, modified_at) >= ?')
      values.push(since)
    }
    if (until !== undefined) {
      conditions.push('coalesce(date, modified_at) < ?')
      values.push(until)
    }
    return this.#database
      .prepare(`SELECT id FROM documents WHERE ${conditions.join(' AND ')}`)
      .all(...values)
      .map((row) => String(row.id))
  }
}
