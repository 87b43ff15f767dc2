import * as v from 'valibot'
import type { GenerateRequest, ToolSpec } from '#shared/contracts/engine.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { unsupported } from './errors.ts'

const jsonObject = v.record(v.string(), v.unknown())

/** `response_format` of chat completions and `text.format` of responses. */
export function formatOf(
  format: { type: string; schema?: Record<string, unknown> | null | undefined } | null | undefined,
  field: string,
): GenerateRequest['format'] {
  switch (format?.type) {
    case undefined:
    case 'text':
      return undefined
    case 'json_object':
      return { type: 'json' }
    case 'json_schema':
      if (!format.schema) {
        throw new SiloError('bad_request', {
          params: { detail: `${field}: expected a schema` },
          field,
        })
      }
      return { type: 'json-schema', schema: format.schema }
    default:
      throw unsupported(`${field}.type`, 'expected text, json_object or json_schema')
  }
}

export const functionSchema = v.object({
  name: v.pipe(v.string(), v.minLength(1), v.maxLength(128)),
  description: v.nullish(v.string()),
  parameters: v.nullish(jsonObject),
})
export type FunctionDefinition = v.InferOutput<typeof functionSchema>

export function toolOf(definition: FunctionDefinition): ToolSpec {
  return {
    name: definition.name,
    ...(definition.description ? { description: definition.description } : {}),
    parameters: definition.parameters ?? { type: 'object', properties: {} },
  }
}

/** `tool_choice` once the two spellings of a named function have been made one. */
export type ToolChoice =
  | { mode: 'auto' | 'none' | 'required' }
  | { mode: 'function'; name: string }
  | { mode: 'allowed'; names: string[]; required: boolean }

/**
 * The tools that take part and the format that forces a call, by `tool_choice`.
 * @throws SiloError bad_request where a tool is chosen that was not given
 */
export function toolsOf(
  tools: readonly ToolSpec[],
  choice: ToolChoice,
  format: GenerateRequest['format'],
): { tools: readonly ToolSpec[]; format: GenerateRequest['format'] } {
  const known = (name: string): ToolSpec => {
    const tool = tools.find((tool) => tool.name === name)
    if (!tool) throw unsupported('tool_choice', 'names a tool that is not among tools')
    return tool
  }
  switch (choice.mode) {
    case 'none':
      return { tools: [], format }
    case 'auto':
      return { tools, format }
    case 'required':
      if (tools.length === 0)
        throw unsupported('tool_choice', 'a call is required but no tools are given')
      return { tools, format: { type: 'tool' } }
    case 'function':
      return { tools, format: { type: 'tool', name: known(choice.name).name } }
    case 'allowed':
      return {
        tools: choice.names.map(known),
        format: choice.required ? { type: 'tool' } : format,
      }
  }
}
