import { fileURLToPath } from 'node:url'
import * as v from 'valibot'
import { silentLog, type Log } from '#companion/observe/log.ts'
import { WorkerProcess } from '#companion/process/worker-process.ts'
import type { TextRecognizer } from '#shared/contracts/text-recognizer.ts'
import { SiloError, fromWire, toWire } from '#shared/errors/silo-error.ts'
import type { Extracted } from './extract/extracted.ts'
import { fromReaderSchema, type FromReader, type ToReader } from './extract/messages.ts'

/** Milliseconds a document may take, without the time in which its pictures are recognised. */
const limitMs = 60_000
/** Milliseconds all pictures of one document may take to be recognised. */
const recognitionLimitMs = 60 * 60_000
const limitMegabytes = 1024
/** Milliseconds after which an unused reader leaves the memory. */
const idleMs = 60_000

export interface ExtractorOptions {
  /** Reads the text in pictures; absent: documents without a text layer have no text. It is disposed of with the reader. */
  readonly recognizer?: TextRecognizer
  readonly log?: Log
  readonly limitMs?: number
}

export interface ExtractOptions {
  /** A page without a text layer is being recognised. Pages are counted from 1. */
  readonly onPage?: (page: number, pages: number) => void
}

/** Reads documents in a child process with limits of time and memory. One document at a time. */
export class Extractor implements AsyncDisposable {
  readonly #options: ExtractorOptions
  #process: WorkerProcess | undefined
  #onMessage: ((message: FromReader) => void) | undefined
  #onExit: ((how: string) => void) | undefined
  #turn: Promise<unknown> = Promise.resolve()
  #idle: NodeJS.Timeout | undefined
  #nextId = 1
  #closed = false

  constructor(options: ExtractorOptions = {}) {
    this.#options = options
  }

  /** The child process, while there is one. */
  get pid(): number | undefined {
    return this.#process?.gone ? undefined : this.#process?.pid
  }

  /**
   * @throws SiloError as `extractFile`; file_damaged when a document runs into the limits; shutting_down; the
   *   signal's reason
   */
  extract(path: string, signal: AbortSignal, options: ExtractOptions = {}): Promise<Extracted> {
    const recognizes = this.#options.recognizer !== undefined
    const ask = (id: number): ToReader => ({ op: 'read', id, path, recognizes })
    return this.#inTurn(async () => {
      const reply = await this.#ask(ask, signal, options)
      if (reply.op === 'done') return reply.extracted
      throw new SiloError('internal')
    })
  }

  /** The first page as a PNG, at most `side` pixels wide; undefined for what has no pages. @throws as `extract` */
  picture(path: string, side: number, signal: AbortSignal): Promise<Uint8Array | undefined> {
    return this.#inTurn(async () => {
      const reply = await this.#ask((id) => ({ op: 'draw', id, path, side }), signal, {})
      if (reply.op === 'drawn') return reply.png ?? undefined
      throw new SiloError('internal')
    })
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work)
    this.#turn = result.catch(() => {})
    return result
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    await this.#end()
    await this.#options.recognizer?.[Symbol.asyncDispose]()
    await this.#turn
  }

  /** Has the child process do one thing. Never two at once. */
  async #ask(
    ask: (id: number) => ToReader,
    signal: AbortSignal,
    options: ExtractOptions,
  ): Promise<FromReader> {
    signal.throwIfAborted()
    if (this.#closed) throw new SiloError('shutting_down')
    clearTimeout(this.#idle)
    const id = this.#nextId++
    const process = this.#process && !this.#process.gone ? this.#process : this.#start()
    this.#process = process
    // What is recognised for a document that was given up need not be.
    const over = new AbortController()
    const pictures = AbortSignal.any([over.signal, AbortSignal.timeout(recognitionLimitMs)])
    let timer: NodeJS.Timeout | undefined
    let left: (() => void) | undefined
    try {
      const reply = await new Promise<FromReader>((resolve, reject) => {
        const send = (message: ToReader): void => process.send(message, reject)
        const wait = (): void => {
          timer = setTimeout(() => reject(new Error('it takes too long')), this.#options.limitMs ?? limitMs) // prettier-ignore
        }
        left = () => reject(signal.reason)
        signal.addEventListener('abort', left, { once: true })
        this.#onExit = (how) => reject(new Error(how))
        this.#onMessage = (message) => {
          if (message.id !== id) return
          if (message.op !== 'recognize') return resolve(message)
          clearTimeout(timer)
          options.onPage?.(message.page, message.pages)
          this.#recognize(message, pictures).then((answer) => {
            wait()
            send(answer)
          }, reject)
        }
        wait()
        send(ask(id))
      })
      if (reply.op === 'error') throw fromWire(reply.error)
      return reply
    } catch (error) {
      if (error instanceof SiloError && !signal.aborted) throw error
      // The process may be inside an endless loop: only ending it helps.
      await this.#end()
      if (signal.aborted) throw signal.reason
      throw new SiloError(this.#closed ? 'shutting_down' : 'file_damaged', { cause: error })
    } finally {
      clearTimeout(timer)
      over.abort()
      if (left) signal.removeEventListener('abort', left)
      this.#onMessage = undefined
      this.#onExit = undefined
      if (!this.#closed) {
        this.#idle = setTimeout(() => void this.#end(), idleMs)
        this.#idle.unref()
      }
    }
  }

  async #recognize(
    { id, width, height, gray }: Extract<FromReader, { op: 'recognize' }>,
    signal: AbortSignal,
  ): Promise<ToReader> {
    try {
      const { recognizer } = this.#options
      if (!recognizer) throw new SiloError('ocr_failed')
      const { lines, turn } = await recognizer.recognize({ width, height, gray }, { signal })
      return { op: 'recognized', id, page: { lines, turn } }
    } catch (cause) {
      const error = cause instanceof SiloError ? cause : new SiloError('ocr_failed', { cause })
      return { op: 'unrecognized', id, error: toWire(error) }
    }
  }

  #start(): WorkerProcess {
    const process: WorkerProcess = new WorkerProcess({
      path: fileURLToPath(new URL('extract/reader.ts', import.meta.url)),
      name: 'document reader',
      environment: { NODE_OPTIONS: `--max-old-space-size=${limitMegabytes}` },
      log: this.#options.log ?? silentLog,
      onMessage: (input) => {
        if (this.#process !== process) return
        const parsed = v.safeParse(fromReaderSchema, input)
        if (parsed.success) this.#onMessage?.(parsed.output)
        else process.distrust()
      },
      onExit: (how) => {
        if (this.#process === process) this.#onExit?.(how)
      },
    })
    return process
  }

  async #end(): Promise<void> {
    clearTimeout(this.#idle)
    const process = this.#process
    await process?.close()
    if (this.#process === process) this.#process = undefined
  }
}
