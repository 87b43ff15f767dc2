import { mkdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Index, connect, type Connection, type Table } from '@lancedb/lancedb'
import { Field, FixedSizeList, Float32, Int32, List, Schema, Utf8 } from 'apache-arrow'
import type {
  StoreHit,
  StoreSearch,
  StoredChunk,
  VaultStore,
} from '#shared/contracts/vault-store.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { fuse } from './fusion.ts'
import { termsOf } from './terms.ts'

const columns = ['id', 'document_id', 'ordinal', 'text', 'headings', 'start', 'end', 'page']
/** Candidates of each list that fusion sees, per hit wanted. */
const candidates = 4
const keepVersionsMs = 10 * 60_000

export interface LanceStoreInit {
  /** Datasets lie at `<directory>/<collection>/<device>`: a device writes only its own. */
  readonly directory: string
  readonly deviceId: string
  /** Identity of the vectors; a dataset of another model is not opened. */
  readonly modelId: string
  readonly dimensions: number
}

/**
 * Chunks in LanceDB: exact vector search (no approximate index until one is measured to be needed) and a
 * full text index over the terms of terms.ts. One commit per replaced document; readers keep the version
 * they opened.
 */
export class LanceStore implements VaultStore {
  readonly specVersion = 1
  readonly #init: LanceStoreInit
  readonly #tables = new Map<string, Promise<{ connection: Connection; table: Table }>>()

  constructor(init: LanceStoreInit) {
    this.#init = init
  }

  replaceDocument(
    collectionId: string,
    documentId: string,
    chunks: readonly StoredChunk[],
    signal: AbortSignal,
  ): Promise<void> {
    return this.replaceDocuments(collectionId, new Map([[documentId, chunks]]), signal)
  }

  /** Several documents in one commit. */
  async replaceDocuments(
    collectionId: string,
    documents: ReadonlyMap<string, readonly StoredChunk[]>,
    signal: AbortSignal,
  ): Promise<void> {
    signal.throwIfAborted()
    const table = await this.#table(collectionId)
    const where = `document_id IN (${[...documents.keys()].map(quote).join(', ')})`
    const rows = [...documents.values()].flat().map(rowOf)
    if (rows.length === 0) await table.delete(where)
    else
      await table
        .mergeInsert('id')
        .whenMatchedUpdateAll()
        .whenNotMatchedInsertAll()
        .whenNotMatchedBySourceDelete({ where })
        .execute(rows)
  }

  async removeDocuments(
    collectionId: string,
    documentIds: readonly string[],
    signal: AbortSignal,
  ): Promise<void> {
    signal.throwIfAborted()
    if (documentIds.length === 0) return
    const table = await this.#table(collectionId)
    await table.delete(`document_id IN (${documentIds.map(quote).join(', ')})`)
  }

