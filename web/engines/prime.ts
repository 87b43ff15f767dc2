import type { PageModel } from './page-models/catalogue.ts'
import type { WasmFeatures } from './wasm-features.ts'

/**
 * Fetches the code of an engine, so that the service worker keeps it and the model works where no companion is
 * in reach. Failing harms nothing: it is fetched at the first use.
 */
export async function primeEngine(
  engine: PageModel['engine'],
  features: WasmFeatures,
): Promise<void> {
  if (engine === 'web-llm') {
    await import('./web-llm/engine.ts')
    return
  }
  const [{ wllamaAssets }] = await Promise.all([import('./wllama/assets.ts'), import('./wllama/engine.ts')]) // prettier-ignore
  const { wasm, compatWasm, compatWorker } = wllamaAssets
  const urls = features.memory64 && features.promises ? [wasm] : [compatWasm, compatWorker]
  await Promise.all(urls.map(async (url) => (await fetch(url)).arrayBuffer()))
}
