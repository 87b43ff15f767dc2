import { SiloError } from '#shared/errors/silo-error.ts'

type Schema = Record<string, unknown>

const whitespace = 'ws ::= | " " | "\\n" [ \\t]{0,20}'
const primitives = `string ::= "\\"" char* "\\""
char ::= [^"\\\\\\x7F\\x00-\\x1F] | "\\\\" (["\\\\bfnrt/] | "u" [0-9a-fA-F]{4})
integer ::= "-"? ("0" | [1-9] [0-9]{0,15})
number ::= integer ("." [0-9]{1,16})? ([eE] [-+]? [0-9]{1,3})?
boolean ::= "true" | "false"
null ::= "null"
value ::= object | array | string | number | boolean | null
object ::= "{" ws (string ":" ws value (ws "," ws string ":" ws value)*)? ws "}"
array ::= "[" ws (value (ws "," ws value)*)? ws "]"
${whitespace}`

/** Keywords that would be silently ignored if they were let through. */
const refused = ['not', 'if', 'pattern', 'patternProperties', 'dependentSchemas', 'contains']

/** A GBNF grammar for any JSON object. */
export function jsonGrammar(): string {
  return `root ::= object\n${primitives}`
}

/**
 * A GBNF grammar for a JSON Schema. Structure, enums, consts, lengths and counts are enforced; numeric
 * bounds and string formats are not. @throws SiloError grammar_invalid
 */
export function schemaGrammar(schema: Schema): string {
  return new SchemaCompiler(schema).compile()
}

/** A grammar for one call of one of `tools`: `{"name": …, "arguments": …}`. */
export function toolGrammar(
  tools: readonly { readonly name: string; readonly parameters: Schema }[],
): string {
  return schemaGrammar({
    anyOf: tools.map((tool) => ({
      type: 'object',
      properties: {
        name: { const: tool.name },
        arguments: { type: 'object', ...tool.parameters },
      },
      required: ['name', 'arguments'],
    })),
  })
}

class SchemaCompiler {
  readonly #root: Schema
  readonly #rules: string[] = []
  readonly #references = new Map<string, string>()

  constructor(root: Schema) {
    this.#root = root
  }

  compile(): string {
    const body = this.#expression(this.#root, 0)
    return [`root ::= ${body}`, ...this.#rules, primitives].join('\n')
  }

  #rule(body: string): string {
    const name = `r${this.#rules.length}`
    this.#rules.push(`${name} ::= ${body}`)
    return name
  }