  async removeCollection(collectionId: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const open = await this.#tables.get(collectionId)?.catch(() => undefined)
    this.#tables.delete(collectionId)
    open?.table.close()
    open?.connection.close()
    await rm(join(this.#init.directory, safe(collectionId)), { recursive: true, force: true })
  }

  async optimize(collectionId: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const table = await this.#table(collectionId)
    await table.optimize({ cleanupOlderThan: new Date(Date.now() - keepVersionsMs) })
  }

  async search(request: StoreSearch, signal: AbortSignal): Promise<StoreHit[]> {
    const limit = request.limit * candidates
    const terms = termsOf(request.text, 'query').join(' ')
    const perCollection = await Promise.all(
      request.collectionIds.map(async (collectionId) => {
        signal.throwIfAborted()
        const table = await this.#table(collectionId)
        const [dense, text] = await Promise.all([
          denseSearch(table, request.vector, limit),
          terms ? textSearch(table, terms, limit) : [],
        ])
        const tag = (row: Row) => ({ collectionId, row })
        return { dense: dense.map(tag), text: text.map(tag) }
      }),
    )
    signal.throwIfAborted()
    const dense = perCollection
      .flatMap((lists) => lists.dense)
      .sort((a, b) => (a.row._distance ?? 0) - (b.row._distance ?? 0))
    const text = perCollection
      .flatMap((lists) => lists.text)
      .sort((a, b) => (b.row._score ?? 0) - (a.row._score ?? 0))
    const fused = fuse([dense, text], ({ collectionId, row }) => `${collectionId}/${row.id}`)
    return fused.slice(0, request.limit).map(({ item, score, ranks: [denseRank, textRank] }) => ({
      collectionId: item.collectionId,
      chunk: chunkOf(item.row),
      score,
      ...(denseRank === undefined ? {} : { denseRank }),
      ...(textRank === undefined ? {} : { textRank }),
    }))
  }

  async countChunks(collectionId: string, signal: AbortSignal): Promise<number> {
    signal.throwIfAborted()
    return (await this.#table(collectionId)).countRows()
  }

  async countByDocument(collectionId: string, signal: AbortSignal): Promise<Map<string, number>> {
    signal.throwIfAborted()
    const table = await this.#table(collectionId)
    const rows = (await table.query().select(['document_id']).toArray()) as Row[]
    const counts = new Map<string, number>()
    for (const { document_id: id } of rows) counts.set(id, (counts.get(id) ?? 0) + 1)
    return counts
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const open = [...this.#tables.values()]
    this.#tables.clear()
    for (const pending of open) {
      const entry = await pending.catch(() => undefined)
      entry?.table.close()
      entry?.connection.close()
    }
  }

  async #table(collectionId: string): Promise<Table> {
    let pending = this.#tables.get(collectionId)
    if (!pending) {
      pending = this.#open(collectionId)
      this.#tables.set(collectionId, pending)
      // A failed opening is tried again by the next call.
      pending.catch(() => this.#tables.delete(collectionId))
    }
    return (await pending).table
  }

  async #open(collectionId: string): Promise<{ connection: Connection; table: Table }> {
    const { modelId, dimensions, deviceId, directory } = this.#init
    const folder = join(directory, safe(collectionId), safe(deviceId))
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const connection = await connect(folder)
    const name = `chunks-${safe(modelId)}-${dimensions}`
    const existing = await connection.tableNames()
    // Rows of another embedding model cannot be compared: the vault reads everything again.
    for (const other of existing) if (other !== name) await connection.dropTable(other)
    const table = existing.includes(name)
      ? await connection.openTable(name)
      : await connection.createEmptyTable(name, schema(dimensions))
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
    return { connection, table }
  }
}

interface Row {
  id: string
  document_id: string
  ordinal: number
  text: string
  headings: Iterable<string> | null
  start: number
  end: number
  page: number
  _distance?: number
  _score?: number
}

/** The nearest chunks by cosine distance, exactly. */
export async function denseSearch(
  table: Table,
  vector: Float32Array,
  limit: number,
): Promise<Row[]> {
  return (await table
    .query()
    .nearestTo(vector)
    .distanceType('dot')
    .select([...columns, '_distance'])
    .limit(limit)
    .toArray()) as Row[]
}

/** The best chunks by BM25 over terms. */
export async function textSearch(table: Table, terms: string, limit: number): Promise<Row[]> {
  return (await table
    .query()
    .fullTextSearch(terms, { columns: ['terms'] })
    .select([...columns, '_score'])
    .limit(limit)
    .toArray()) as Row[]
}

const text = (name: string) => new Field(name, new Utf8(), false)
const int = (name: string) => new Field(name, new Int32(), false)

function schema(dimensions: number): Schema {
  return new Schema([
    text('id'),
    text('document_id'),
    int('ordinal'),
    text('text'),
    new Field('headings', new List(new Field('item', new Utf8(), true)), true),
    int('start'),
    int('end'),
    int('page'),
    text('terms'),
    new Field(
      'vector',
      new FixedSizeList(dimensions, new Field('item', new Float32(), true)),
      false,
    ),
  ])
}

function rowOf(chunk: StoredChunk): Record<string, unknown> {
  return {
    id: chunk.id,
    document_id: chunk.documentId,
    ordinal: chunk.ordinal,
    text: chunk.text,
    headings: [...chunk.headings],
    start: chunk.start,
    end: chunk.end,
    page: chunk.page,
    terms: termsOf(
      [chunk.context ?? '', ...chunk.headings, chunk.text].join('\n'),
      'document',
    ).join(' '),
    vector: [...chunk.vector],
  }
}

function chunkOf(row: Row): Omit<StoredChunk, 'vector' | 'context'> {
  return {
    id: row.id,
    documentId: row.document_id,
    ordinal: row.ordinal,
    text: row.text,
    headings: row.headings ? [...row.headings] : [],
    start: row.start,
    end: row.end,
    page: row.page,
  }
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** Ids become folder and table names; anything else in them is a programming error. */
function safe(name: string): string {
  if (!/^[A-Za-z0-9._-]{1,128}$/.test(name) || name.startsWith('.'))
    throw new SiloError('bad_request', { params: { detail: 'id' } })
  return name
}
