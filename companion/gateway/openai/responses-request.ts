import * as v from 'valibot'
import type { ChatMessage, GenerateRequest, ToolCall } from '#shared/contracts/engine.ts'
import { unsupported } from './errors.ts'
import { formatOf, functionSchema, toolOf, toolsOf, type ToolChoice } from './format.ts'
import { positiveInteger, samplingOf } from './sampling.ts'

const partSchema = v.looseObject({
  type: v.string(),
  text: v.nullish(v.string()),
  refusal: v.nullish(v.string()),
})
const contentSchema = v.union([v.string(), v.array(partSchema)])

/** Loose on purpose: which fields count depends on `type`, and `itemOf` checks them. */
const itemSchema = v.looseObject({
  type: v.nullish(v.string()),
  role: v.nullish(v.picklist(['system', 'developer', 'user', 'assistant'])),
  content: v.nullish(contentSchema),
  call_id: v.nullish(v.string()),
  name: v.nullish(v.string()),
  arguments: v.nullish(v.string()),
  output: v.nullish(contentSchema),
})
type Item = v.InferOutput<typeof itemSchema>

const toolChoiceSchema = v.union([
  v.picklist(['auto', 'none', 'required']),
  v.object({ type: v.literal('function'), name: v.string() }),
  v.object({
    type: v.literal('allowed_tools'),
    mode: v.picklist(['auto', 'required']),
    tools: v.array(v.object({ name: v.string() })),
  }),
])

const range = (low: number, high: number) =>
  v.nullish(v.pipe(v.number(), v.minValue(low), v.maxValue(high)))

/** `POST /v1/responses`. */
export const responsesBodySchema = v.object({
  model: v.nullish(v.string()),
  input: v.union([v.string(), v.pipe(v.array(itemSchema), v.minLength(1))]),
  instructions: v.nullish(v.string()),
  stream: v.nullish(v.boolean()),
  max_output_tokens: v.nullish(positiveInteger),
  temperature: range(0, 2),
  top_p: range(0, 1),
  tools: v.nullish(v.array(v.looseObject({ type: v.string(), name: v.nullish(v.string()) }))),
  tool_choice: v.nullish(toolChoiceSchema),
  parallel_tool_calls: v.nullish(v.boolean()),
  text: v.nullish(
    v.object({
      format: v.nullish(
        v.looseObject({
          type: v.string(),
          schema: v.nullish(v.record(v.string(), v.unknown())),
        }),
      ),
    }),
  ),
  metadata: v.nullish(v.record(v.string(), v.string())),
  previous_response_id: v.nullish(v.string()),
  conversation: v.nullish(v.unknown()),
  prompt: v.nullish(v.unknown()),
  background: v.nullish(v.boolean()),
  truncation: v.nullish(v.string()),
})
export type ResponsesBody = v.InferOutput<typeof responsesBodySchema>

/** @throws SiloError bad_request naming the field that cannot be served */
export function responsesRequestOf(body: ResponsesBody): GenerateRequest {
  if (body.previous_response_id) {
    throw unsupported(
      'previous_response_id',
      'responses are not stored; send the whole conversation as input',
    )
  }
  if (body.conversation) throw unsupported('conversation', 'not supported')
  if (body.prompt) throw unsupported('prompt', 'stored prompts are not supported')
  if (body.background) throw unsupported('background', 'not supported')
  if (body.truncation === 'auto') {
    throw unsupported('truncation', 'nothing is dropped from the input; leave it out')
  }
  const given = (body.tools ?? []).map((tool, index) => {
    const parsed = v.safeParse(functionSchema, tool)
    if (tool.type !== 'function' || !parsed.success) {
      throw unsupported(`tools.${index}`, 'only tools of type function are supported')
    }
    return toolOf(parsed.output)
  })
  const { tools, format } = toolsOf(
    given,
    choiceOf(body.tool_choice),
    formatOf(body.text?.format, 'text.format'),
  )
  const messages: ChatMessage[] = body.instructions
    ? [{ role: 'system', content: body.instructions }]
    : []
  if (typeof body.input === 'string') messages.push({ role: 'user', content: body.input })
  else readItems(body.input, messages)
  return {
    prompt: { kind: 'chat', messages, ...(tools.length > 0 ? { tools } : {}) },
    ...samplingOf({
      max_tokens: body.max_output_tokens,
      temperature: body.temperature,
      top_p: body.top_p,
    }),
    ...(format ? { format } : {}),
  }
}

function choiceOf(choice: ResponsesBody['tool_choice']): ToolChoice {
  if (!choice) return { mode: 'auto' }
  if (typeof choice === 'string') return { mode: choice }
  if (choice.type === 'function') return { mode: 'function', name: choice.name }
  return {
    mode: 'allowed',
    names: choice.tools.map((tool) => tool.name),
    required: choice.mode === 'required',
  }
}

function readItems(items: readonly Item[], messages: ChatMessage[]): void {
  const callNames = new Map<string, string>()
  items.forEach((item, index) => {
    const field = `input.${index}`
    switch (item.type ?? 'message') {
      case 'message': {
        if (!item.role) throw unsupported(`${field}.role`, 'expected a role')
        const role = item.role === 'developer' ? 'system' : item.role
        messages.push({ role, content: textOf(item.content, `${field}.content`) })
        return
      }
      case 'function_call': {
        const { call_id: id, name, arguments: text } = item
        if (!id || !name || typeof text !== 'string') {
          throw unsupported(field, 'expected call_id, name and arguments')
        }
        callNames.set(id, name)
        addCall(messages, { id, name, arguments: text })
        return
      }
      case 'function_call_output': {
        const name = callNames.get(item.call_id ?? '')
        if (name === undefined) {
          throw unsupported(`${field}.call_id`, 'answers no earlier function_call')
        }
        messages.push({
          role: 'tool',
          content: textOf(item.output, `${field}.output`),
          toolCallId: item.call_id!,
          name,
        })
        return
      }
      // Silo writes no reasoning items, and a template has no place for another server's.
      case 'reasoning':
        return
      default:
        throw unsupported(`${field}.type`, 'items of this type are not supported')
    }
  })
}

/** What one assistant turn said and called is one message for the model's template. */
function addCall(messages: ChatMessage[], call: ToolCall): void {
  const last = messages.at(-1)
  if (last?.role === 'assistant') {
    messages[messages.length - 1] = { ...last, toolCalls: [...(last.toolCalls ?? []), call] }
  } else {
    messages.push({ role: 'assistant', content: '', toolCalls: [call] })
  }
}

function textOf(content: Item['content'], field: string): string {
  if (content === null || content === undefined) throw unsupported(field, 'expected a text')
  if (typeof content === 'string') return content
  return content
    .map((part, index) => {
      const text = part.type === 'refusal' ? part.refusal : part.text
      const known = ['input_text', 'output_text', 'text', 'refusal'].includes(part.type)
      if (!known || typeof text !== 'string') {
        throw unsupported(`${field}.${index}`, 'only text parts are supported')
      }
      return text
    })
    .join('')
}
