import type { Context } from 'hono'
import { newId } from '#shared/domain/ids.ts'
import { parseInput } from '#shared/errors/parse.ts'
import { userOf, type OpenAiDeps } from './access.ts'
import { readJson } from './body.ts'
import { chatBodySchema, chatRequestOf } from './chat-request.ts'
import { collect, startGeneration, type EndEvent, type Generation } from './generation.ts'
import { nowSeconds, usageOf } from './sampling.ts'
import { sseDone, sseResponse } from './sse.ts'

const finishReasons = { stop: 'stop', length: 'length', 'tool-calls': 'tool_calls' } as const

/** `POST /v1/chat/completions`. */
export async function chatCompletions(context: Context, deps: OpenAiDeps): Promise<Response> {
  const body = parseInput(chatBodySchema, await readJson(context))
  const generation = await startGeneration(
    deps.models,
    body.model,
    { ...chatRequestOf(body), user: userOf(context) },
    context.req.raw.signal,
  )
  const id = `chatcmpl-${newId()}`
  const oneCall = body.parallel_tool_calls === false
  if (body.stream) {
    return streamChat(generation, deps, id, oneCall, body.stream_options?.include_usage === true)
  }
  const { text, calls, end } = await collect(generation)
  const kept = oneCall ? calls.slice(0, 1) : calls
  return context.json({
    id,
    object: 'chat.completion',
    created: nowSeconds(),
    model: generation.modelId,
    system_fingerprint: null,
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: text === '' && kept.length > 0 ? null : text,
          refusal: null,
          ...(kept.length > 0
            ? {
                tool_calls: kept.map((call) => ({
                  id: call.id,
                  type: 'function',
                  function: { name: call.name, arguments: call.arguments },
                })),
              }
            : {}),
        },
        logprobs: null,
        finish_reason: finishReason(end),
      },
    ],
    usage: usageOf(end),
  })
}

function streamChat(
  generation: Generation,
  deps: OpenAiDeps,
  id: string,
  oneCall: boolean,
  includeUsage: boolean,
): Response {
  const head = JSON.stringify({
    id,
    object: 'chat.completion.chunk',
    created: nowSeconds(),
    model: generation.modelId,
    system_fingerprint: null,
  }).slice(0, -1)
  // Built once: per token only the text itself is serialised.
  const textHead = `data: ${head},"choices":[{"index":0,"delta":{"content":`
  const textTail = `},"logprobs":null,"finish_reason":null}]${includeUsage ? ',"usage":null' : ''}}\n\n`
  const chunk = (delta: object, finish: string | null): string =>
    `data: ${head},"choices":${JSON.stringify([
      { index: 0, delta, logprobs: null, finish_reason: finish },
    ])}${includeUsage ? ',"usage":null' : ''}}\n\n`
  let callIndex = 0
  return sseResponse(generation, deps.log, {
    open: chunk({ role: 'assistant', content: '', refusal: null }, null),
    write(event) {
      switch (event.type) {
        case 'text':
          return `${textHead}${JSON.stringify(event.text)}${textTail}`
        case 'tool-call': {
          if (oneCall && callIndex > 0) return ''
          const { id, name, arguments: text } = event.call
          const call = {
            index: callIndex++,
            id,
            type: 'function',
            function: { name, arguments: text },
          }
          return chunk({ tool_calls: [call] }, null)
        }
        case 'end':
          return `${chunk({}, finishReason(event))}${
            includeUsage
              ? `data: ${head},"choices":[],"usage":${JSON.stringify(usageOf(event))}}\n\n`
              : ''
          }`
        default:
          return ''
      }
    },
    close: () => sseDone,
  })
}

function finishReason(end: EndEvent): string {
  // `abort` never gets here: it is thrown as `cancelled`.
  return end.reason === 'abort' ? 'stop' : finishReasons[end.reason]
}
