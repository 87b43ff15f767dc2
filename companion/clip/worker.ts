import '#companion/observe/no-network.ts'
import { parentPort, workerData } from 'node:worker_threads'
import * as v from 'valibot'
import { SiloError, toWire } from '#shared/errors/silo-error.ts'
import { readPage } from './page.ts'

/** Runs in a thread of its own: a hostile page can exhaust this thread's memory or time, not the companion's. */
const { html, url } = v.parse(v.object({ html: v.string(), url: v.string() }), workerData)
try {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  parentPort?.postMessage({ page: readPage(html, url) })
} catch (error) {
  const known = error instanceof SiloError ? error : new SiloError('clip_empty', { cause: error })
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  parentPort?.postMessage({ error: toWire(known) })
}
