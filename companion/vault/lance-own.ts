import { mkdir } from 'node:fs/promises'
import { Index, connect, makeArrowTable, type Connection, type Table } from '@lancedb/lancedb'
import type { DatasetState, IndexState, StoredChunk } from '#shared/contracts/vault-store.ts'
import type { DocumentHead } from '#shared/vault/document-head.ts'
import { manifestsIn, otherTables, type DatasetInit } from './lance-dataset.ts'
import { decideIndex, readIndexState } from './lance-index.ts'
import { headSchema, ofDocuments, rowOf, rowSchema, type Row } from './lance-rows.ts'

const defaultGraceMs = 10 * 60_000
/** Commits after which small pieces are put together, also in the middle of a long ingest: each adds a file and makes every later manifest longer. */
const commitsUntilCompaction = 64
/** Documents whose heads are changed in one statement. */
const headsAtOnce = 200

export interface OwnDatasetInit extends DatasetInit {
  readonly dimensions: number
  readonly graceMs?: number
  readonly indexFrom?: number
}

interface Opened {
  readonly connection: Connection
  readonly table: Table
}

/** The dataset that this device writes. Writes come one after the other; readers are never kept waiting. */
export class OwnDataset {
  readonly #init: OwnDatasetInit
  #opened: Promise<Opened> | undefined
  #writable = false
  #index: IndexState = { kind: 'exact' }
  #tail: Promise<unknown> = Promise.resolve()
  #commits = 0
  #cleanup: NodeJS.Timeout | undefined
  #closed = false

  constructor(init: OwnDatasetInit) {
    this.#init = init
  }

  /** Undefined while nothing was ever written: reading creates nothing. */
  async forReading(): Promise<{ table: Table; index: IndexState } | undefined> {
    if (!this.#opened && !(await this.#exists())) return undefined
    const { table } = await this.#open(false)
    return { table, index: this.#index }
  }

  replace(
    documents: ReadonlyMap<string, readonly StoredChunk[]>,
    signal: AbortSignal,
  ): Promise<void> {
    const rows = [...documents.values()].flat().map(rowOf)
    const where = ofDocuments(documents.keys())
    return this.#write(signal, async (table) => {
      if (rows.length === 0) await table.delete(where)
      else
        await table
          .mergeInsert('id')
          .whenMatchedUpdateAll()
          .whenNotMatchedInsertAll()
          .whenNotMatchedBySourceDelete({ where })
          .execute(rows)
    })
  }

