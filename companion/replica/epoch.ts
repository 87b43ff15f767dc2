import { createHash } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import { migrate } from '#companion/records/database.ts'
import { newId } from '#shared/domain/ids.ts'

/**
 * Names the count of changes of these records. Copies made under another name begin anew: after `forget`, which has to
 * be called when older records take the place of newer ones, and when the vectors become those of another model.
 */
export class ReplicaEpoch {
  readonly #database: DatabaseSync

  constructor(database: DatabaseSync) {
    this.#database = database
    migrate(database, 'replica', ['CREATE TABLE replica_epoch (id TEXT NOT NULL) STRICT;'])
  }

  of(modelId: string, dimensions: number): string {
    const hash = createHash('sha256').update(JSON.stringify([this.#id(), modelId, dimensions]))
    return hash.digest('hex').slice(0, 32)
  }

  /** Makes every copy begin anew. */
  forget(): void {
    this.#database.exec('DELETE FROM replica_epoch')
  }

  #id(): string {
    const row = this.#database.prepare('SELECT id FROM replica_epoch').get()
    if (row) return String(row.id)
    const id = newId()
    this.#database.prepare('INSERT INTO replica_epoch (id) VALUES (?)').run(id)
    return id
  }
}
