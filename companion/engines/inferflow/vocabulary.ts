import { fileURLToPath } from 'node:url'
import * as v from 'valibot'
import type { Log } from '#companion/observe/log.ts'
import { WorkerProcess } from '#companion/process/worker-process.ts'
import type { ModelFile, Prompt } from '#shared/contracts/engine.ts'
import { fromWire, SiloError } from '#shared/errors/silo-error.ts'
import { abortable } from '#shared/generation/abortable.ts'
import {
  fromVocabularySchema,
  type FromVocabulary,
  type ToVocabulary,
} from './vocabulary-messages.ts'

export interface VocabularyInit {
  readonly model: Pick<ModelFile, 'id' | 'path'>
  /** How many tokens it has. */
  readonly size: number
  readonly log: Log
}

type Loaded = Extract<FromVocabulary, { op: 'loaded' }>
interface Waiting {
  resolve(message: FromVocabulary): void
  reject(error: unknown): void
  readonly timer: NodeJS.Timeout
}

/** Reading a vocabulary, or counting a long text, takes less, ms. */
const answerLimit = 60_000

/**
 * The tokens of a model: Inferflow has no way to count, and reads the tokens of most models wrongly. llama.cpp reads
 * them, in a process of its own, without the weights.
 */
export class Vocabulary implements AsyncDisposable {
  readonly #init: VocabularyInit
  readonly #waiting = new Map<number, Waiting>()
  #process: WorkerProcess | undefined
  #loaded: Promise<Loaded> | undefined
  #disposed = false
  #nextId = 1

  constructor(init: VocabularyInit) {
    this.#init = init
  }

  /** @throws SiloError model_load_failed, engine_crashed */
  async load(signal: AbortSignal): Promise<Omit<Loaded, 'op' | 'id'>> {
    return abortable(this.#ensure(), signal)
  }

  /** The tokens of a prompt, template included. @throws SiloError bad_request (a chat the template refuses) */
  async encode(prompt: Prompt, signal: AbortSignal): Promise<Uint32Array> {
    const { tokens } = await this.#ask('encoded', (id) => ({ op: 'encode', id, prompt: prompt as Extract<ToVocabulary, { op: 'encode' }>['prompt'] }), signal) // prettier-ignore
    return tokens
  }

  /** How many tokens `text` is, and where its first `most` end. */
  async fit(
    text: string,
    most: number,
    signal: AbortSignal,
  ): Promise<{ readonly length: number; readonly tokens: number }> {
    return this.#ask('fitted', (id) => ({ op: 'fit', id, text, most }), signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true
    await this.#process?.close()
  }

  async #ask<Op extends FromVocabulary['op']>(
    op: Op,
    build: (id: number) => ToVocabulary,
    signal: AbortSignal,
  ): Promise<Extract<FromVocabulary, { op: Op }>> {
    signal.throwIfAborted()
    await abortable(this.#ensure(), signal)
    const reply = await abortable(this.#send(build), signal)
    if (reply.op !== op) throw new SiloError('engine_crashed')
    return reply as Extract<FromVocabulary, { op: Op }>
  }

  /** The process, started again where it is gone. */
  #ensure(): Promise<Loaded> {
    if (this.#disposed) return Promise.reject(new SiloError('engine_crashed'))
    this.#loaded ??= this.#start()
    return this.#loaded
  }

  async #start(): Promise<Loaded> {
    const { model, size, log } = this.#init
    this.#process = new WorkerProcess({
      path: fileURLToPath(new URL('./vocabulary-worker.ts', import.meta.url)),
      name: 'vocabulary',
      environment: { GGML_NO_BACKTRACE: '1' },
      log,
      onMessage: (input) => this.#receive(input),
      onExit: (how) => this.#exit(how),
    })
    const reply = await this.#send((id) => ({ op: 'load', id, modelId: model.id, path: model.path, size })) // prettier-ignore
    if (reply.op !== 'loaded') throw new SiloError('engine_crashed')
    return reply
  }

  #send(build: (id: number) => ToVocabulary): Promise<FromVocabulary> {
    const id = this.#nextId++
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => void this.#process?.close(), answerLimit)
      this.#waiting.set(id, { resolve, reject, timer })
      this.#process?.send(build(id), (cause) => this.#settle(id)?.reject(new SiloError('engine_crashed', { cause }))) // prettier-ignore
    })
  }

  #settle(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    clearTimeout(waiting?.timer)
    return waiting
  }

  #receive(input: unknown): void {
    const parsed = v.safeParse(fromVocabularySchema, input)
    if (!parsed.success) return this.#process?.distrust()
    const message = parsed.output
    const waiting = this.#settle(message.id)
    if (message.op !== 'error') return waiting?.resolve(message)
    this.#init.log.debug('the vocabulary refused', { code: message.error.code, detail: message.detail }) // prettier-ignore
    waiting?.reject(fromWire(message.error))
  }

  #exit(how: string): void {
    this.#loaded = undefined
    for (const id of this.#waiting.keys())
      this.#settle(id)?.reject(new SiloError('engine_crashed', { cause: new Error(how) }))
  }
}
