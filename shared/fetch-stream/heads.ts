import * as v from 'valibot'
import { SiloError } from '#shared/errors/silo-error.ts'

const headersSchema = v.pipe(
  v.array(v.tuple([v.pipe(v.string(), v.maxLength(256)), v.pipe(v.string(), v.maxLength(16_384))])),
  v.maxLength(100),
)

export const requestHeadSchema = v.object({
  method: v.picklist(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']),
  path: v.pipe(v.string(), v.maxLength(8192), v.regex(/^\/[^\s#\\]*$/)),
  headers: headersSchema,
  /** Whether a body follows. */
  body: v.boolean(),
})
export type RequestHead = v.InferOutput<typeof requestHeadSchema>

export const responseHeadSchema = v.object({
  status: v.pipe(v.number(), v.integer(), v.minValue(200), v.maxValue(599)),
  headers: headersSchema,
})
export type ResponseHead = v.InferOutput<typeof responseHeadSchema>

/** Of one connection only, or a claim of who calls: that is the stream's business. */
const dropped = new Set(
  'connection keep-alive transfer-encoding upgrade te trailer host origin cookie set-cookie authorization expect proxy-connection'.split(
    ' ',
  ),
)

/** Headers as they cross: in lower case, without those of the hop. */
export function crossing(headers: Iterable<[string, string]>): [string, string][] {
  return [...headers]
    .map(([name, value]): [string, string] => [name.toLowerCase(), value])
    .filter(([name]) => !dropped.has(name) && !name.startsWith('sec-'))
}

/** @throws SiloError protocol_violation */
export function parseHead<S extends v.GenericSchema>(schema: S, head: unknown): v.InferOutput<S> {
  const parsed = v.safeParse(schema, head)
  if (!parsed.success) throw new SiloError('protocol_violation')
  return parsed.output
}

/** Statuses whose answers have no body. */
export const bodiless: ReadonlySet<number> = new Set([204, 205, 304])
