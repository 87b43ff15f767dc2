import { availableParallelism } from 'node:os'
import * as v from 'valibot'
import { readGguf } from '#companion/formats/gguf.ts'
import { toSiloError, toWire } from '#shared/errors/silo-error.ts'
import { toWorkerSchema, type FromWorker, type ToWorker } from './messages.ts'
import { measureModel } from './perplexity.ts'
import { planQuantization } from './plan.ts'
import { rewriteModel } from './rewrite.ts'

/** Entry of the process that quantizes a model or measures one. It ends with its one request. */

/** Ms between two messages of progress. */
const progressEvery = 200

let shownAt = 0
function progress(done: number, total: number): void {
  const now = performance.now()
  if (done < total && now - shownAt < progressEvery) return
  shownAt = now
  send({ op: 'progress', done, total })
}

function send(message: FromWorker): void {
  if (process.connected) process.send?.(message)
}

async function work(request: ToWorker): Promise<FromWorker> {
  const threads = request.threads || availableParallelism()
  if (request.op === 'measure')
    return { op: 'measured', ...(await measureModel({ ...request, threads }, progress)) }
  const { source, destination, preset, model } = request
  const header = await readGguf(source, model)
  const plan = planQuantization(header, preset, model)
  await rewriteModel({ source, destination, header, plan, threads, onProgress: progress })
  const { bitsPerWeight, sourceBitsPerWeight } = plan
  return { op: 'rewritten', bitsPerWeight, sourceBitsPerWeight }
}

process.once('message', (input) => {
  void work(v.parse(toWorkerSchema, input)).then(send, (cause: unknown) => {
    const error = toSiloError(cause, 'quantize')
    const reason = error.cause ?? cause
    const detail = reason instanceof Error ? (reason.stack ?? reason.message) : String(reason)
    send({ op: 'failed', error: toWire(error), detail })
  })
})
process.once('disconnect', () => process.exit(0))
