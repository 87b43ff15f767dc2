import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import type { IndexState } from '#shared/contracts/vault-store.ts'

const file = 'index-state.json'

const stateSchema = v.object({
  kind: v.picklist(['exact', 'ivf-flat', 'ivf-hnsw-sq']),
  recall: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(1))),
  probes: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(4096))),
  decidedAt: v.optional(v.number()),
  /** Chunks there were at the decision. */
  chunks: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
})
export type StoredIndexState = v.InferOutput<typeof stateSchema>

/** How a dataset's vectors are to be searched: beside the dataset, and travelling with it. Exact where nothing is said. */
export async function readIndexState(folder: string): Promise<IndexState & StoredIndexState> {
  try {
    return v.parse(stateSchema, JSON.parse(await readFile(join(folder, file), 'utf8')))
  } catch {
    return { kind: 'exact' }
  }
}

export async function writeIndexState(folder: string, state: StoredIndexState): Promise<void> {
  const path = join(folder, file)
  await writeFile(`${path}.part`, JSON.stringify(state), { mode: 0o600 })
  await rename(`${path}.part`, path)
}
