import { blockError, type BepHandler, type BlockRequest } from '../bep-peer.ts'
import { messageType, writePackedResponse, writeResponse, type NumberedRequest, type PackedAnswer } from './messages.ts' // prettier-ignore
import { ProtocolViolation } from './proto.ts'

/** Answered at once: bytes read for the peer, and requests. Others wait in line. */
const maxBytes = 64 * 1024 * 1024
const maxActive = 256
/** In line. Reading on is what keeps two busy peers from waiting for each other, so the line is long but ends. */
const maxWaiting = 100_000
const maxWaitingBytes = 64 * 1024 * 1024

type Task = { readonly weight: number; readonly bytes: number; run(): Promise<void> }

interface AnswersInit {
  readonly handler: BepHandler
  send(type: number, parts: readonly Uint8Array[]): Promise<void>
  readonly signal: AbortSignal
}

/** Answers what the peer asks, as much at once as memory may hold. */
export class Answers {
  readonly #init: AnswersInit
  #line: Task[] = []
  #next = 0
  #lineBytes = 0
  #active = 0
  #activeBytes = 0

  constructor(init: AnswersInit) {
    this.#init = init
  }

  /** @throws ProtocolViolation where the peer asks for far more than it takes */
  request(request: NumberedRequest): void {
    this.#add({
      weight: request.size,
      bytes: sizeOf(request),
      run: async () => {
        const answer = await this.#answer(request)
        const data = 'data' in answer ? answer.data : undefined
        const code = 'error' in answer ? answer.error : blockError.none
        const head = writeResponse(request.id, code, data?.length ?? 0)
        await this.#init.send(messageType.response, data && data.length > 0 ? [head, data] : [head])
      },
    })
  }

  /** @throws ProtocolViolation likewise */
  packed(id: number, items: readonly BlockRequest[]): void {
    let weight = 0
    let bytes = 0
    for (const item of items) {
      weight += item.size
      bytes += sizeOf(item)
    }
    this.#add({
      weight,
      bytes,
      run: async () => {
        const answers = await Promise.all(items.map((item) => this.#answer(item)))
        await this.#init.send(messageType.packedResponse, [writePackedResponse(id, answers)])
      },
    })
  }

  async #answer(request: BlockRequest): Promise<PackedAnswer> {
    try {
      const answer = await this.#init.handler.request(request, this.#init.signal)
      // More than was asked for would be of no use, and too large for a packed answer.
      if ('data' in answer && answer.data.length > request.size)
        return { error: blockError.generic }
      return answer
    } catch {
      return { error: blockError.generic }
    }
  }

  #add(task: Task): void {
    this.#lineBytes += task.bytes
    if (this.#line.push(task) - this.#next > maxWaiting || this.#lineBytes > maxWaitingBytes)
      throw new ProtocolViolation('too many requests at once')
    this.#advance()
  }

  #advance(): void {
    while (this.#next < this.#line.length && !this.#init.signal.aborted) {
      const task = this.#line[this.#next]!
      const fits = this.#active < maxActive && this.#activeBytes + task.weight <= maxBytes
      if (!fits && this.#active > 0) return
      this.#next++
      if (this.#next > 1024 && this.#next * 2 > this.#line.length) {
        this.#line = this.#line.slice(this.#next)
        this.#next = 0
      }
      this.#lineBytes -= task.bytes
      this.#active++
      this.#activeBytes += task.weight
      task
        .run()
        .catch(() => {})
        .finally(() => {
          this.#active--
          this.#activeBytes -= task.weight
          this.#advance()
        })
    }
  }
}

function sizeOf(request: BlockRequest): number {
  return 200 + (request.name.length + request.folder.length) * 2
}
