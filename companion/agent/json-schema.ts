import * as v from 'valibot'

type Json = Record<string, unknown>

/**
 * Checks values against the part of JSON Schema that own skills may use: an object of strings, numbers, integers,
 * booleans, enums and arrays of these. @throws Error for any other schema
 */
export function schemaOfJson(schema: Json): v.GenericSchema<unknown, Record<string, unknown>> {
  if (schema.type !== 'object') throw new Error('the schema must be an object')
  const properties = (schema.properties ?? {}) as Record<string, Json>
  const required = new Set((schema.required ?? []) as string[])
  const entries: Record<string, v.GenericSchema> = {}
  for (const [name, property] of Object.entries(properties)) {
    const value = valueOf(property, name)
    entries[name] = required.has(name) ? value : v.optional(value)
  }
  return v.strictObject(entries) as v.GenericSchema<unknown, Record<string, unknown>>
}

function valueOf(schema: Json, name: string): v.GenericSchema {
  if (Array.isArray(schema.enum))
    return v.picklist(schema.enum as string[]) as unknown as v.GenericSchema
  switch (schema.type) {
    case 'string':
      return v.pipe(v.string(), v.maxLength(10_000)) as v.GenericSchema
    case 'number':
      return v.number()
    case 'integer':
      return v.pipe(v.number(), v.integer()) as v.GenericSchema
    case 'boolean':
      return v.boolean()
    case 'array':
      return v.pipe(
        v.array(valueOf((schema.items ?? {}) as Json, name)),
        v.maxLength(1000),
      ) as v.GenericSchema
    default:
      throw new Error(`the type of “${name}” is not supported`)
  }
}
