import { fileURLToPath } from 'node:url'
import * as v from 'valibot'
import type { Log } from '#companion/observe/log.ts'
import { WorkerProcess } from '#companion/process/worker-process.ts'
import { fromWire, SiloError } from '#shared/errors/silo-error.ts'
import { fromWorkerSchema, type FromWorker, type ToWorker } from './messages.ts'

type Result = Exclude<FromWorker, { op: 'progress' | 'failed' }>

export interface JobOptions {
  readonly log: Log
  readonly signal: AbortSignal
  readonly onProgress: (done: number, total: number) => void
}

/** A process that is silent for so long is ended: a piece takes seconds, and loading a large model minutes. Ms. */
const silenceLimit = 10 * 60_000

/**
 * One request in a process of its own, which is ended with the signal.
 * @throws SiloError engine_crashed, timeout, what the process says, or the signal's reason
 */
export async function runJob(request: ToWorker, options: JobOptions): Promise<Result> {
  const { log, signal, onProgress } = options
  signal.throwIfAborted()
  const { promise, resolve, reject } = Promise.withResolvers<Result>()
  const heard = (): NodeJS.Timeout =>
    setTimeout(() => reject(new SiloError('timeout', { params: { seconds: silenceLimit / 1000 } })), silenceLimit) // prettier-ignore
  let timer = heard()
  const child: WorkerProcess = new WorkerProcess({
    path: fileURLToPath(new URL('./worker.ts', import.meta.url)),
    name: 'quantizer',
    environment: { GGML_NO_BACKTRACE: '1' },
    log,
    onMessage(input) {
      const parsed = v.safeParse(fromWorkerSchema, input)
      if (!parsed.success) return child.distrust()
      clearTimeout(timer)
      timer = heard()
      const message = parsed.output
      if (message.op === 'progress') onProgress(message.done, message.total)
      else if (message.op === 'failed') {
        log.warn('quantizing failed', { detail: message.detail })
        reject(fromWire(message.error))
      } else resolve(message)
    },
    onExit: (how) => reject(new SiloError('engine_crashed', { cause: new Error(how) })),
  })
  const abort = (): void => reject(signal.reason as Error)
  signal.addEventListener('abort', abort, { once: true })
  try {
    child.send(request, (cause) => reject(new SiloError('engine_crashed', { cause })))
    return await promise
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', abort)
    await child.close()
  }
}
