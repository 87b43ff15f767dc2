import * as v from 'valibot'
import { SiloError, fromWire, wireErrorSchema } from '#shared/errors/silo-error.ts'

export interface RequestOptions {
  method?: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  /** Sent as JSON. */
  body?: unknown
  signal?: AbortSignal
  /** Milliseconds until `timeout`; 30 000 unless told. */
  timeoutMs?: number
}

const failureSchema = v.object({ error: wireErrorSchema })

/** The road to the companion. Replaced by the paired-device transports; same shape as `fetch`. */
let road: typeof fetch = (input, init) => fetch(input, init)
export function setRoad(next: typeof fetch): void {
  road = next
}

/** Called when the companion says that this browser is not signed in. */
let signOut: () => void = () => {}
export function onSignedOut(listener: () => void): void {
  signOut = listener
}

/**
 * One request to the companion. Returns the parsed answer, or `undefined` for 204.
 * @throws SiloError: what the companion said, or companion_unreachable, bad_response, timeout, cancelled
 */
export async function request<S extends v.GenericSchema>(
  path: string,
  schema: S,
  options: RequestOptions = {},
): Promise<v.InferOutput<S>> {
  const response = await send(path, options)
  const body: unknown = await response.json().catch(() => undefined)
  const parsed = v.safeParse(schema, body)
  if (!parsed.success) throw new SiloError('bad_response', { cause: parsed.issues[0]?.message })
  return parsed.output
}

/** A request whose answer has no body, or whose body the caller reads. Errors are thrown as in `request`. */
export async function send(path: string, options: RequestOptions = {}): Promise<Response> {
  const timeoutMs = options.timeoutMs ?? 30_000
  const timeout = AbortSignal.timeout(timeoutMs)
  let response: Response
  try {
    response = await road(path, {
      method: options.method ?? 'GET',
      credentials: 'same-origin',
      signal: options.signal ? AbortSignal.any([options.signal, timeout]) : timeout,
      ...(options.body === undefined
        ? {}
        : { body: JSON.stringify(options.body), headers: { 'content-type': 'application/json' } }),
    })
  } catch (cause) {
    if (options.signal?.aborted) throw new SiloError('cancelled', { cause })
    if (timeout.aborted)
      throw new SiloError('timeout', { params: { seconds: timeoutMs / 1000 }, cause })
    throw new SiloError('companion_unreachable', { cause })
  }
  if (response.ok) return response
  const failure = v.safeParse(failureSchema, await response.json().catch(() => undefined))
  const error = failure.success ? fromWire(failure.output.error) : new SiloError('bad_response')
  if (error.code === 'unauthorized') signOut()
  throw error
}
