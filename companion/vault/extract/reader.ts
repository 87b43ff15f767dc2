import { Worker } from 'node:worker_threads'
import * as v from 'valibot'
import type { RecognizedPage } from '#shared/contracts/text-recognizer.ts'
import { SiloError, fromWire, toWire } from '#shared/errors/silo-error.ts'
import { extractFile } from '../extract-file.ts'
import { toReaderSchema, type FromReader } from './messages.ts'
import { drawFirstPage } from './page-picture.ts'
import type { Recognize } from './recognize.ts'

/**
 * Entry of the child process that reads documents: a hostile one can exhaust this process's memory or time, or
 * crash a native library in it, and not the companion's.
 */

/** Resident memory (bytes) beyond which a document is a trap. */
const maxMemory = 2.5 * 1024 ** 3

// An endless loop leaves no turn to notice that the parent is gone, or that memory runs out: a thread does.
const watch = new Worker(
  `const { workerData: { max, parent } } = require('node:worker_threads')
   setInterval(() => {
     if (process.memoryUsage.rss() > max || process.ppid !== parent) process.kill(process.pid, 'SIGKILL')
   }, 250)`,
  { eval: true, workerData: { max: maxMemory, parent: process.ppid } },
)
watch.unref()

let waiting: { resolve(page: RecognizedPage): void; reject(error: unknown): void } | undefined

function send(message: FromReader): void {
  if (process.connected) process.send?.(message)
}

async function read(id: number, path: string, recognizes: boolean): Promise<void> {
  const recognize: Recognize = ({ width, height, gray }, { page, pages }) =>
    new Promise((resolve, reject) => {
      waiting = { resolve, reject }
      send({ op: 'recognize', id, page, pages, width, height, gray: new Uint8Array(gray) })
    })
  try {
    const extracted = await extractFile(path, recognizes ? recognize : undefined)
    send({ op: 'done', id, extracted: extracted })
  } catch (error) {
    fail(id, error)
  }
}

async function draw(id: number, path: string, side: number): Promise<void> {
  try {
    const png = await drawFirstPage(path, side)
    send({ op: 'drawn', id, png: png ? new Uint8Array(png) : null })
  } catch (error) {
    fail(id, error)
  }
}

function fail(id: number, error: unknown): void {
  const known = error instanceof SiloError ? error : new SiloError('file_damaged', { cause: error })
  send({ op: 'error', id, error: toWire(known) })
}

process.on('message', (input) => {
  const parsed = v.safeParse(toReaderSchema, input)
  if (!parsed.success) return
  const message = parsed.output
  if (message.op === 'read') return void read(message.id, message.path, message.recognizes)
  if (message.op === 'draw') return void draw(message.id, message.path, message.side)
  const asked = waiting
  waiting = undefined
  if (message.op === 'recognized') asked?.resolve(message.page)
  else asked?.reject(fromWire(message.error))
})
// Libraries report broken documents on promises nobody holds; the document then fails by its time limit or by itself.
process.on('unhandledRejection', () => {})
// A terminal's Ctrl+C reaches the whole group: the parent decides when this process ends.
process.on('SIGINT', () => {})
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
