import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { connect, type Connection, type Table } from '@lancedb/lancedb'
import type { Log } from '#companion/observe/log.ts'
import type { DatasetState, IndexState } from '#shared/contracts/vault-store.ts'
import { readIndexState } from './lance-index.ts'

/** A version that did not open is tried again after this long, then twice as long, and so on up to the second. */
const retryMs = [500, 30_000] as const

interface Opened {
  readonly connection: Connection
  readonly table: Table
  readonly version: number
  readonly index: IndexState
}

export interface DatasetInit {
  /** `<directory>/<collection>/<device>` */
  readonly folder: string
  readonly owner: string
  /** Name of the table of the embedding model in use. */
  readonly tableName: string
  readonly log: Log
}

/**
 * A dataset that another device writes and that arrives here file by file. A new version is opened beside the one in
 * use and takes its place only when all of it can be read; so a version that is half here, or damaged, is never seen.
 */
export class ReceivedDataset {
  readonly owner: string
  readonly #init: DatasetInit
  #opened: Opened | undefined
  /** The newest manifest on disk when it was last looked at; null before that. */
  #seen: string | undefined | null = null
  #opening: Promise<void> | undefined
  #failure: { reason: string; unusable: 'other-model' | 'damaged' } | undefined
  #retryAt = 0
  #retryIn: number = retryMs[0]

  constructor(init: DatasetInit) {
    this.#init = init
    this.owner = init.owner
  }

  /** The newest version that can be read; undefined where there is none. */
  async current(): Promise<Opened | undefined> {
    const newest = await this.#newest()
    const due = this.#failure?.unusable === 'damaged' && Date.now() >= this.#retryAt
    if (newest !== this.#seen || due) {
      this.#opening ??= this.#reopen(newest).finally(() => (this.#opening = undefined))
      await this.#opening
    }
    return this.#opened
  }

  /** Said of a version in use that turned out not to be readable: it is opened anew, or given up. */
  async failed(error: unknown): Promise<Opened | undefined> {
    this.#init.log.warn('a received index could not be read', {
      folder: this.#init.folder,
      reason: String(error),
    })
    this.#seen = null
    this.#drop()
    return this.current()
  }

  async state(): Promise<DatasetState> {
    const opened = await this.current()
    return {
      owner: this.owner,
      own: false,
      chunks: opened ? await opened.table.countRows() : 0,
      version: opened?.version ?? 0,
      index: opened?.index ?? { kind: 'exact' },
      ...(this.#failure
        ? {
            reason: this.#failure.reason,
            ...(opened ? { stale: true } : { unusable: this.#failure.unusable }),
          }
        : {}),
    }
  }

  close(): void {
    this.#drop()
    this.#seen = null
  }

  async #reopen(newest: string | undefined): Promise<void> {
    if (newest === undefined) {
      this.#drop()
      this.#seen = undefined
      const other = await otherTables(this.#init.folder, this.#init.tableName)
      this.#failure = other.length
        ? { unusable: 'other-model', reason: `index of another embedding model: ${other.join(', ')}` }
        : undefined // prettier-ignore
      return
    }
    let connection: Connection | undefined
    let table: Table | undefined
    try {
      // A connection of its own: one that has seen a version under this path might answer from memory.
      connection = await connect(this.#init.folder)
      table = await connection.openTable(this.#init.tableName)
      await verify(table)
      const opened = {
        connection,
        table,
        version: await table.version(),
        index: await readIndexState(this.#init.folder),
      }
      this.#drop()
      this.#opened = opened
      this.#failure = undefined
      this.#retryIn = retryMs[0]
    } catch (error) {
      table?.close()
      connection?.close()
      if (newest !== this.#seen) {
        this.#retryIn = retryMs[0]
        this.#init.log.warn('a received index does not open; what was there before stays in use', {
          folder: this.#init.folder,
          reason: String(error),
        })
      }
      this.#failure = { unusable: 'damaged', reason: firstLine(error) }
      this.#retryAt = Date.now() + this.#retryIn
      this.#retryIn = Math.min(this.#retryIn * 2, retryMs[1])
    }
    this.#seen = newest
  }

  #drop(): void {
    this.#opened?.table.close()
    this.#opened?.connection.close()
    this.#opened = undefined
  }

  /** Changes with every version; undefined where there is no dataset of this model. */
  async #newest(): Promise<string | undefined> {
    // Numbers are written so that the newest sorts first in one naming scheme and last in the other.
    const manifests = (await manifestsIn(this.#init.folder, this.#init.tableName)).sort()
    return manifests.length ? `${manifests[0]} ${manifests.at(-1)} ${manifests.length}` : undefined
  }
}

/** Touches every fragment and the full text index: a manifest alone does not say that its files are there. */
async function verify(table: Table): Promise<void> {
  await table.query().select(['ordinal']).toArray()
  const indices = await table.listIndices()
  if (indices.some((index) => index.columns.includes('terms')))
    await table.query().fullTextSearch('silo', { columns: ['terms'] }).select(['id', '_score']).limit(1).toArray() // prettier-ignore
}

/** File names of a table's versions; none where the table is not there, or was never finished. */
export async function manifestsIn(folder: string, tableName: string): Promise<string[]> {
  const names = await readdir(join(folder, `${tableName}.lance`, '_versions')).catch(() => [])
  return names.filter((name) => name.endsWith('.manifest'))
}

/** Tables of other embedding models in a dataset's folder. */
export async function otherTables(folder: string, tableName: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => [])
  return names
    .filter((name) => name.endsWith('.lance'))
    .map((name) => name.slice(0, -'.lance'.length))
    .filter((name) => name !== tableName)
}

function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error)
    .split('\n', 1)[0]!
    .slice(0, 300)
}
