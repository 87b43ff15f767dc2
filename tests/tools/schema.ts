// What a tool's two descriptions of its input say, for comparing them.

/** A part of a JSON Schema, as far as tools use it. */
export interface JsonSchema {
  readonly type?: string
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: unknown
  readonly items?: JsonSchema
  readonly enum?: readonly unknown[]
}

/** The parts of a valibot schema that say what it takes. */
interface Checked {
  readonly type: string
  readonly entries?: Readonly<Record<string, Checked>>
  readonly item?: Checked
  readonly wrapped?: Checked
  readonly options?: readonly unknown[]
  readonly pipe?: readonly { readonly type: string; readonly requirement?: unknown }[]
}

/** The JSON Schema that a valibot schema amounts to. @throws Error for what no tool uses yet */
export function shapeOf(schema: unknown): JsonSchema {
  const checked = schema as Checked
  switch (checked.type) {
    case 'strict_object': {
      const entries = Object.entries(checked.entries ?? {})
      return {
        type: 'object',
        properties: Object.fromEntries(entries.map(([name, each]) => [name, shapeOf(each)])),
        required: entries.filter(([, each]) => each.type !== 'optional').map(([name]) => name).toSorted(),
        additionalProperties: false,
      } // prettier-ignore
    }
    case 'optional':
    case 'nullable':
      return shapeOf(checked.wrapped)
    case 'array':
      return { type: 'array', items: shapeOf(checked.item) }
    case 'number':
      return { type: checked.pipe?.some(({ type }) => type === 'integer') ? 'integer' : 'number' }
    case 'picklist':
      return { type: 'string', enum: checked.options ?? [] }
    case 'string':
    case 'boolean':
      return { type: checked.type }
    default:
      throw new Error(`a tool's input uses ${checked.type}`)
  }
}

/** The same of a JSON Schema: words for the model left out, names in order. */
export function plainOf(schema: JsonSchema): JsonSchema {
  const { type, properties, required, additionalProperties, items } = schema
  return {
    ...(type === undefined ? {} : { type }),
    ...(properties
      ? {
          properties: Object.fromEntries(
            Object.entries(properties).map(([name, each]) => [name, plainOf(each)]),
          ),
          required: (required ?? []).toSorted(),
          additionalProperties,
        }
      : {}),
    ...(items ? { items: plainOf(items) } : {}),
    ...(schema.enum ? { enum: schema.enum } : {}),
  }
}

/** An input that fits: `texts` gives the words by the name of the property that holds them. */
export function sampleOf(
  schema: JsonSchema,
  texts: (property: string) => string,
  property = '',
): unknown {
  if (schema.enum) return schema.enum[0]
  switch (schema.type) {
    case 'object':
      return Object.fromEntries(
        Object.entries(schema.properties ?? {}).map(([name, each]) => [
          name,
          sampleOf(each, texts, name),
        ]),
      )
    case 'array':
      return [sampleOf(schema.items ?? {}, texts, property)]
    case 'integer':
    case 'number':
      return 1
    case 'boolean':
      return false
    default:
      return texts(property)
  }
}
