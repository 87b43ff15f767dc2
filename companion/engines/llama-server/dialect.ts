import * as v from 'valibot'
import { answerOf } from '../server/answer-stream.ts'
import { askJson, type ServerAddress } from '../server/http.ts'
import type { ServerDialect } from '../server/dialect.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { completionOf, overflowOf } from '#shared/generation/llama-server.ts'
import { plainChat } from '#shared/generation/plain-chat.ts'

/** A step of a prompt, or one token, takes less, ms. */
const silenceMs = 180_000

const promptSchema = v.object({ prompt: v.string() })
const tokensSchema = v.object({ tokens: v.array(v.number()) })
const vectorsSchema = v.object({
  data: v.array(v.object({ index: v.number(), embedding: v.array(v.number()) })),
})

/** llama.cpp's own server. */
export const llamaServerDialect: ServerDialect = {
  async countTokens(address, prompt, signal) {
    const ask = (path: string, body: unknown) => askJson({ address, path, body, signal, silenceMs })
    let content = prompt.kind === 'text' ? prompt.text : ''
    if (prompt.kind === 'chat')
      content = v.parse(promptSchema, await ask('/apply-template', { messages: plainChat(prompt) })).prompt // prettier-ignore
    const body = { content, add_special: true, parse_special: true }
    return v.parse(tokensSchema, await ask('/tokenize', body)).tokens.length
  },

  async *generate(address, request, signal) {
    const path = request.prompt.kind === 'text' ? '/v1/completions' : '/v1/chat/completions'
    const body = { ...completionOf(request), stream: true }
    yield* answerOf({ address, path, body, signal, silenceMs }, request)
  },

  async embed(address: ServerAddress, texts, signal) {
    // It refuses an empty text.
    const body = { input: texts.map((text) => text.normalize('NFKC') || ' ') }
    const { data } = v.parse(vectorsSchema, await askJson({ address, path: '/v1/embeddings', body, signal, silenceMs })) // prettier-ignore
    return data.toSorted((a, b) => a.index - b.index).map(({ embedding }) => Float32Array.from(embedding)) // prettier-ignore
  },

  refusal(message, contextTokens) {
    if (/grammar|json.?schema/i.test(message))
      return new SiloError('grammar_invalid', { params: { detail: message } })
    return overflowOf(message, contextTokens)
  },
}
