import * as v from 'valibot'
import type {
  ChatMessage,
  GenerateEvent,
  GenerateRequest,
  Prompt,
} from '#shared/contracts/engine.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { grammarOf, overflowOf } from '#shared/generation/llama-server.ts'
import { harmless } from '#shared/generation/plain-chat.ts'
import type { ChatTemplate } from '../llama-cpp/template.ts'
import { answerOf } from '../server/answer-stream.ts'
import { askedFormat } from '../server/asked-format.ts'
import type { ServerDialect } from '../server/dialect.ts'
import { askJson, type ServerAddress } from '../server/http.ts'

/** It is heard of every second while it computes, ms. */
const silenceMs = 60_000
const countSchema = v.object({ tokens: v.number() })

export interface PythonDialectInit {
  readonly template: ChatTemplate
  /** Takes GBNF grammars. False: a format is asked for in words. */
  readonly grammars: boolean
}

/** completion_server.py. Chats are rendered here, so it sees text only. */
export function pythonDialect({ template, grammars }: PythonDialectInit): ServerDialect {
  const generate = (
    address: ServerAddress,
    request: GenerateRequest,
    grammar: string | undefined,
    signal: AbortSignal,
  ): AsyncIterable<GenerateEvent> => {
    // prettier-ignore
    const body = { ...promptOf(template, request.prompt), ...samplingOf(request), ...(grammar === undefined ? {} : { grammar }) } // prettier-ignore
    return answerOf({ address, path: '/generate', body, signal, silenceMs }, request)
  }
  return {
    async countTokens(address, prompt, signal) {
      const body = promptOf(template, prompt)
      return v.parse(countSchema, await askJson({ address, path: '/count', body, signal, silenceMs })).tokens // prettier-ignore
    },

    generate(address, request, signal) {
      if (!grammars) return askedFormat(request, (plain) => generate(address, plain, undefined, signal)) // prettier-ignore
      return generate(address, request, grammarOf(request), signal)
    },

    async embed() {
      throw new SiloError('engine_unavailable')
    },

    refusal(message, contextTokens) {
      return overflowOf(message, contextTokens)
    },
  }
}

function promptOf(template: ChatTemplate, prompt: Prompt): Record<string, unknown> {
  if (prompt.kind === 'text') return { prompt: prompt.text, add_special: true }
  const messages = prompt.messages.map(harmlessMessage)
  return { prompt: template.render({ ...prompt, messages }) }
}

function harmlessMessage(message: ChatMessage): ChatMessage {
  const toolCalls = message.toolCalls?.map((call) => ({ ...call, arguments: harmless(call.arguments) })) // prettier-ignore
  return { ...message, content: harmless(message.content), ...(toolCalls ? { toolCalls } : {}) }
}

function samplingOf(request: GenerateRequest): Record<string, unknown> {
  const { temperature, maxTokens, topP, topK, minP, seed, frequencyPenalty, presencePenalty } =
    request
  return {
    temperature: temperature ?? 0.8,
    max_tokens: maxTokens,
    top_p: topP,
    top_k: topK,
    min_p: minP,
    seed,
    frequency_penalty: frequencyPenalty,
    presence_penalty: presencePenalty,
  }
}
