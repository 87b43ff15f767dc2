import type { Context } from 'hono'
import type { ToolCall } from '#shared/contracts/engine.ts'
import { newId } from '#shared/domain/ids.ts'
import { parseInput } from '#shared/errors/parse.ts'
import { userOf, type OpenAiDeps } from './access.ts'
import { readJson } from './body.ts'
import { collect, startGeneration, type EndEvent, type Generation } from './generation.ts'
import { responsesBodySchema, responsesRequestOf, type ResponsesBody } from './responses-request.ts'
import { nowSeconds } from './sampling.ts'
import { sseResponse } from './sse.ts'

type Json = Record<string, unknown>

/** `POST /v1/responses`. Nothing is stored: `store` is answered with false whatever was asked. */
export async function responses(context: Context, deps: OpenAiDeps): Promise<Response> {
  const body = parseInput(responsesBodySchema, await readJson(context))
  const generation = await startGeneration(
    deps.models,
    body.model,
    { ...responsesRequestOf(body), user: userOf(context) },
    context.req.raw.signal,
  )
  const base = baseOf(body, generation.modelId)
  const oneCall = body.parallel_tool_calls === false
  if (body.stream) return streamResponse(generation, deps, base, oneCall)
  const { text, calls, end } = await collect(generation)
  const output: Json[] = []
  if (text !== '' || calls.length === 0) output.push(messageItem(`msg_${newId()}`, text, end))
  for (const call of oneCall ? calls.slice(0, 1) : calls) {
    output.push(callItem(`fc_${newId()}`, call, 'completed'))
  }
  return context.json(ended(base, output, end))
}

/** The event sequence of the Responses API; `sequence_number` is contiguous from 0. */
function streamResponse(
  generation: Generation,
  deps: OpenAiDeps,
  base: Json,
  oneCall: boolean,
): Response {
  let sequence = 0
  const event = (type: string, fields: Json): string =>
    `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: sequence++, ...fields })}\n\n`
  const output: Json[] = []
  let calls = 0
  let message: { id: string; index: number; text: string; tail: string } | undefined

  const openMessage = (): string => {
    const id = `msg_${newId()}`
    message = { id, index: output.length, text: '', tail: '' }
    message.tail = `,"item_id":"${id}","output_index":${message.index},"content_index":0,"logprobs":[],"delta":`
    const item = { id, type: 'message', status: 'in_progress', role: 'assistant', content: [] }
    output.push(item)
    return (
      event('response.output_item.added', { output_index: message.index, item }) +
      event('response.content_part.added', {
        item_id: id,
        output_index: message.index,
        content_index: 0,
        part: textPart(''),
      })
    )
  }
  const closeMessage = (end?: EndEvent): string => {
    if (!message) return ''
    const { id, index, text } = message
    message = undefined
    const item = messageItem(id, text, end)
    output[index] = item
    const place = { item_id: id, output_index: index, content_index: 0 }
    return (
      event('response.output_text.done', { ...place, text, logprobs: [] }) +
      event('response.content_part.done', { ...place, part: textPart(text) }) +
      event('response.output_item.done', { output_index: index, item })
    )
  }
  const call = (call: ToolCall): string => {
    const id = `fc_${newId()}`
    const index = output.length
    const item = callItem(id, call, 'completed')
    output.push(item)
    const place = { item_id: id, output_index: index }
    return (
      event('response.output_item.added', {
        output_index: index,
        item: callItem(id, { ...call, arguments: '' }, 'in_progress'),
      }) +
      event('response.function_call_arguments.delta', { ...place, delta: call.arguments }) +
      event('response.function_call_arguments.done', {
        ...place,
        name: call.name,
        arguments: call.arguments,
      }) +
      event('response.output_item.done', { output_index: index, item })
    )
  }

  const pending = { ...base, status: 'in_progress', output: [], usage: null }
  return sseResponse(generation, deps.log, {
    open:
      event('response.created', { response: pending }) +
      event('response.in_progress', { response: pending }),
    write(step) {
      switch (step.type) {
        case 'text': {
          const opening = message ? '' : openMessage()
          message!.text += step.text
          // Written by hand: the only event sent once per token.
          return `${opening}event: response.output_text.delta\ndata: {"type":"response.output_text.delta","sequence_number":${sequence++}${message!.tail}${JSON.stringify(step.text)}}\n\n`
        }
        case 'tool-call':
          if (oneCall && calls > 0) return ''
          calls++
          return closeMessage() + call(step.call)
        case 'end': {
          const opening = output.length === 0 ? openMessage() : ''
          const closing = closeMessage(step)
          const response = ended(base, output, step)
          return opening + closing + event(`response.${String(response['status'])}`, { response })
        }
        default:
          return ''
      }
    },
    close: () => '',
    fail: (error) =>
      event('response.failed', {
        response: {
          ...base,
          status: 'failed',
          error: { code: error.code, message: error.message },
          output,
          usage: null,
        },
      }),
  })
}

/** Everything of a response object that is known before the answer. */
function baseOf(body: ResponsesBody, model: string): Json {
  return {
    id: `resp_${newId()}`,
    object: 'response',
    created_at: nowSeconds(),
    background: false,
    error: null,
    incomplete_details: null,
    instructions: body.instructions ?? null,
    max_output_tokens: body.max_output_tokens ?? null,
    metadata: body.metadata ?? {},
    model,
    parallel_tool_calls: body.parallel_tool_calls ?? true,
    previous_response_id: null,
    reasoning: { effort: null, summary: null },
    store: false,
    temperature: body.temperature ?? null,
    text: { format: body.text?.format ?? { type: 'text' } },
    tool_choice: body.tool_choice ?? 'auto',
    tools: body.tools ?? [],
    top_p: body.top_p ?? null,
    truncation: 'disabled',
  }
}

function ended(base: Json, output: Json[], end: EndEvent): Json {
  const cutOff = end.reason === 'length'
  return {
    ...base,
    status: cutOff ? 'incomplete' : 'completed',
    incomplete_details: cutOff ? { reason: 'max_output_tokens' } : null,
    output,
    usage: {
      input_tokens: end.promptTokens,
      input_tokens_details: { cached_tokens: end.cachedTokens },
      output_tokens: end.completionTokens,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: end.promptTokens + end.completionTokens,
    },
  }
}

function messageItem(id: string, text: string, end: EndEvent | undefined): Json {
  return {
    id,
    type: 'message',
    status: end?.reason === 'length' ? 'incomplete' : 'completed',
    role: 'assistant',
    content: [textPart(text)],
  }
}

function callItem(id: string, call: ToolCall, status: string): Json {
  return {
    id,
    type: 'function_call',
    status,
    call_id: call.id,
    name: call.name,
    arguments: call.arguments,
  }
}

function textPart(text: string): Json {
  return { type: 'output_text', text, annotations: [], logprobs: [] }
}
