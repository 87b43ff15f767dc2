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
