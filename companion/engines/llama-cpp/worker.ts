import * as v from 'valibot'
import type { AnswerEvent } from '#shared/contracts/engine.ts'
import { SiloError, toSiloError, toWire } from '#shared/errors/silo-error.ts'
import { ModelHost } from './host.ts'
import { toWorkerSchema, type FromWorker, type ToWorker } from './messages.ts'

/** Entry of the engine's child process: one model, spoken to over IPC. */

/** The parent is woken at most this often per answer, after the first text. Milliseconds. */
const flushEvery = 80

let host: ModelHost | undefined

function send(message: FromWorker): void {
  if (process.connected) process.send?.(message)
}

function sendError(id: number, error: unknown): void {
  const known = toSiloError(error, 'engine')
  const cause = known.cause ?? error
  send({
    op: 'error',
    id,
    error: toWire(known),
    detail: cause instanceof Error ? (cause.stack ?? cause.message) : String(cause),
  })
}

/** Joins neighbouring text events, so that fast models do not flood the channel. */
class EventSender {
  readonly #id: number
  #pending: AnswerEvent[] = []
  #sentAt = -Infinity
  #timer: NodeJS.Timeout | undefined

  constructor(id: number) {
    this.#id = id
  }

  push(event: AnswerEvent): void {
    const last = this.#pending.at(-1)
    if (event.type === 'text' && last?.type === 'text') {
      this.#pending[this.#pending.length - 1] = { type: 'text', text: last.text + event.text }
    } else this.#pending.push(event)
    const wait = this.#sentAt + flushEvery - performance.now()
    if (event.type !== 'text' || wait <= 0) this.flush(event.type === 'text')
    else this.#timer ??= setTimeout(() => this.flush(true), wait)
  }

  flush(text: boolean): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#pending.length === 0) return
    const events = this.#pending
    this.#pending = []
    if (text) this.#sentAt = performance.now()
    send({ op: 'events', id: this.#id, events })
  }
}

async function handle(message: ToWorker): Promise<void> {
  const { id } = message
  if (message.op === 'load') {
    const result = await ModelHost.load(message, (fraction) =>
      send({ op: 'progress', id, fraction }),
    )
    host = result.host
    send({ ...result.loaded, id })
    return
  }
  if (!host) throw new SiloError('engine_crashed')
  switch (message.op) {
    case 'generate': {
      const sender = new EventSender(id)
      host.generate(
        id,
        message.request,
        (event) => sender.push(event),
        (error) => {
          sender.flush(true)
          sendError(id, error)
        },
      )
      return
    }
    case 'embed':
      send({ op: 'vectors', id, vectors: await host.embed(id, message.texts) })
      return
    case 'count':
      send({ op: 'counted', id, tokens: host.count(message.prompt) })
      return
    case 'keep':
      await host.keep()
      send({ op: 'done', id })
      return
    case 'forget':
      await host.forget(message.session)
      send({ op: 'done', id })
      return
    case 'limit-pages':
      host.limitPages(message.maxBytes)
      send({ op: 'done', id })
      return
    case 'cancel':
      host.cancel(id)
  }
}

process.on('message', (input) => {
  const parsed = v.safeParse(toWorkerSchema, input)
  if (!parsed.success) return
  handle(parsed.output).catch((error: unknown) => sendError(parsed.output.id, error))
})
// A terminal's Ctrl+C reaches the whole group: the parent decides when this process ends.
process.on('SIGINT', () => {})
// Native threads may be computing; nothing here is worth an orderly end.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
