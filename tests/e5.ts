import { createLlamaCppEngine } from '#companion/engines/llama-cpp/engine.ts'
import { silentLog } from '#companion/observe/log.ts'
import { createE5Embedder, type Embedder } from '#companion/vault/embedder.ts'
import type { LoadedModel } from '#shared/contracts/engine.ts'
import { testModel } from '#tests/models.ts'

/** The real embedding model, behind the engine that the companion uses. */
export async function openE5(
  signal: AbortSignal,
): Promise<AsyncDisposable & { readonly embedder: Embedder; readonly loaded: LoadedModel }> {
  const engine = createLlamaCppEngine({ log: silentLog })
  const id = 'multilingual-e5-small'
  const path = testModel(id)
  const loaded = await engine.load(
    { id, path, sha256: '0'.repeat(64), task: 'embed' },
    { contextTokens: 512, parallel: 1 },
    { signal },
  )
  const embedder = createE5Embedder(id, 384, async () => ({ loaded, release() {} }))
  return { embedder, loaded, [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose]() }
}
