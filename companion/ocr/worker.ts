import * as v from 'valibot'
import { toWorkerSchema, type FromWorker, type ToWorker } from './messages.ts'
import type { PageEngine } from './page-engine.ts'

/** Entry of a recogniser's child process: one engine, which is loaded with the first picture. */

let engine: Promise<PageEngine> | undefined

async function open({ engine: name, threads }: ToWorker): Promise<PageEngine> {
  if (name === 'paddle') return (await import('./paddle/engine.ts')).openPaddle(threads)
  return (await import('./tesseract-engine.ts')).openTesseract()
}

function send(message: FromWorker): void {
  if (process.connected) process.send?.(message)
}

async function recognize(message: ToWorker): Promise<void> {
  const { id, width, height, gray, regions, turn } = message
  if (gray.length !== width * height) throw new RangeError('not as many pixels as it says')
  engine ??= open(message)
  const read = await (
    await engine
  )({ width, height, gray }, { ...(regions ? { regions } : {}), ...(turn ? { turn } : {}) })
  send({ op: 'done', id, lines: [...read.lines], turn: read.turn })
}

process.on('message', (input) => {
  const parsed = v.safeParse(toWorkerSchema, input)
  if (!parsed.success) return
  recognize(parsed.output).catch((error: unknown) =>
    send({
      op: 'error',
      id: parsed.output.id,
      detail: error instanceof Error ? error.message : String(error),
    }),
  )
})
// A terminal's Ctrl+C reaches the whole group: the parent decides when this process ends.
process.on('SIGINT', () => {})
// Native threads may be computing; nothing here is worth an orderly end.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
