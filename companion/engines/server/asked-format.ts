import { AjvJsonSchemaValidator } from '@modelcontextprotocol/sdk/validation/ajv'
import type { GenerateEvent, GenerateRequest, Prompt, ToolCall } from '#shared/contracts/engine.ts'
import { newId } from '#shared/domain/ids.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { grammarOf } from '#shared/generation/llama-server.ts'
import { callSchema } from '#shared/generation/plain-chat.ts'
import { parseToolCall } from '#shared/generation/tool-calls.ts'

type Schema = Record<string, unknown>
type Generate = (request: GenerateRequest) => AsyncIterable<GenerateEvent>

/**
 * Keeps to the `format` of a request with an engine that cannot be held to one: asks for it in words, takes the JSON out
 * of the answer and checks it. Its text comes at once, at the end; an answer that was cut off comes as it is.
 * @throws SiloError grammar_invalid (the schema cannot be used, or the answer is not of it), bad_request (no such tool)
 */
export async function* askedFormat(
  request: GenerateRequest,
  generate: Generate,
): AsyncGenerator<GenerateEvent> {
  const { format, ...plain } = request
  if (!format) return yield* generate(request)
  // What no other engine takes is not taken here either.
  grammarOf(request)
  const schema = schemaOf(request)
  const instruction = instructionOf(request, schema)
  let text = ''
  let called: ToolCall | undefined
  for await (const event of generate({
    ...plain,
    prompt: withInstruction(request.prompt, instruction),
  })) {
    if (event.type === 'text') text += event.text
    else if (event.type === 'tool-call') called ??= event.call
    else if (event.type !== 'end') yield event
    else if (event.reason === 'abort') yield event
    else yield* checked(request, schema, { text, called, end: event })
  }
}

interface Answer {
  readonly text: string
  /** The engine's reader took it for one. */
  readonly called: ToolCall | undefined
  readonly end: Extract<GenerateEvent, { type: 'end' }>
}

function* checked(
  request: GenerateRequest,
  schema: Schema,
  { text, called, end }: Answer,
): Generator<GenerateEvent> {
  const asked = called ? { name: called.name, arguments: parsed(called.arguments) } : undefined
  const found = asked ? JSON.stringify(asked) : jsonIn(text, (value) => matches(schema, value))
  if (found !== undefined && matches(schema, parsed(found))) {
    if (request.format?.type !== 'tool') {
      yield { type: 'text', text: found }
      return yield { ...end, reason: 'stop' }
    }
    const tools = request.prompt.kind === 'chat' ? (request.prompt.tools ?? []) : []
    const call = parseToolCall(found, new Set(tools.map(({ name }) => name)), called?.id ?? newId())
    if (call) {
      yield { type: 'tool-call', call }
      return yield { ...end, reason: 'tool-calls' }
    }
  }
  if (end.reason !== 'length') throw new SiloError('grammar_invalid', { params: { detail: 'the model’s answer does not keep to it' } }) // prettier-ignore
  if (text) yield { type: 'text', text }
  yield end
}

function schemaOf({ prompt, format }: GenerateRequest): Schema {
  if (format?.type === 'json-schema') return format.schema
  if (format?.type !== 'tool') return { type: 'object' }
  const tools = prompt.kind === 'chat' ? (prompt.tools ?? []) : []
  return callSchema(tools, format.name)
}

function instructionOf({ format }: GenerateRequest, schema: Schema): string {
  if (format?.type === 'json') return 'Answer with one JSON object and nothing else.'
  const what = format?.type === 'tool' ? 'Call a function now: answer with one JSON value' : 'Answer with one JSON value' // prettier-ignore
  return `${what} that matches this JSON schema, and nothing else:\n${JSON.stringify(schema)}`
}

/** The instruction comes last, where small models heed it most. */
function withInstruction(prompt: Prompt, instruction: string): Prompt {
  if (prompt.kind === 'text') return { ...prompt, text: `${prompt.text}\n\n${instruction}\n` }
  const last = prompt.messages.at(-1)
  const messages =
    last?.role === 'user'
      ? [...prompt.messages.slice(0, -1), { ...last, content: `${last.content}\n\n${instruction}` }]
      : [...prompt.messages, { role: 'user' as const, content: instruction }]
  return { ...prompt, messages }
}

/** The first JSON in an answer that `fits`: all of it, a code block in it, or what brackets enclose. */
function jsonIn(text: string, fits: (value: unknown) => boolean): string | undefined {
  const blocks = [...text.matchAll(/```(?:json)?\s*([^]*?)```/g)].map(([, block]) => block ?? '')
  const enclosed = (['{}', '[]'] as const).flatMap(([open, close]) => {
    const [start, end] = [text.indexOf(open!), text.lastIndexOf(close!)]
    return start >= 0 && end > start ? [text.slice(start, end + 1)] : []
  })
  return [text, ...blocks, ...enclosed]
    .map((candidate) => candidate.trim())
    .find((candidate) => {
      const value = parsed(candidate)
      return value !== undefined && fits(value)
    })
}

/** Undefined where it is no JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function matches(schema: Schema, value: unknown): boolean {
  try {
    return new AjvJsonSchemaValidator().getValidator(schema)(value).valid
  } catch (cause) {
    throw new SiloError('grammar_invalid', { params: { detail: 'it is no JSON schema' }, cause })
  }
}
