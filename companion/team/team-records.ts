import type { DatabaseSync } from 'node:sqlite'
import * as v from 'valibot'
import { migrate, transaction } from '#companion/records/database.ts'
import { accessSchema, type Access } from '#shared/domain/sharing.ts'
import { heldDatasetSchema, type HeldDataset } from '#shared/protocol/team.ts'

/** What a companion said last of one collection. */
export interface KnownOffer {
  readonly peerId: string
  readonly collectionId: string
  /** What this companion may do there. */
  readonly access: Access
  readonly datasets: readonly HeldDataset[]
}

/** A document that an answer cited and that is not here: who can be asked for its text. */
export interface RemoteDocument {
  readonly collectionId: string
  readonly peerId: string
  readonly owner: string
}

const datasetsSchema = v.array(heldDatasetSchema)
/** Documents of others that are remembered for their citations. */
const maxDocuments = 20_000

/** What this companion knows of the others' collections, and what its owners chose about them. */
export class TeamRecords {
  readonly #database: DatabaseSync
  #documents: number

  constructor(database: DatabaseSync) {
    this.#database = database
    migrate(database, 'team-peers', [
      `CREATE TABLE team_offers (
         peer TEXT NOT NULL, collection_id TEXT NOT NULL, access TEXT NOT NULL, datasets TEXT NOT NULL,
         PRIMARY KEY (peer, collection_id)) STRICT;
       CREATE TABLE team_told (peer TEXT NOT NULL, collection_id TEXT NOT NULL, PRIMARY KEY (peer, collection_id)) STRICT;
       CREATE TABLE team_copies (collection_id TEXT PRIMARY KEY, keep INTEGER NOT NULL) STRICT;
       CREATE TABLE team_synced (
         collection_id TEXT NOT NULL, owner TEXT NOT NULL, at INTEGER NOT NULL, number INTEGER NOT NULL,
         PRIMARY KEY (collection_id, owner)) STRICT;
       CREATE TABLE team_documents (
         id TEXT PRIMARY KEY, collection_id TEXT NOT NULL, peer TEXT NOT NULL, owner TEXT NOT NULL) STRICT;`,
    ])
    this.#documents = Number(database.prepare('SELECT count(*) AS n FROM team_documents').get()?.n)
  }

  offers(): KnownOffer[] {
    return this.#database
      .prepare('SELECT * FROM team_offers ORDER BY collection_id, peer')
      .all()
      .map((row) => ({
        peerId: String(row.peer),
        collectionId: String(row.collection_id),
        access: v.parse(accessSchema, JSON.parse(String(row.access))),
        datasets: v.parse(datasetsSchema, JSON.parse(String(row.datasets))),
      }))
  }

  /** Puts what a companion says now in the place of what it said before. */
  replaceOffers(peerId: string, offers: readonly Omit<KnownOffer, 'peerId'>[]): void {
    transaction(this.#database, () => {
      this.#database.prepare('DELETE FROM team_offers WHERE peer = ?').run(peerId)
      const insert = this.#database.prepare('INSERT INTO team_offers VALUES (?, ?, ?, ?)')
      for (const { collectionId, access, datasets } of offers)
        insert.run(peerId, collectionId, JSON.stringify(access), JSON.stringify(datasets))
    })
  }

  /** The collections a companion was told of, to be told when it may no longer read them. */
  told(peerId: string): string[] {
    return this.#database
      .prepare('SELECT collection_id FROM team_told WHERE peer = ?')
      .all(peerId)
      .map((row) => String(row.collection_id))
  }

  setTold(peerId: string, collectionIds: readonly string[]): void {
    transaction(this.#database, () => {
      this.#database.prepare('DELETE FROM team_told WHERE peer = ?').run(peerId)
      const insert = this.#database.prepare('INSERT INTO team_told VALUES (?, ?)')
      for (const id of collectionIds) insert.run(peerId, id)
    })
  }

  /** Forgets a companion that was taken out of the book. */
  forgetPeer(peerId: string): void {
    for (const table of ['team_offers', 'team_told', 'team_documents'])
      this.#database.prepare(`DELETE FROM ${table} WHERE peer = ?`).run(peerId)
  }

  /** Whether the owners chose to keep a copy; undefined where nobody has chosen. */
  keepsCopy(collectionId: string): boolean | undefined {
    const row = this.#database
      .prepare('SELECT keep FROM team_copies WHERE collection_id = ?')
      .get(collectionId)
    return row && row.keep === 1
  }

  chooseCopy(collectionId: string, keep: boolean): void {
    this.#database
      .prepare(
        'INSERT INTO team_copies VALUES (?, ?) ON CONFLICT (collection_id) DO UPDATE SET keep = excluded.keep',
      )
      .run(collectionId, Number(keep))
  }

  /** When a dataset was last brought up to date here, by owner. */
  synced(collectionId: string): Map<string, number> {
    const rows = this.#database
      .prepare('SELECT owner, at FROM team_synced WHERE collection_id = ?')
      .all(collectionId)
    return new Map(rows.map((row) => [String(row.owner), Number(row.at)]))
  }

  /** The number of the list of files by which a dataset was last taken; 0 before the first. */
  listNumber(collectionId: string, owner: string): number {
    const row = this.#database
      .prepare('SELECT number FROM team_synced WHERE collection_id = ? AND owner = ?')
      .get(collectionId, owner)
    return Number(row?.number ?? 0)
  }

  setSynced(collectionId: string, owner: string, at: number, number: number): void {
    this.#database
      .prepare(
        `INSERT INTO team_synced VALUES (?, ?, ?, ?) ON CONFLICT (collection_id, owner) DO UPDATE SET
         at = excluded.at, number = excluded.number`,
      )
      .run(collectionId, owner, at, number)
  }

  /** The copy of a collection, or of one device's part of it, is no longer here. */
  forgetCopy(collectionId: string, owner?: string): void {
    this.#database
      .prepare('DELETE FROM team_synced WHERE collection_id = ? AND owner = coalesce(?, owner)')
      .run(collectionId, owner ?? null)
  }

  document(id: string): RemoteDocument | undefined {
    const row = this.#database.prepare('SELECT * FROM team_documents WHERE id = ?').get(id)
    if (!row) return undefined
    return {
      collectionId: String(row.collection_id),
      peerId: String(row.peer),
      owner: String(row.owner),
    }
  }

  rememberDocuments(documents: ReadonlyMap<string, RemoteDocument>): void {
    const remove = this.#database.prepare('DELETE FROM team_documents WHERE id = ?')
    const insert = this.#database.prepare('INSERT INTO team_documents VALUES (?, ?, ?, ?)')
    transaction(this.#database, () => {
      for (const [id, { collectionId, peerId, owner }] of documents) {
        // What was cited last is the last to be forgotten.
        this.#documents += 1 - Number(remove.run(id).changes)
        insert.run(id, collectionId, peerId, owner)
      }
      if (this.#documents <= maxDocuments) return
      const { changes } = this.#database
        .prepare(
          'DELETE FROM team_documents WHERE rowid IN (SELECT rowid FROM team_documents ORDER BY rowid LIMIT ?)',
        ) // prettier-ignore
        .run(this.#documents - maxDocuments + 1000)
      this.#documents -= Number(changes)
    })
  }
}
