import * as v from 'valibot'
import { capabilitySchema } from '#shared/domain/capability.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { schemaOfJson } from './json-schema.ts'

/** A skill that a person wrote. */
export interface OwnSkill {
  readonly id: string
  readonly title: string
  readonly description: string
  readonly examples: readonly string[]
  /** Tools it may use; empty: all. */
  readonly tools: readonly string[]
  readonly parameters: Readonly<Record<string, unknown>>
  readonly input: v.GenericSchema<unknown, Record<string, unknown>>
  /** What the model is told. */
  readonly instructions: string
}

const head = v.object({
  title: v.pipe(v.string(), v.minLength(1), v.maxLength(200)),
  description: v.pipe(v.string(), v.minLength(1), v.maxLength(500)),
  examples: v.optional(v.pipe(v.array(v.pipe(v.string(), v.maxLength(300))), v.maxLength(50)), []),
  tools: v.optional(v.pipe(v.array(v.pipe(v.string(), v.regex(/^[a-z][a-z0-9_/.-]*$/))), v.maxLength(50)), []),
  capabilities: v.optional(v.array(capabilitySchema), []),
}) // prettier-ignore

const fence = /```json schema\s*\n([\s\S]*?)```/

/**
 * Reads a skill from Markdown: front matter between `---` lines (`title`, `description`, lists `examples` and `tools`), one
 * fence ```` ```json schema ```` with the JSON Schema of its input, and instructions for the model.
 * @throws SiloError skill_invalid
 */
export function readOwnSkill(id: string, source: string): OwnSkill {
  const match = /^\uFEFF?---[ \t]*\r?\n([\s\S]*?)\r?\n---[ \t]*(?:\r?\n|$)([\s\S]*)$/.exec(source)
  if (!match) throw refuse('front matter between --- lines is missing')
  const parsed = v.safeParse(head, frontMatter(match[1]!))
  if (!parsed.success) throw refuse(`${v.getDotPath(parsed.issues[0]) ?? ''}: ${parsed.issues[0].message}`) // prettier-ignore
  const body = match[2]!
  const schema = fence.exec(body)
  let parameters: Record<string, unknown> = { type: 'object', properties: {}, additionalProperties: false } // prettier-ignore
  let input
  try {
    if (schema) {
      const value: unknown = JSON.parse(schema[1]!)
      if (typeof value !== 'object' || value === null)
        throw new Error('the schema must be an object')
      parameters = { ...value, additionalProperties: false }
    }
    input = schemaOfJson(parameters)
  } catch (cause) {
    throw refuse(cause instanceof Error ? cause.message : 'schema', cause)
  }
  const instructions = body.replace(fence, '').trim()
  if (instructions === '') throw refuse('there are no instructions')
  const { title, description, examples, tools } = parsed.output
  return { id, title, description, examples, tools, parameters, input, instructions }
}

function refuse(detail: string, cause?: unknown): SiloError {
  return new SiloError('skill_invalid', { params: { detail }, cause })
}

/** `key: value`, and lists as `- item` lines or `[a, b]`. */
function frontMatter(text: string): Record<string, string | string[]> {
  const found: Record<string, string | string[]> = {}
  let list: string[] | undefined
  for (const line of text.split(/\r?\n/)) {
    const item = /^\s+-\s+(.*)$|^-\s+(.*)$/.exec(line)
    if (item && list) {
      list.push(unquoted(item[1] ?? item[2] ?? ''))
      continue
    }
    const pair = /^([a-z]+):\s*(.*)$/.exec(line)
    if (!pair) continue
    const [, key = '', value = ''] = pair
    if (value === '') found[key] = list = []
    else if (value.startsWith('[') && value.endsWith(']'))
      found[key] = value.slice(1, -1).split(',').map((each) => unquoted(each)).filter((each) => each !== '') // prettier-ignore
    else found[key] = unquoted(value)
  }
  return found
}

function unquoted(text: string): string {
  return text.trim().replace(/^(["'])(.*)\1$/, '$2')
}
