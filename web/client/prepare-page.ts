import { pageModels } from './page-engine.svelte.ts'
import { connection } from './stream.svelte.ts'

/** Loads the page's side, and where a model is on this device, what runs it. */
export async function preparePage(): Promise<void> {
  if (connection.state !== 'online') return
  await Promise.all([import('./page-side.ts'), import('#web/engines/page-engine.ts')])
  if (!(await hasFiles())) return
  await pageModels.start()
  const { modelId, models } = pageModels
  if (models.find(({ model }) => model.id === modelId)?.model.engine !== 'wllama') return
  const [{ wllamaAssets }] = await Promise.all([
    import('#web/engines/wllama/assets.ts'),
    import('#web/engines/wllama/engine.ts'),
  ])
  await (await fetch(wllamaAssets.wasm)).body?.pipeTo(new WritableStream())
}

/** Whether this site has stored files, which are models: the browser need not be probed where there are none. */
async function hasFiles(): Promise<boolean> {
  try {
    const folder = await navigator.storage.getDirectory()
    const entries = (folder as unknown as { keys(): AsyncIterator<string> }).keys()
    return (await entries.next()).done !== true
  } catch {
    return false
  }
}
