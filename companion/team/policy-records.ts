import type { DatabaseSync } from 'node:sqlite'
import * as v from 'valibot'
import { migrate } from '#companion/records/database.ts'
import { groupSchema, signedPolicySchema, type Group, type SignedPolicy } from '#shared/domain/sharing.ts' // prettier-ignore

const membersSchema = groupSchema.entries.members

/** Policies as they were signed, and the groups that the owners of this companion have made. */
export class PolicyRecords {
  readonly #database: DatabaseSync

  constructor(database: DatabaseSync) {
    this.#database = database
    migrate(database, 'team', [
      `CREATE TABLE policies (
         collection_id TEXT PRIMARY KEY, home TEXT NOT NULL, version INTEGER NOT NULL, signed TEXT NOT NULL,
         received_at INTEGER NOT NULL) STRICT;
       CREATE TABLE team_groups (id TEXT PRIMARY KEY, name TEXT NOT NULL, members TEXT NOT NULL) STRICT;`,
    ])
  }

  policies(): SignedPolicy[] {
    return this.#database
      .prepare('SELECT signed FROM policies ORDER BY collection_id')
      .all()
      .map((row) => v.parse(signedPolicySchema, JSON.parse(String(row.signed))))
  }

  putPolicy(signed: SignedPolicy): void {
    const { collectionId, home, version } = signed.policy
    this.#database
      .prepare(
        `INSERT INTO policies VALUES (?, ?, ?, ?, ?) ON CONFLICT (collection_id) DO UPDATE SET
         home = excluded.home, version = excluded.version, signed = excluded.signed, received_at = excluded.received_at`,
      )
      .run(collectionId, home, version, JSON.stringify(signed), Date.now())
  }

  removePolicy(collectionId: string): void {
    this.#database.prepare('DELETE FROM policies WHERE collection_id = ?').run(collectionId)
  }

  groups(): Group[] {
    return this.#database
      .prepare('SELECT * FROM team_groups ORDER BY name, id')
      .all()
      .map((row) => ({
        id: String(row.id),
        name: String(row.name),
        members: v.parse(membersSchema, JSON.parse(String(row.members))),
      }))
  }

  putGroup({ id, name, members }: Group): void {
    this.#database
      .prepare(
        `INSERT INTO team_groups VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET
         name = excluded.name, members = excluded.members`,
      )
      .run(id, name, JSON.stringify(members))
  }

  removeGroup(id: string): void {
    this.#database.prepare('DELETE FROM team_groups WHERE id = ?').run(id)
  }
}
