import { parentPort } from 'node:worker_threads'
import { SiloError, toWire } from '#shared/errors/silo-error.ts'
import { extractFile } from '../extract-file.ts'

/** Runs in a worker thread: a hostile document can exhaust this thread's memory or time, not the companion's. */
parentPort?.on('message', (path: string) => {
  void extractFile(path).then(
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    (extracted) => parentPort?.postMessage({ extracted }),
    (error: unknown) => {
      const known =
        error instanceof SiloError ? error : new SiloError('file_damaged', { cause: error })
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
      parentPort?.postMessage({ error: toWire(known) })
    },
  )
})
