import { pageModels } from './page-engine.svelte.ts'
import { connection } from './stream.svelte.ts'

/** The first page is drawn and its first requests are answered by then, ms. */
const restMs = 4000

/**
 * Calls `load` while the app's files can still be had and the service worker stores what is loaded: what the time
 * without a companion needs must be here before it begins. Returns the way to call it off.
 */
export function prepare(load: () => Promise<unknown>): () => void {
  const stopped = new AbortController()
  const timer = setTimeout(() => {
    void stored(stopped.signal)
      .then((ready) => (ready ? load() : undefined))
      // Nothing is broken yet: it is tried again with the next visit.
      .catch(() => {})
  }, restMs)
  return () => {
    clearTimeout(timer)
    stopped.abort()
  }
}

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

/** Waits until the service worker has this page; false where there is none to wait for. */
async function stored(signal: AbortSignal): Promise<boolean> {
  const worker = globalThis.navigator?.serviceWorker
  if (!worker) return false
  await worker.ready
  if (!worker.controller) {
    const taken = Promise.withResolvers<void>()
    worker.addEventListener('controllerchange', () => taken.resolve(), { once: true, signal })
    await taken.promise
  }
  return !signal.aborted
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
