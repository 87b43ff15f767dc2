import type { Table } from '@lancedb/lancedb'
import type { IndexState } from '#shared/contracts/vault-store.ts'
import { hitColumns, type Row } from './lance-rows.ts'

/**
 * The nearest chunks by cosine distance: exactly, or through the index where its recall was measured.
 * @param where a condition on rows; only those are looked at
 */
export async function denseSearch(
  table: Table,
  vector: Float32Array,
  limit: number,
  index: IndexState = { kind: 'exact' },
  where?: string,
): Promise<Row[]> {
  let query = table
    .query()
    .nearestTo(vector)
    .distanceType('dot')
    .select([...hitColumns, '_distance'])
    .limit(limit)
  if (where) query = query.where(where)
  query =
    index.kind === 'exact'
      ? query.bypassVectorIndex()
      : query.nprobes(Math.min(Math.max(1, index.probes ?? 32), 4096))
  return (await query.toArray()) as Row[]
}

/** The best chunks by BM25 over terms. */
export async function textSearch(
  table: Table,
  terms: string,
  limit: number,
  where?: string,
): Promise<Row[]> {
  let query = table
    .query()
    .fullTextSearch(terms, { columns: ['terms'] })
    .select([...hitColumns, '_score'])
    .limit(limit)
  if (where) query = query.where(where)
  return (await query.toArray()) as Row[]
}
