import { dev, version } from '$app/env'
import { Workbox } from 'workbox-window'

/** Ask again this often while the app stays open (ms). */
const checkEveryMs = 60 * 60 * 1000
const answerWithinMs = 3000

/**
 * Registers the service worker and calls `onUpdate` when a newer app is ready; `apply` switches every open
 * window to it by reloading them. Does nothing in development or where workers are not allowed.
 */
export function watchForUpdate(onUpdate: (apply: () => void) => void): void {
  if (dev || !('serviceWorker' in navigator)) return
  const workbox = new Workbox('/service-worker.js', { type: 'module', updateViaCache: 'none' })
  let asked = false
  workbox.addEventListener('waiting', async ({ sw }) => {
    if (asked || !sw) return
    // The page may come from the network in the new version already; then there is nothing to ask.
    if ((await versionOf(sw)) === version) {
      workbox.messageSkipWaiting()
      return
    }
    asked = true
    onUpdate(() => {
      workbox.addEventListener('controlling', () => location.reload())
      workbox.messageSkipWaiting()
    })
  })
  // A page without a worker (private window, full disk) is a page without offline use, nothing more.
  workbox.register().catch(() => {})
  setInterval(() => void workbox.update().catch(() => {}), checkEveryMs)
}

/** The build a worker belongs to, or undefined if it does not say. */
async function versionOf(worker: ServiceWorker): Promise<string | undefined> {
  const { port1, port2 } = new MessageChannel()
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(undefined), answerWithinMs)
    port1.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
      clearTimeout(timer)
      port1.close()
      resolve(typeof data === 'string' ? data : undefined)
    })
    port1.start()
    worker.postMessage({ type: 'VERSION' }, [port2])
  })
}
