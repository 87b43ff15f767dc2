import * as v from 'valibot'
import type { ChatMessage, GenerateRequest, ToolCall } from '#shared/contracts/engine.ts'
import { unsupported } from './errors.ts'
import { formatOf, functionSchema, toolOf, toolsOf, type ToolChoice } from './format.ts'
import { positiveInteger, samplingEntries, samplingOf } from './sampling.ts'

const partSchema = v.looseObject({
  type: v.string(),
  text: v.nullish(v.string()),
  refusal: v.nullish(v.string()),
})
const contentSchema = v.union([v.string(), v.array(partSchema)])
type Content = v.InferOutput<typeof contentSchema>

const toolCallSchema = v.object({
  id: v.string(),
  type: v.optional(v.literal('function')),
  function: v.object({ name: v.string(), arguments: v.string() }),
})

const messageSchema = v.variant('role', [
  v.object({
    role: v.picklist(['system', 'developer', 'user']),
    content: contentSchema,
    name: v.nullish(v.string()),
  }),
  v.object({
    role: v.literal('assistant'),
    content: v.nullish(contentSchema),
    name: v.nullish(v.string()),
    tool_calls: v.nullish(v.array(toolCallSchema)),
  }),
  v.object({ role: v.literal('tool'), content: contentSchema, tool_call_id: v.string() }),
])
type Message = v.InferOutput<typeof messageSchema>

const toolSchema = v.looseObject({ type: v.string(), function: v.optional(functionSchema) })
const toolChoiceSchema = v.union([
  v.picklist(['auto', 'none', 'required']),
  v.object({ type: v.literal('function'), function: v.object({ name: v.string() }) }),
  v.object({
    type: v.literal('allowed_tools'),
    allowed_tools: v.object({
      mode: v.picklist(['auto', 'required']),
      tools: v.array(v.object({ function: v.object({ name: v.string() }) })),
    }),
  }),
])

/** `POST /v1/chat/completions`. */
export const chatBodySchema = v.object({
  ...samplingEntries,
  messages: v.pipe(v.array(messageSchema), v.minLength(1)),
  max_completion_tokens: v.nullish(positiveInteger),
  tools: v.nullish(v.array(toolSchema)),
  tool_choice: v.nullish(toolChoiceSchema),
  parallel_tool_calls: v.nullish(v.boolean()),
  response_format: v.nullish(
    v.object({
      type: v.string(),
      json_schema: v.nullish(v.object({ schema: v.nullish(v.record(v.string(), v.unknown())) })),
    }),
  ),
  logprobs: v.nullish(v.boolean()),
  modalities: v.nullish(v.array(v.string())),
  functions: v.nullish(v.array(v.unknown())),
})
export type ChatBody = v.InferOutput<typeof chatBodySchema>

/** @throws SiloError bad_request naming the field that cannot be served */
export function chatRequestOf(body: ChatBody): GenerateRequest {
  if (body.logprobs) throw unsupported('logprobs', 'not supported')
  if (body.modalities?.some((modality) => modality !== 'text')) {
    throw unsupported('modalities', 'only text is produced')
  }
  if (body.functions?.length) throw unsupported('functions', 'use tools instead')
  const given = (body.tools ?? []).map((tool, index) => {
    if (tool.type !== 'function' || !tool.function) {
      throw unsupported(`tools.${index}.type`, 'only tools of type function are supported')
    }
    return toolOf(tool.function)
  })
  const { type, json_schema: schema } = body.response_format ?? { type: 'text' }
  const { tools, format } = toolsOf(
    given,
    choiceOf(body.tool_choice),
    formatOf({ type, schema: schema?.schema }, 'response_format'),
  )
  const maxTokens = body.max_completion_tokens ?? body.max_tokens
  return {
    prompt: {
      kind: 'chat',
      messages: messagesOf(body.messages),
      ...(tools.length > 0 ? { tools } : {}),
    },
    ...samplingOf({ ...body, max_tokens: maxTokens }),
    ...(format ? { format } : {}),
  }
}

function choiceOf(choice: ChatBody['tool_choice']): ToolChoice {
  if (!choice) return { mode: 'auto' }
  if (typeof choice === 'string') return { mode: choice }
  if (choice.type === 'function') return { mode: 'function', name: choice.function.name }
  return {
    mode: 'allowed',
    names: choice.allowed_tools.tools.map((tool) => tool.function.name),
    required: choice.allowed_tools.mode === 'required',
  }
}

function messagesOf(messages: readonly Message[]): ChatMessage[] {
  const callNames = new Map<string, string>()
  return messages.map((message, index): ChatMessage => {
    const content = textOf(message.content, `messages.${index}.content`)
    if (message.role === 'tool') {
      const name = callNames.get(message.tool_call_id)
      if (name === undefined) {
        throw unsupported(
          `messages.${index}.tool_call_id`,
          'answers no tool call of an earlier assistant message',
        )
      }
      return { role: 'tool', content, toolCallId: message.tool_call_id, name }
    }
    if (message.role === 'assistant') {
      const toolCalls = (message.tool_calls ?? []).map((call): ToolCall => {
        callNames.set(call.id, call.function.name)
        return { id: call.id, name: call.function.name, arguments: call.function.arguments }
      })
      return { role: 'assistant', content, ...(toolCalls.length > 0 ? { toolCalls } : {}) }
    }
    return {
      role: message.role === 'user' ? 'user' : 'system',
      content,
      ...(message.name ? { name: message.name } : {}),
    }
  })
}

function textOf(content: Content | null | undefined, field: string): string {
  if (content === null || content === undefined) return ''
  if (typeof content === 'string') return content
  return content
    .map((part, index) => {
      if (part.type === 'text' && typeof part.text === 'string') return part.text
      if (part.type === 'refusal' && typeof part.refusal === 'string') return part.refusal
      throw unsupported(`${field}.${index}`, 'only content parts of type text are supported')
    })
    .join('')
}