  putHeads(heads: ReadonlyMap<string, DocumentHead>, signal: AbortSignal): Promise<void> {
    return this.#write(signal, async (table) => {
      const all = [...heads]
      for (let at = 0; at < all.length; at += headsAtOnce) {
        signal.throwIfAborted()
        const some = all.slice(at, at + headsAtOnce)
        const ids = some.map(([id]) => id)
        const first = (await table
          .query()
          .where(`ordinal = 0 AND ${ofDocuments(ids)}`)
          .select(['id', 'document_id'])
          .toArray()) as Pick<Row, 'id' | 'document_id'>[]
        if (first.length === 0) continue
        // The other columns of these rows stay as they are, vectors and all.
        await table
          .mergeInsert('id')
          .whenMatchedUpdateAll()
          .execute(
            makeArrowTable(
              first.map(({ id, document_id: of }) => ({ id, document: JSON.stringify(heads.get(of)) })), // prettier-ignore
              { schema: headSchema },
            ),
          )
      }
    })
  }

  async remove(documentIds: readonly string[], signal: AbortSignal): Promise<void> {
    if (!(await this.#exists())) return
    await this.#write(signal, async (table) => {
      await table.delete(ofDocuments(documentIds))
    })
  }

  async optimize(signal: AbortSignal): Promise<void> {
    if (!(await this.#exists())) return
    await this.#write(
      signal,
      async (table) => {
        await this.#compact(table)
        this.#index = await decideIndex(table, { ...this.#init, signal })
      },
      false,
    )
  }

  async state(): Promise<DatasetState> {
    const base = { owner: this.#init.owner, own: true, chunks: 0, version: 0, index: this.#index }
    try {
      const opened = await this.forReading()
      if (opened)
        return {
          ...base,
          chunks: await opened.table.countRows(),
          version: await opened.table.version(),
          index: opened.index,
        }
    } catch (error) {
      return { ...base, unusable: 'damaged', reason: String(error).split('\n', 1)[0]!.slice(0, 300) } // prettier-ignore
    }
    const others = await otherTables(this.#init.folder, this.#init.tableName)
    if (others.length === 0) return base
    return { ...base, unusable: 'other-model', reason: `index of another embedding model: ${others.join(', ')}` } // prettier-ignore
  }

  /** Waits for the write that goes on. */
  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#cleanup)
    await this.#tail.catch(() => {})
    const opened = await this.#opened?.catch(() => undefined)
    this.#opened = undefined
    opened?.table.close()
    opened?.connection.close()
  }

  /** Without a version nothing was ever written: a folder alone is what a process left that was killed at the making. */
  async #exists(): Promise<boolean> {
    const { folder, tableName } = this.#init
    return (await manifestsIn(folder, tableName)).length > 0
  }

  #write(signal: AbortSignal, work: (table: Table) => Promise<void>, counts = true): Promise<void> {
    const turn = this.#tail.then(async () => {
      signal.throwIfAborted()
      const { table } = await this.#open(true)
      await work(table)
      if (!counts) return
      this.#commits += 1
      if (this.#commits >= commitsUntilCompaction) await this.#compact(table)
    })
    this.#tail = turn.catch(() => {})
    return turn
  }

  async #compact(table: Table): Promise<void> {
    this.#commits = 0
    await this.#clean(table)
    // What was just replaced is removed when its grace is over, also if nothing is ever written again.
    clearTimeout(this.#cleanup)
    if (this.#closed) return
    this.#cleanup = setTimeout(() => {
      void this.#write(AbortSignal.timeout(60_000), (later) => this.#clean(later), false).catch(
        (error: unknown) =>
          this.#init.log.warn('old versions of an index could not be removed', { error }),
      )
    }, this.#graceMs + 1000)
    this.#cleanup.unref()
  }

  async #clean(table: Table): Promise<void> {
    await table.optimize({
      cleanupOlderThan: new Date(Date.now() - this.#graceMs),
      // Writes take turns here and only here: what no version names is left over from a killed process.
      deleteUnverified: true,
    })
  }

  get #graceMs(): number {
    return this.#init.graceMs ?? defaultGraceMs
  }

  async #open(forWriting: boolean): Promise<Opened> {
    if (this.#opened === undefined || (forWriting && !this.#writable)) {
      this.#writable ||= forWriting
      const pending = this.#openNow(forWriting)
      const before = this.#opened
      this.#opened = pending
      // A failed opening is tried again by the next call.
      pending.catch(() => {
        if (this.#opened === pending) this.#opened = undefined
        this.#writable = false
      })
      // Whoever still reads through the handle before keeps what it has read.
      before?.then(({ table, connection }) => { table.close(); connection.close() }, () => {}) // prettier-ignore
    }
    return this.#opened!
  }

  async #openNow(forWriting: boolean): Promise<Opened> {
    const { folder, tableName, dimensions } = this.#init
    if (forWriting) await mkdir(folder, { recursive: true, mode: 0o700 })
    const connection = await connect(folder)
    const exists = await this.#exists()
    if (!forWriting) {
      this.#index = await readIndexState(folder)
      return { connection, table: await connection.openTable(tableName) }
    }
    // Rows of another embedding model cannot be compared: the vault reads everything again.
    for (const other of await otherTables(folder, tableName)) await connection.dropTable(other)
    const table = exists
      ? await connection.openTable(tableName)
      : await connection.createEmptyTable(tableName, rowSchema(dimensions))
    // Written before datasets said what their documents are.
    if (!(await table.schema()).fields.some((field) => field.name === 'document'))
      await table.addColumns([{ name: 'document', valueSql: 'CAST(NULL AS STRING)' }])
    const indices = await table.listIndices()
    if (!indices.some((index) => index.columns.includes('terms')))
      await table.createIndex('terms', {
        config: Index.fts({
          baseTokenizer: 'whitespace',
          stem: false,
          removeStopWords: false,
          asciiFolding: true,
          lowercase: false,
          withPosition: false,
        }),
      })
    this.#index = await readIndexState(folder)
    return { connection, table }
  }
}
