import type { DatabaseSync } from 'node:sqlite'
import * as v from 'valibot'
import { migrate } from '#companion/records/database.ts'
import { checkReportSchema, type CheckReport } from '#shared/protocol/ingest.ts'

/** What the last check of the vault found. */
export class CheckReports {
  readonly #database: DatabaseSync

  constructor(database: DatabaseSync) {
    this.#database = database
    migrate(database, 'vault-check', ['CREATE TABLE vault_check (report TEXT NOT NULL) STRICT;'])
  }

  put(report: CheckReport): void {
    this.#database.exec('DELETE FROM vault_check')
    this.#database
      .prepare('INSERT INTO vault_check (report) VALUES (?)')
      .run(JSON.stringify(report))
  }

  last(): CheckReport | undefined {
    const row = this.#database.prepare('SELECT report FROM vault_check').get()
    if (!row) return undefined
    const parsed = v.safeParse(checkReportSchema, JSON.parse(String(row.report)))
    return parsed.success ? parsed.output : undefined
  }
}