  #expression(input: unknown, depth: number): string {
    if (depth > 40) throw invalid('it is nested too deeply')
    if (input === true || input === undefined) return 'value'
    if (!isSchema(input)) throw invalid('a schema must be an object')
    for (const keyword of refused) {
      if (Object.hasOwn(input, keyword)) throw invalid(`“${keyword}” is not supported`)
    }
    if (typeof input.$ref === 'string') return this.#reference(input.$ref, depth)
    if (Object.hasOwn(input, 'const')) return literal(JSON.stringify(input.const))
    if (Array.isArray(input.enum)) {
      if (input.enum.length === 0) throw invalid('an enum is empty')
      return `(${input.enum.map((value) => literal(JSON.stringify(value))).join(' | ')})`
    }
    const choices = input.anyOf ?? input.oneOf
    if (Array.isArray(choices)) {
      if (choices.length === 0) throw invalid('anyOf is empty')
      return `(${choices.map((choice) => this.#expression(choice, depth + 1)).join(' | ')})`
    }
    if (Array.isArray(input.allOf)) return this.#expression(merge(input), depth + 1)
    if (Array.isArray(input.type)) {
      return `(${input.type.map((type) => this.#expression({ ...input, type }, depth + 1)).join(' | ')})`
    }
    switch (input.type ?? (isSchema(input.properties) ? 'object' : undefined)) {
      case undefined:
        return 'value'
      case 'object':
        return this.#object(input, depth)
      case 'array':
        return this.#array(input, depth)
      case 'string':
        return stringRule(input)
      case 'integer':
        return 'integer'
      case 'number':
        return 'number'
      case 'boolean':
        return 'boolean'
      case 'null':
        return 'null'
      default:
        throw invalid(`“${String(input.type)}” is not a JSON type`)
    }
  }

  #reference(target: string, depth: number): string {
    const known = this.#references.get(target)
    if (known) return known
    let found: unknown = this.#root
    if (!target.startsWith('#')) throw invalid('only references within the schema are supported')
    for (const part of target.slice(1).split('/').filter(Boolean)) {
      const key = part.replaceAll('~1', '/').replaceAll('~0', '~')
      found = isSchema(found) || Array.isArray(found) ? Reflect.get(found, key) : undefined
    }
    if (found === undefined) throw invalid(`there is nothing at “${target}”`)
    const name = `ref${this.#references.size}`
    this.#references.set(target, name)
    const body = this.#expression(found, depth + 1)
    this.#rules.push(`${name} ::= ${body}`)
    return name
  }

  #object(schema: Schema, depth: number): string {
    const properties = isSchema(schema.properties) ? Object.entries(schema.properties) : []
    if (properties.length === 0) {
      if (schema.additionalProperties === false) return '"{" ws "}"'
      if (!isSchema(schema.additionalProperties)) return 'object'
      const value = this.#rule(this.#expression(schema.additionalProperties, depth + 1))
      const pair = `string ":" ws ${value}`
      return this.#rule(`"{" ws (${pair} (ws "," ws ${pair})*)? ws "}"`)
    }
    const required = new Set(Array.isArray(schema.required) ? schema.required.map(String) : [])
    const pairs = properties.map(([key, value]) => ({
      required: required.has(key),
      rule: this.#rule(
        `${literal(JSON.stringify(key))} ws ":" ws ${this.#expression(value, depth + 1)}`,
      ),
    }))
    // `rest[i]`: what may follow once something was written, from property i on.
    let rest = ''
    const starts: string[] = []
    for (let i = pairs.length - 1; i >= 0; i--) {
      const pair = pairs[i]!
      starts.unshift(`${pair.rule} ${rest}`)
      const separated = `ws "," ws ${pair.rule}`
      rest = this.#rule(pair.required ? `${separated} ${rest}` : `(${separated})? ${rest}`)
    }
    const firstRequired = pairs.findIndex((pair) => pair.required)
    const usable = firstRequired < 0 ? starts : starts.slice(0, firstRequired + 1)
    const optional = firstRequired < 0 ? '?' : ''
    return this.#rule(`"{" ws (${usable.join(' | ')})${optional} ws "}"`)
  }

  #array(schema: Schema, depth: number): string {
    const item = this.#rule(this.#expression(schema.items, depth + 1))
    const least = count(schema.minItems) ?? 0
    const most = count(schema.maxItems)
    if (most === 0) return '"[" ws "]"'
    const more = `{${Math.max(0, least - 1)},${most === undefined ? '' : most - 1}}`
    const list = `${item} (ws "," ws ${item})${more}`
    return this.#rule(`"[" ws ${least > 0 ? list : `(${list})?`} ws "]"`)
  }
}

function stringRule(schema: Schema): string {
  const least = count(schema.minLength)
  const most = count(schema.maxLength)
  if (least === undefined && most === undefined) return 'string'
  // Large repeats explode the grammar; beyond this a length is not enforced.
  if ((least ?? 0) > 200 || (most ?? 0) > 200) return 'string'
  return `("\\"" char{${least ?? 0},${most ?? ''}} "\\"")`
}

function merge(schema: Schema): Schema {
  const { allOf, ...own } = schema
  const merged: Schema = { ...own }
  for (const part of Array.isArray(allOf) ? allOf : []) {
    if (!isSchema(part) || typeof part.$ref === 'string')
      throw invalid('this “allOf” cannot be merged')
    for (const [key, value] of Object.entries(part)) {
      const before = merged[key]
      if (key === 'required' && Array.isArray(before) && Array.isArray(value)) {
        merged[key] = [...before, ...value]
      } else if (isSchema(before) && isSchema(value)) merged[key] = { ...before, ...value }
      else merged[key] = value
    }
  }
  return merged
}

function count(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 ? value : undefined
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function literal(text: string): string {
  const escaped = text
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    .replaceAll('\n', '\\n')
    .replaceAll('\r', '\\r')
  return `"${escaped}"`
}

function invalid(detail: string): SiloError {
  return new SiloError('grammar_invalid', { params: { detail } })
}
