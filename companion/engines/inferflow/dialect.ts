import { setTimeout as sleep } from 'node:timers/promises'
import * as v from 'valibot'
import type { GenerateEvent, GenerateRequest } from '#shared/contracts/engine.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { AnswerReader } from '#shared/generation/answer-reader.ts'
import { Slots } from '#shared/generation/slots.ts'
import { askedFormat } from '../server/asked-format.ts'
import type { ServerDialect } from '../server/dialect.ts'
import { askLines, type ServerAddress } from '../server/http.ts'
import type { Vocabulary } from './vocabulary.ts'

/** A whole prompt is computed before anything is heard, ms. */
const silenceMs = 180_000
/** An answer that was walked away from goes on until its next piece; ms. */
const busyEvery = 50
const busyLimit = silenceMs
/**
 * More tokens are asked for than wanted: the service forgets to send the last ones when an answer is ended by its
 * length, and says in no way why it ended.
 */
export const spareTokens = 4

const chunkSchema = v.object({
  text: v.string(),
  ret_code: v.optional(v.string(), ''),
  is_end: v.optional(v.number(), 0),
})

export interface InferflowSizes {
  readonly contextTokens: number
  readonly parallel: number
}

/**
 * Inferflow's own protocol, `POST /`. Its imitation of OpenAI's keeps only the last message of every role, so a
 * conversation would lose its beginning; here the whole prompt goes, as tokens.
 */
export function inferflowDialect(vocabulary: Vocabulary, sizes: InferflowSizes): ServerDialect {
  const slots = new Slots(sizes.parallel)
  async function* generate(
    address: ServerAddress,
    request: GenerateRequest,
    signal: AbortSignal,
  ): AsyncGenerator<GenerateEvent> {
    const tokens = await vocabulary.encode(request.prompt, signal)
    const room = Math.max(1, sizes.contextTokens - tokens.length)
    const most = Math.max(1, Math.min(request.maxTokens ?? room, room))
    const answer = new Answer({ request, promptTokens: tokens.length, most, vocabulary })
    const giveBack = await slots.take(signal)
    try {
      for await (const { text, is_end: isEnd } of chunksOf(
        address,
        bodyOf(request, tokens, most),
        signal,
      )) {
        // prettier-ignore
        await answer.read(text, signal)
        if (isEnd !== 0) answer.complete = true
        yield* answer.events.splice(0)
        if (answer.over) break
      }
    } finally {
      giveBack()
    }
    if (!answer.over) throw new SiloError('engine_crashed', { cause: new Error('the answer broke off') }) // prettier-ignore
    answer.end()
    yield* answer.events
  }

  return {
    async countTokens(_, prompt, signal) {
      return (await vocabulary.encode(prompt, signal)).length
    },

    generate(address, request, signal) {
      return askedFormat(request, (plain) => generate(address, plain, signal))
    },

    async embed() {
      throw new SiloError('engine_unavailable')
    },

    refusal() {
      return undefined
    },
  }
}

/**
 * The prompt goes in the template, token by token: what a document says can then neither become a control token nor a
 * placeholder, and is read with the vocabulary of the model, not the service's reading of it.
 */
function bodyOf(request: GenerateRequest, tokens: Uint32Array, most: number): unknown {
  const temperature = request.temperature ?? 0.8
  return {
    // A request without any text is refused.
    text: '-',
    decoder_input_template: Array.from(tokens, (token) => `{#${token}}`).join(''),
    decoding_alg: temperature === 0 ? 'sample.greedy' : 'sample.top_p',
    temperature,
    // 0 is none.
    random_seed: request.seed === undefined ? 0 : (request.seed % 0x7f_ff_ff_fe) + 1,
    max_output_len: most + spareTokens,
    is_streaming_mode: 1,
  }
}

/** The pieces of one answer, once the service has room for it. */
async function* chunksOf(
  address: ServerAddress,
  body: unknown,
  signal: AbortSignal,
): AsyncGenerator<v.InferOutput<typeof chunkSchema>> {
  const until = Date.now() + busyLimit
  for (;;) {
    let refused = ''
    for await (const input of askLines({ address, path: '/', body, signal, silenceMs })) {
      const chunk = v.parse(chunkSchema, input)
      refused = chunk.ret_code
      // It does not end an answer that is a refusal: reading on would wait for ever.
      if (refused !== '') break
      yield chunk
    }
    if (refused === '') return
    if (refused !== 'error.busy' || Date.now() > until)
      throw new SiloError('engine_crashed', { cause: new Error(refused) })
    await sleep(busyEvery, undefined, { signal })
  }
}

interface AnswerInit {
  readonly request: GenerateRequest
  readonly promptTokens: number
  /** Tokens it may have. */
  readonly most: number
  readonly vocabulary: Vocabulary
}

/** Pieces of one answer in, events out. Tokens are counted in the text, since the service counts none for us. */
class Answer {
  readonly events: GenerateEvent[] = []
  /** The service said that this was all. */
  complete = false
  readonly #init: AnswerInit
  readonly #reader: AnswerReader
  readonly #startedAt = performance.now()
  #firstAt: number | undefined
  #text = ''
  #tokens = 0
  #full = false

  constructor(init: AnswerInit) {
    this.#init = init
    this.#reader = new AnswerReader(init.request, (event) => void this.events.push(event))
  }

  get over(): boolean {
    return this.complete || this.#full || this.#reader.stopped
  }

  async read(text: string, signal: AbortSignal): Promise<void> {
    if (text === '') return
    this.#firstAt ??= performance.now()
    const before = this.#text.length
    this.#text += text
    const { most, vocabulary } = this.#init
    const { length, tokens } = await vocabulary.fit(this.#text, most, signal)
    this.#full = tokens > most
    this.#tokens = Math.min(tokens, most)
    this.#reader.push(this.#text.slice(before, Math.max(before, length)))
  }

  end(): void {
    const now = performance.now()
    const reason = this.#reader.stopped || !this.#full ? 'stop' : 'length'
    this.events.push({
      type: 'end',
      reason: this.#reader.finish(reason),
      promptTokens: this.#init.promptTokens,
      // It keeps nothing of a prompt for the next one.
      cachedTokens: 0,
      completionTokens: this.#tokens,
      promptMs: (this.#firstAt ?? now) - this.#startedAt,
      decodeMs: now - (this.#firstAt ?? now),
    })
  }
}
